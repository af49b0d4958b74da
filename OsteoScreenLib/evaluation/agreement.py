"""Agreement of readers or methods: intraclass correlation with intervals, and Bland-Altman's limits."""

from dataclasses import dataclass

import numpy as np

from OsteoScreenLib.errors import InputError


@dataclass(frozen=True)
class Icc:
    """An intraclass correlation with its confidence interval."""

    icc: float
    low: float
    high: float


@dataclass(frozen=True)
class BlandAltman:
    """First minus second: mean, standard deviation, and 95 % limits of agreement, each with its interval."""

    mean: float
    sd: float
    lower: float
    upper: float
    mean_ci: tuple[float, float]
    lower_ci: tuple[float, float]
    upper_ci: tuple[float, float]


def icc(ratings: np.ndarray, level: float = 0.95) -> dict[str, Icc]:
    """Return ICC(2,1), absolute agreement of random readers, and ICC(3,1), consistency of fixed ones.

    `ratings` has shape (subjects, readers). Shrout and Fleiss, Psychol Bull 1979; 86: 420, with the intervals given
    there. Raises `InputError` for fewer than two subjects or readers, missing values, or ratings all alike.
    """
    from scipy.stats import f

    ratings = _checked(ratings)
    n, k = ratings.shape
    grand, of_subject, of_reader = ratings.mean(), ratings.mean(1, keepdims=True), ratings.mean(0, keepdims=True)
    subjects = k * float(((of_subject - grand) ** 2).sum()) / (n - 1)
    readers = n * float(((of_reader - grand) ** 2).sum()) / (k - 1)
    error = float(((ratings - of_subject - of_reader + grand) ** 2).sum()) / ((n - 1) * (k - 1))
    if subjects == 0 and error == 0:
        raise InputError("All subjects were rated alike; agreement is measured against the differences between them.")
    tail = 0.5 + level / 2

    absolute = (subjects - error) / (subjects + (k - 1) * error + k * (readers - error) / n)
    a = k * absolute / (n * (1 - absolute)) if absolute < 1 else np.inf
    b = 1 + k * absolute * (n - 1) / (n * (1 - absolute)) if absolute < 1 else np.inf
    if np.isfinite(a):
        v = (a * readers + b * error) ** 2 / ((a * readers) ** 2 / (k - 1) + (b * error) ** 2 / ((n - 1) * (k - 1)))
        above, below = f.ppf(tail, n - 1, v), f.ppf(tail, v, n - 1)
        shared = k * readers + (k * n - k - n) * error
        low = n * (subjects - above * error) / (above * shared + n * subjects)
        high = n * (below * subjects - error) / (shared + n * below * subjects)
    else:
        low = high = 1.0

    consistency = (subjects - error) / (subjects + (k - 1) * error)
    if error > 0:
        ratio = subjects / error
        lowest = ratio / f.ppf(tail, n - 1, (n - 1) * (k - 1))
        highest = ratio * f.ppf(tail, (n - 1) * (k - 1), n - 1)
        within = Icc(consistency, (lowest - 1) / (lowest + k - 1), (highest - 1) / (highest + k - 1))
    else:
        within = Icc(1.0, 1.0, 1.0)
    return {"2,1": Icc(float(absolute), float(low), float(high)), "3,1": Icc(*map(float, vars(within).values()))}


def bland_altman(first: np.ndarray, second: np.ndarray, level: float = 0.95) -> BlandAltman:
    """Return the mean difference of paired values (subjects,) and the limits that hold 95 % of differences.

    Intervals as in Bland and Altman, Lancet 1986; 327: 307. Raises `InputError` as `icc`.
    """
    from scipy.stats import t

    pairs = _checked(np.column_stack([first, second]), least=3)
    difference = pairs[:, 0] - pairs[:, 1]
    n, mean, sd = len(difference), float(difference.mean()), float(difference.std(ddof=1))
    factor = float(t.ppf(0.5 + level / 2, n - 1))
    of_mean, of_limit = factor * sd / n**0.5, factor * sd * (3 / n) ** 0.5
    lower, upper = mean - 1.96 * sd, mean + 1.96 * sd
    around = [(value - half, value + half) for value, half in ((mean, of_mean), (lower, of_limit), (upper, of_limit))]
    return BlandAltman(mean, sd, lower, upper, *around)


def _checked(ratings: np.ndarray, least: int = 2) -> np.ndarray:
    ratings = np.asarray(ratings, dtype=float)
    if ratings.ndim != 2 or ratings.shape[0] < least or ratings.shape[1] < 2:
        raise InputError(f"Agreement needs at least {least} subjects and 2 readers; the ratings have {ratings.shape}.")
    bad = int((~np.isfinite(ratings)).any(1).sum())
    if bad:
        raise InputError(f"{bad} of {len(ratings)} subjects lack a finite rating; remove them.")
    return ratings
