"""Whether predicted probabilities come true: calibration curve, intercept, slope and Brier score."""

from dataclasses import dataclass

import numpy as np

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.labelled_table import check_classes

LEAST_PROBABILITY = 1e-9


@dataclass(frozen=True, eq=False)
class Calibration:
    """How predictions meet what happened.

    `intercept` is 0 where predictions are right on the whole (below: too high), `slope` is 1 where they spread as
    they should (below 1: too sure of themselves). `predicted`, `observed` and `counts` are the curve's points.
    """

    brier: float
    intercept: float
    slope: float
    predicted: np.ndarray
    observed: np.ndarray
    counts: np.ndarray


def calibration(labels: np.ndarray, probabilities: np.ndarray, bins: int | None = None) -> Calibration:
    """Compare probabilities (rows) with labels (rows); the curve has `bins` points of equally many rows, or one
    for 15 rows and at most ten.

    Cox, Biometrika 1958; 45: 562; Van Calster et al., BMC Med 2019; 17: 230. Raises `InputError` for values outside
    [0, 1], equal ones, one class alone, and classes that the probabilities part wholly (the slope is infinite).
    """
    from scipy.special import logit

    labels, probabilities = np.asarray(labels, dtype=bool), np.asarray(probabilities, dtype=float)
    check_classes(labels, "The label")
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise InputError("Calibration needs probabilities from 0 to 1.")
    if probabilities.min() == probabilities.max():
        raise InputError("All probabilities are equal; there is no curve to draw.")
    odds = logit(np.clip(probabilities, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY))
    parts = np.array_split(np.argsort(probabilities, kind="stable"), bins or max(2, min(10, len(labels) // 15)))
    return Calibration(
        float(np.mean((probabilities - labels) ** 2)),
        _offset(labels, odds),
        logistic(labels, odds)[1],
        np.array([probabilities[part].mean() for part in parts]),
        np.array([labels[part].mean() for part in parts]),
        np.array([len(part) for part in parts]),
    )


def logistic(labels: np.ndarray, x: np.ndarray) -> tuple[float, float]:
    """Return intercept and slope of a logistic regression on one variable, by Newton's method.

    Raises `InputError` where the classes are parted wholly, which leaves no finite slope.
    """
    from scipy.special import expit

    design = np.column_stack([np.ones(len(x)), x])
    beta = np.zeros(2)
    for _ in range(100):
        p = expit(design @ beta)
        weighted = design * (p * (1 - p))[:, None]
        try:
            step = np.linalg.solve(design.T @ weighted, design.T @ (labels - p))
        except np.linalg.LinAlgError:
            break
        beta += step
        if np.abs(step).max() < 1e-12 * max(1.0, np.abs(beta).max()):
            return float(beta[0]), float(beta[1])
    raise InputError("The values part the classes wholly, or nearly; a logistic regression has no finite slope.")


def _offset(labels: np.ndarray, odds: np.ndarray) -> float:
    """Return what must be added to all log odds for the mean prediction to be the prevalence."""
    from scipy.optimize import brentq
    from scipy.special import expit

    return float(brentq(lambda shift: expit(odds + shift).mean() - labels.mean(), -60, 60, xtol=1e-14))
