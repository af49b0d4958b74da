"""Several predictors of one outcome side by side: a ROC curve each, and DeLong's test between each two."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from OsteoScreenLib.evaluation.roc import DelongTest, Direction, Roc, delong_test, roc


@dataclass(frozen=True)
class Predictors:
    """Curves by the predictor's name, and tests by the pair of names, in the order given."""

    curves: dict[str, Roc]
    tests: dict[tuple[str, str], DelongTest]

    def __len__(self) -> int:
        """The number of rows."""
        first = next(iter(self.curves.values()))
        return len(first.cases) + len(first.controls)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know before believing the numbers."""
        perfect = [name for name, curve in self.curves.items() if curve.auc in (0.0, 1.0)]
        if not perfect:
            return ()
        return (f"{', '.join(perfect)}: all rows are told apart, which leaves DeLong's interval no width.",)


def compare_predictors(
    labels: np.ndarray, scores: Mapping[str, np.ndarray], directions: Direction | Mapping[str, Direction] = "auto"
) -> Predictors:
    """Return the curves and paired tests of scores (rows) by name, for boolean labels (rows).

    Each score counts in its own direction, so that Hounsfield units, low in cases, compare with a rad-score, high.

    `directions` is one for all, or one by name. Raises `InputError` as `roc` does, naming the score.
    """
    wanted = directions if isinstance(directions, Mapping) else dict.fromkeys(scores, directions)
    curves = {name: roc(labels, values, wanted[name], f"Score '{name}'") for name, values in scores.items()}
    tests = {pair: delong_test(curves[pair[0]], curves[pair[1]]) for pair in combinations(curves, 2)}
    return Predictors(curves, tests)


def as_values(predictors: Predictors) -> dict[str, Any]:
    """Return plain values for JSON: ``scores`` by name, and ``delong`` by ``first~second``; infinite ones are None."""
    return {
        "scores": {
            name: {
                "auc": curve.auc,
                "ci95": list(curve.interval()),
                "direction": curve.direction,
                "youden": {key: _finite(value) for key, value in vars(curve.youden()).items()},
            }
            for name, curve in predictors.curves.items()
        },
        "delong": {
            f"{first}~{second}": {"z": _finite(test.z), "p": test.p}
            for (first, second), test in predictors.tests.items()
        },
    }


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
