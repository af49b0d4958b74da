"""Made-up cohorts with a known truth."""

import numpy as np
import pandas as pd

from OsteoScreenLib.signature.labelled_features import LabelledFeatures


def cohort(patients: int = 60, features: int = 40, scanners: bool = False, seed: int = 0) -> LabelledFeatures:
    """Two rows a patient; features 0 and 1 tell the label, 2 is a copy of 0, 3 is constant, the rest is noise."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(patients), 2)
    y = np.repeat(rng.random(patients) < 0.45, 2)
    X = rng.normal(size=(len(y), features))
    X[:, 0] += 1.5 * y
    X[:, 1] = 50 - 20 * y + 15 * X[:, 1]
    X[:, 2] = 3 * X[:, 0] + 0.01 * X[:, 2]
    X[:, 3] = 7.0
    batches = np.where(groups % 3 == 0, "A", "B").astype(object) if scanners else None
    return LabelledFeatures(tuple(f"f{n}" for n in range(features)), X, y, groups.astype(str).astype(object), batches)


def as_table(data: LabelledFeatures) -> pd.DataFrame:
    table = pd.DataFrame(data.X, columns=data.names)
    table.insert(0, "patient", data.groups)
    return table.assign(osteoporosis=data.y.astype(int))
