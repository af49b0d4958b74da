"""ROC curves with DeLong's variance and paired test, numerically as in pROC (Robin et al., BMC Bioinformatics 2011)."""

from dataclasses import dataclass
from functools import cached_property
from math import copysign, erfc, inf
from statistics import NormalDist
from typing import Literal

import numpy as np

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.labelled_table import check_classes

Direction = Literal["auto", "<", ">"]
"""``<``: controls score lower than cases; ``>``: higher; ``auto``: by the medians, ``<`` where they are equal."""


@dataclass(frozen=True)
class OperatingPoint:
    """A cut-off with its sensitivity and specificity; positive is a score on the cases' side of it, or on it."""

    threshold: float
    sensitivity: float
    specificity: float


@dataclass(frozen=True, eq=False)
class Roc:
    """How well one score tells cases from controls; made by `roc`.

    `cases` and `controls` are their scores. `case_placements` is, of each case, the share of controls that score less
    like a case (ties count half), `control_placements` of each control the share of cases that score more like one.
    """

    direction: Literal["<", ">"]
    cases: np.ndarray
    controls: np.ndarray
    case_placements: np.ndarray
    control_placements: np.ndarray

    @property
    def auc(self) -> float:
        """The area under the curve: the Mann-Whitney statistic."""
        return float(self.case_placements.mean())

    @cached_property
    def variance(self) -> float:
        """DeLong's variance of the AUC (DeLong, DeLong and Clarke-Pearson, Biometrics 1988; 44: 837)."""
        return _variance(self.case_placements, self.control_placements)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return DeLong's confidence interval of the AUC, clipped to [0, 1]."""
        half = NormalDist().inv_cdf(0.5 + level / 2) * self.variance**0.5
        return max(0.0, self.auc - half), min(1.0, self.auc + half)

    @cached_property
    def points(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Thresholds midway between neighbouring scores and beyond both ends, from the most sensitive to the least;
        their sensitivities and specificities."""
        sign = 1.0 if self.direction == "<" else -1.0
        cases, controls = np.sort(sign * self.cases), np.sort(sign * self.controls)
        steps = np.unique(np.concatenate([cases, controls]))
        # Halves are added, for a sum may overflow; neighbours with nothing between them are parted by the upper one.
        middles = np.maximum(np.nextafter(steps[:-1], np.inf), steps[:-1] / 2 + steps[1:] / 2)
        thresholds = np.concatenate([[-np.inf], middles, [np.inf]])
        sensitivity = (len(cases) - np.searchsorted(cases, thresholds, "left")) / len(cases)
        specificity = np.searchsorted(controls, thresholds, "left") / len(controls)
        return sign * thresholds, sensitivity, specificity

    def at(self, threshold: float) -> OperatingPoint:
        """Return the sensitivity and specificity of a cut-off."""
        if self.direction == "<":
            return OperatingPoint(
                threshold, float((self.cases >= threshold).mean()), float((self.controls < threshold).mean())
            )
        return OperatingPoint(
            threshold, float((self.cases <= threshold).mean()), float((self.controls > threshold).mean())
        )

    def youden(self) -> OperatingPoint:
        """Return the cut-off with the largest sensitivity + specificity; of several, the most sensitive."""
        _, sensitivity, specificity = self.points
        return self._point(int(np.argmax(sensitivity + specificity)))

    def at_sensitivity(self, wanted: float) -> OperatingPoint:
        """Return the most specific cut-off with at least this sensitivity."""
        _, sensitivity, _ = self.points
        return self._point(int(np.flatnonzero(sensitivity >= wanted)[-1]))

    def _point(self, index: int) -> OperatingPoint:
        thresholds, sensitivity, specificity = self.points
        return OperatingPoint(float(thresholds[index]), float(sensitivity[index]), float(specificity[index]))


@dataclass(frozen=True)
class DelongTest:
    """Two AUCs of the same rows compared: their difference, its standard error, z and the two-sided p."""

    difference: float
    standard_error: float
    z: float
    p: float


def roc(labels: np.ndarray, scores: np.ndarray, direction: Direction = "auto", name: str = "The score") -> Roc:
    """Return the ROC curve of scores (rows) for boolean labels (rows); `name` is what an error calls the score.

    Rows are taken as independent: several vertebrae of one patient make DeLong's intervals too narrow.
    Raises `InputError` for one class alone, fewer than two rows of a class, missing, infinite or constant scores.
    """
    labels, scores = np.asarray(labels, dtype=bool), np.asarray(scores, dtype=float)
    if labels.shape != scores.shape or labels.ndim != 1:
        raise InputError(f"{name} has {scores.size} values for {labels.size} labels; one for each row is needed.")
    check_classes(labels, "The label", least=2)
    bad = int((~np.isfinite(scores)).sum())
    if bad:
        raise InputError(f"{name} has no finite value in {bad} of {scores.size} rows; remove those rows.")
    if scores.min() == scores.max():
        raise InputError(f"{name} has the same value in every row; it ranks nobody.")
    cases, controls = scores[labels], scores[~labels]
    if direction == "auto":
        direction = "<" if np.median(controls) <= np.median(cases) else ">"
    below = _share_below(cases, controls)
    above = 1 - _share_below(controls, cases)
    if direction == ">":
        below, above = 1 - below, 1 - above
    return Roc(direction, cases, controls, below, above)


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the share of pairs whose case scores higher than the control (ties half); 0.5 for a constant score."""
    labels = np.asarray(labels, dtype=bool)
    return float(_share_below(scores[labels], scores[~labels]).mean())


def delong_test(first: Roc, second: Roc) -> DelongTest:
    """Compare two scores of the same rows (paired test of DeLong et al. 1988); z > 0 where the first is better.

    Raises `InputError` where the two are not of the same numbers of cases and controls.
    """
    if len(first.cases) != len(second.cases) or len(first.controls) != len(second.controls):
        raise InputError("DeLong's paired test needs both scores on the same rows.")
    difference = first.auc - second.auc
    cases = first.case_placements - second.case_placements
    error = _variance(cases, first.control_placements - second.control_placements) ** 0.5
    z = difference / error if error else copysign(inf, difference) if difference else 0.0
    return DelongTest(difference, error, z, erfc(abs(z) / 2**0.5))


def _share_below(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return, of each value, the share of others below it, ties counting half: by sorting, in O(n log n).

    The midranks of Sun and Xu (IEEE Signal Process Lett 2014; 21: 1389).
    """
    others = np.sort(others)
    return (np.searchsorted(others, values, "left") + np.searchsorted(others, values, "right")) / (2 * len(others))


def _variance(case_placements: np.ndarray, control_placements: np.ndarray) -> float:
    """Return the variance of an AUC, or of a difference of two, from (differences of) placements."""
    return sum(float(np.var(part, ddof=1)) / len(part) for part in (case_placements, control_placements))
