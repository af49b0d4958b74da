"""Two classes told apart at a threshold: the counts and rates that papers on radiographs print."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from OsteoScreenLib.evaluation.roc import roc


@dataclass(frozen=True)
class Classification:
    """Counts at a threshold, and the area under the ROC curve with DeLong's 95 % interval, free of any threshold."""

    threshold: float
    true_positive: int
    false_positive: int
    true_negative: int
    false_negative: int
    auc: float
    auc_ci95: tuple[float, float]

    @property
    def accuracy(self) -> float:
        """Share of all rows that are right."""
        right = self.true_positive + self.true_negative
        return right / (right + self.false_positive + self.false_negative)

    @property
    def sensitivity(self) -> float:
        """Share of the ill that are found."""
        return self.true_positive / (self.true_positive + self.false_negative)

    @property
    def specificity(self) -> float:
        """Share of the healthy that are left alone."""
        return self.true_negative / (self.true_negative + self.false_positive)

    @property
    def f1(self) -> float:
        """Harmonic mean of sensitivity and precision."""
        return 2 * self.true_positive / (2 * self.true_positive + self.false_positive + self.false_negative)

    def as_values(self) -> dict[str, Any]:
        """Return all figures by the names that papers print."""
        return {
            "TP": self.true_positive,
            "FP": self.false_positive,
            "TN": self.true_negative,
            "FN": self.false_negative,
            "accuracy": self.accuracy,
            "sensitivity": self.sensitivity,
            "specificity": self.specificity,
            "F1": self.f1,
            "AUC": self.auc,
            "AUC_ci95": list(self.auc_ci95),
        }


def classify(ill: np.ndarray, scores: np.ndarray, threshold: float) -> Classification:
    """Return how scores (rows) tell the ill (rows, boolean) from the healthy: ill from `threshold` up.

    Raises `InputError` where a class is missing.
    """
    curve = roc(ill, scores, "<")
    said = scores >= threshold
    ill = np.asarray(ill, dtype=bool)
    return Classification(
        threshold,
        int((said & ill).sum()),
        int((said & ~ill).sum()),
        int((~said & ~ill).sum()),
        int((~said & ill).sum()),
        curve.auc,
        curve.interval(),
    )
