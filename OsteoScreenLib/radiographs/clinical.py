"""What is known of a patient beside the film: a logistic layer that adds age, sex and BMI to an image's logit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

CLINICAL = ("age", "sex", "bmi")
"""Years, 1 for female and 0 for male, kg/m2."""


@dataclass(frozen=True)
class ClinicalLayer:
    """A logistic layer over [logit, age, sex, BMI]: weights, and the means and spreads of what it was fitted on.

    What is not known of a patient counts as the mean of those who taught it, and so for nothing.
    """

    intercept: float
    weights: dict[str, float]
    means: dict[str, float]
    spreads: dict[str, float]

    def probability(self, logit: float, clinical: Mapping[str, float | None]) -> float:
        """Return the probability in [0, 1] for an image's logit and what is known of the patient."""
        known = {"logit": logit, **{name: clinical[name] for name in CLINICAL if clinical.get(name) is not None}}
        total = self.intercept + sum(
            self.weights[name] * (value - self.means[name]) / self.spreads[name] for name, value in known.items()
        )
        return float(1 / (1 + np.exp(-total)))


def fit_clinical(
    logits: Sequence[float], clinical: Sequence[Mapping[str, float | None]], labels: Sequence[bool]
) -> ClinicalLayer:
    """Fit the logistic layer (L2 penalty of weight 1 on standardised values) on patients with a known label.

    A quantity that nobody has gets no weight.
    """
    from sklearn.linear_model import LogisticRegression

    names = ("logit", *CLINICAL)
    known = [{"logit": logit, **row} for logit, row in zip(logits, clinical, strict=True)]
    table = np.array([[row.get(name) for name in names] for row in known], dtype=float)
    seen = np.isfinite(table)
    counts = np.maximum(seen.sum(0), 1)
    means = np.where(seen, table, 0).sum(0) / counts
    centred = np.where(seen, table - means, 0)
    spreads = np.sqrt(np.square(centred).sum(0) / counts)
    spreads[spreads == 0] = 1.0
    model = LogisticRegression().fit(centred / spreads, np.asarray(labels, dtype=bool))
    return ClinicalLayer(
        float(model.intercept_[0]),
        *(dict(zip(names, map(float, values), strict=True)) for values in (model.coef_[0], means, spreads)),
    )
