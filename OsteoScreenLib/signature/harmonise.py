"""Scanner differences taken out of features: ComBat, learned on training rows and kept as plain numbers."""

from dataclasses import dataclass

import numpy as np

from OsteoScreenLib.errors import InputError


@dataclass(frozen=True, eq=False)
class Harmonisation:
    """What ComBat does to a feature of a scanner: ``slopes * x + offsets``, both of shape (scanners, features)."""

    batches: tuple[str, ...]
    slopes: np.ndarray
    offsets: np.ndarray

    def apply(self, X: np.ndarray, batches: np.ndarray) -> np.ndarray:
        """Return harmonised features (rows, features). Raises `InputError` for a scanner that training had none of."""
        place = {name: index for index, name in enumerate(self.batches)}
        unknown = sorted({name for name in batches if name not in place})
        if unknown:
            raise InputError(f"Scanner '{unknown[0]}' was not in training, which had {', '.join(self.batches)}.")
        rows = [place[name] for name in batches]
        return self.slopes[rows] * X + self.offsets[rows]


def fit_combat(X: np.ndarray, batches: np.ndarray) -> Harmonisation:
    """Learn ComBat (Johnson et al., Biostatistics 2007; 8: 118) on features (rows, features) and each row's scanner.

    Labels are not protected: none are known where the signature is applied, and so a difference in prevalence between
    scanners is taken out with theirs. Raises `InputError` for one scanner alone, for a scanner with fewer than three
    rows, and where the package combatlearn is not installed.
    """
    import pandas as pd

    try:
        from combatlearn import ComBat
    except ImportError as error:
        raise InputError(
            "Harmonisation needs the package combatlearn: pip install 'osteoscreen[statistics]'."
        ) from error
    names, counts = np.unique(batches.astype(str), return_counts=True)
    if len(names) < 2:
        raise InputError(f"All rows are of one scanner ({names[0]}); there is nothing to harmonise.")
    if counts.min() < 3:
        raise InputError(f"Scanner '{names[counts.argmin()]}' has {counts.min()} training rows; at least 3 are needed.")
    # Two probes of each scanner, a deviation below the mean and one above, show what is done to it: a straight line.
    low, high = X.mean(0) - X.std(0), X.mean(0) + X.std(0)
    rows = pd.Series([*batches.astype(str), *names, *names])
    model = ComBat(batch=rows, method="fortin").fit(pd.DataFrame(X))
    probes = np.concatenate([np.tile(low, (len(names), 1)), np.tile(high, (len(names), 1))])
    done = model.transform(pd.DataFrame(probes, index=range(len(X), len(rows)))).to_numpy()
    slopes = (done[len(names) :] - done[: len(names)]) / (high - low)
    return Harmonisation(tuple(names.tolist()), slopes, done[: len(names)] - slopes * low)
