"""Decision curves (Vickers and Elkin, Med Decis Making 2006; 26: 565), computed by the package dcurves."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.labelled_table import check_classes

if TYPE_CHECKING:
    import pandas as pd

THRESHOLDS = tuple(round(0.01 * step, 2) for step in range(1, 100))
ALL, NONE = "all", "none"


def decision_curves(
    labels: np.ndarray, probabilities: Mapping[str, np.ndarray], thresholds: tuple[float, ...] = THRESHOLDS
) -> "pd.DataFrame":
    """Return net benefit per row: columns ``model, threshold, net_benefit``, with the models `ALL` and `NONE`.

    `probabilities` (rows,) by name are risks in [0, 1]; see `as_probabilities` for scores. Raises `InputError` for
    values outside [0, 1], one class alone, and where dcurves is not installed.
    """
    import pandas as pd

    try:
        from dcurves import dca
    except ImportError as error:
        raise InputError("Decision curves need the package dcurves: pip install 'osteoscreen[statistics]'.") from error
    labels = np.asarray(labels, dtype=bool)
    check_classes(labels, "The label")
    for name, values in probabilities.items():
        if not ((np.asarray(values) >= 0) & (np.asarray(values) <= 1)).all():
            raise InputError(
                f"'{name}' is no probability: decision curves need risks from 0 to 1 (--fit-risks makes them)."
            )
    # Names of their own keep dcurves' data frame clear of names such as "all".
    short = {f"model {number}": name for number, name in enumerate(probabilities)}
    data = pd.DataFrame({"label": labels.astype(int)} | dict(zip(short, probabilities.values(), strict=True)))
    found = dca(data=data, outcome="label", modelnames=list(short), thresholds=list(thresholds))
    table = found[["model", "threshold", "net_benefit"]].copy()
    table["model"] = table["model"].map(short | {ALL: ALL, NONE: NONE})
    return table.reset_index(drop=True)


def as_probabilities(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the risks (rows,) that a logistic regression of the label on one score gives.

    Fitted to the same rows, so the curve shows what the score could do at best once calibrated.
    """
    from scipy.special import expit

    from OsteoScreenLib.evaluation.calibration import logistic

    scores = np.asarray(scores, dtype=float)
    if scores.std() == 0:
        raise InputError("A score has the same value in every row; it gives no risk of its own.")
    standard = (scores - scores.mean()) / scores.std()
    intercept, slope = logistic(labels, standard)
    return expit(intercept + slope * standard)
