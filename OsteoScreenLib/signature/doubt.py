"""How far a rad-score can be believed for one case: interval, calibrated probability, features unlike training.

The interval is a percentile bootstrap of the coefficients (patients drawn with replacement, the signature's features
and penalty kept; Efron and Tibshirani 1993); the calibration is Cox's (Biometrika 1958; 45: 562), on scores of patients
that were held out in turn. Neither knows of the doubt in which features were chosen.
"""

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.evaluation.calibration import logistic
from OsteoScreenLib.signature.lasso import fit_path
from OsteoScreenLib.splits import draw_folds

if TYPE_CHECKING:
    import pandas as pd

RESAMPLES = 200
LEVEL = 0.95
INSIDE, UNKNOWN = "inside", "unknown"
"""What ``training_range`` says of a row within, and for a signature that was saved without the ranges."""
NAMED = 3
"""So many of the features farthest outside the training range are named."""


class Doubt(BaseModel):
    """What training leaves behind to doubt a score by.

    `lows` and `highs` bound each feature in training; `draws` (resamples, 1 + features) are intercepts and coefficients
    of the resamples; `calibration` is the intercept and slope that turn a score into calibrated log odds, None where
    the classes are parted wholly.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    lows: tuple[float, ...]
    highs: tuple[float, ...]
    draws: Annotated[tuple[tuple[float, ...], ...], Field(min_length=1)]
    calibration: tuple[float, float] | None

    def interval(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the lower and upper bound (rows,) of the scores of features (rows, features)."""
        draws = np.array(self.draws)
        scores = draws[:, :1] + draws[:, 1:] @ X.T
        low, high = np.quantile(scores, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
        return low, high

    def probability(self, score: np.ndarray) -> np.ndarray:
        """Return the calibrated probability of scores (rows,), NaN where there is no calibration."""
        from scipy.special import expit

        return (
            np.full(len(score), np.nan)
            if self.calibration is None
            else expit(self.calibration[0] + self.calibration[1] * score)
        )


def learn_doubt(
    X: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray | None,
    penalty: float,
    folds: int,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Doubt:
    """Return the doubt that training rows leave: features (rows, features), labels and patients (rows,).

    The features are the signature's, `penalty` its lambda; `folds` as it was fitted with. Raises `InputError` where
    hardly any draw of patients holds both classes.
    """
    rng = np.random.default_rng(seed)
    owners = np.arange(len(y)) if groups is None else np.unique(groups, return_inverse=True)[1]
    draws = []
    for _ in range(2 * resamples):
        drawn = np.bincount(rng.integers(0, owners.max() + 1, owners.max() + 1), minlength=owners.max() + 1)
        times = drawn[owners]
        rows = np.repeat(np.arange(len(y)), times)
        if min(y[rows].sum(), (~y[rows]).sum()) < 2 or X.shape[1] == 0 or (np.ptp(X[rows], 0) == 0).all():
            continue
        intercept, coefficients = fit_path(X[rows], y[rows]).coefficients(penalty)
        draws.append((intercept, *coefficients.tolist()))
        if len(draws) == resamples:
            break
    if len(draws) < resamples / 2:
        raise InputError("Too few patients, or no feature, to tell how sure the rad-score is.")
    return Doubt(
        lows=tuple(X.min(0).tolist()),
        highs=tuple(X.max(0).tolist()),
        draws=tuple(draws),
        calibration=_calibration(X, y, groups, penalty, folds, seed),
    )


def outside(doubt: Doubt, names: tuple[str, ...], scales: tuple[float, ...], X: np.ndarray) -> list[str]:
    """Return of each row which features lie outside their range in training, the worst three by name; else `INSIDE`.

    How far is counted in SDs of the feature in training.
    """
    lows, highs, steps = np.array(doubt.lows), np.array(doubt.highs), np.maximum(scales, 1e-12)
    beyond = (X - np.clip(X, lows, highs)) / steps
    said = []
    for row in beyond:
        worst = [n for n in np.argsort(-np.abs(row), kind="stable") if row[n] != 0]
        named = ", ".join(f"{names[n]} ({row[n]:+.1f} SD)" for n in worst[:NAMED])
        said.append(f"{len(worst)} of {len(names)} outside: {named}" if worst else INSIDE)
    return said


def doubt_columns(
    doubt: Doubt | None, names: tuple[str, ...], scales: tuple[float, ...], X: np.ndarray, score: np.ndarray
) -> "dict[str, np.ndarray | list[str]]":
    """Return the columns that say how sure scores are; NaN and `UNKNOWN` for a signature without doubt."""
    nothing = np.full(len(score), np.nan)
    low, high = doubt.interval(X) if doubt else (nothing, nothing)
    return {
        "rad_score_low": low,
        "rad_score_high": high,
        "calibrated_probability": doubt.probability(score) if doubt else nothing,
        "calibrated_probability_low": doubt.probability(low) if doubt else nothing,
        "calibrated_probability_high": doubt.probability(high) if doubt else nothing,
        "training_range": outside(doubt, names, scales, X) if doubt else [UNKNOWN] * len(score),
    }


def row_in_words(row: "pd.Series | dict") -> list[str]:
    """Return the cells that a panel shows of one row of scores: score, probability (calibrated if known), range."""
    score, probability = f"{row['rad_score']:.3f}", f"{row['probability']:.0%}"
    if np.isfinite(row["rad_score_low"]):
        score += f" ({row['rad_score_low']:.2f} to {row['rad_score_high']:.2f})"
    if np.isfinite(row["calibrated_probability"]):
        low, high = sorted((row["calibrated_probability_low"], row["calibrated_probability_high"]))
        probability = f"{row['calibrated_probability']:.0%} ({low:.0%} to {high:.0%})"
    return [score, probability, row["training_range"]]


def _calibration(
    X: np.ndarray, y: np.ndarray, groups: np.ndarray | None, penalty: float, folds: int, seed: int
) -> tuple[float, float] | None:
    folds = draw_folds(y, folds, groups, seed)
    scores = np.empty(len(y))
    for fold in np.unique(folds):
        out = folds == fold
        intercept, coefficients = fit_path(X[~out], y[~out]).coefficients(penalty)
        scores[out] = intercept + X[out] @ coefficients
    try:
        return logistic(y, scores)
    except InputError:
        return None
