"""Predictors on the training and the test set: directions, cut-offs and risks are learned on the first alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.evaluation.calibration import Calibration, calibration, logistic
from OsteoScreenLib.evaluation.decision_curves import decision_curves
from OsteoScreenLib.evaluation.predictors import Predictors, compare_predictors
from OsteoScreenLib.evaluation.roc import Direction, OperatingPoint

if TYPE_CHECKING:
    import pandas as pd

ALL_ROWS, TRAIN = "all rows", "train"


@dataclass(frozen=True, eq=False)
class Part:
    """One set of rows: its predictors, their accuracy at the first set's cut-offs, decision curves and calibration.

    `calibrations` lacks predictors whose risks part the classes wholly.
    """

    name: str
    rows: int
    cases: int
    predictors: Predictors
    points: dict[str, OperatingPoint]
    decisions: "pd.DataFrame"
    calibrations: dict[str, Calibration]


def study(
    labels: np.ndarray, scores: Mapping[str, np.ndarray], sets: np.ndarray | None = None, direction: Direction = "auto"
) -> tuple[Part, ...]:
    """Compare scores (rows) by name for boolean labels (rows) in each of `sets` (rows), ``train`` coming first.

    Scores within [0, 1] are taken as risks; of others a logistic regression on the first set makes risks. Where there
    is one set alone its calibration says nothing of new rows. Raises `InputError` as `compare_predictors` does.
    """
    labels = np.asarray(labels, dtype=bool)
    sets = np.full(len(labels), ALL_ROWS) if sets is None else np.asarray(sets).astype(str)
    names = sorted(set(sets.tolist()), key=lambda name: (name != TRAIN, name))
    parts: list[Part] = []
    first = sets == names[0]
    directions: Direction | dict[str, Direction] = direction
    cutoffs: dict[str, float] = {}
    risks = {name: _risks(labels, values, first) for name, values in scores.items()}
    for name in names:
        rows = sets == name
        try:
            compared = compare_predictors(
                labels[rows], {key: values[rows] for key, values in scores.items()}, directions
            )
        except InputError as error:
            raise InputError(f"In the set '{name}': {error}") from error
        if not parts:
            directions = {key: curve.direction for key, curve in compared.curves.items()}
            cutoffs = {key: curve.youden().threshold for key, curve in compared.curves.items()}
        of_rows = {key: values[rows] for key, values in risks.items()}
        points = {key: curve.at(cutoffs[key]) for key, curve in compared.curves.items()}
        decisions = decision_curves(labels[rows], of_rows)
        cases = int(labels[rows].sum())
        parts.append(
            Part(name, int(rows.sum()), cases, compared, points, decisions, _calibrations(labels[rows], of_rows))
        )
    return tuple(parts)


def study_table(table: "pd.DataFrame", label: str, scores: Sequence[str], sets: str | None = None) -> tuple[Part, ...]:
    """Compare columns of a cohort's table: `scores` for the column `label`, in each of the sets in the column `sets`.

    Raises `InputError` for columns that are missing or hold what they should not.
    """
    from OsteoScreenLib.labelled_table import column, labels, numbers

    values = dict(zip(scores, numbers(table, list(scores)).T, strict=True))
    return study(labels(table, label), values, column(table, sets).to_numpy() if sets else None)


def _risks(labels: np.ndarray, scores: np.ndarray, first: np.ndarray) -> np.ndarray:
    from scipy.special import expit

    if scores.min() >= 0 and scores.max() <= 1:
        return scores
    middle, spread = scores[first].mean(), scores[first].std()
    if spread == 0:
        raise InputError("A score has the same value in every row; it ranks nobody.")
    try:
        intercept, slope = logistic(labels[first], (scores[first] - middle) / spread)
    except InputError:
        # The classes lie wholly apart: a line steep enough keeps the order and stays finite.
        steep = 20.0 if scores[first][labels[first]].mean() >= middle else -20.0
        intercept, slope = 0.0, steep
    return expit(intercept + slope * (scores - middle) / spread)


def _calibrations(labels: np.ndarray, risks: Mapping[str, np.ndarray]) -> dict[str, Calibration]:
    found = {}
    for name, values in risks.items():
        try:
            found[name] = calibration(labels, values)
        except InputError:
            continue
    return found
