"""Fewer features before the LASSO: constant ones, copies of others, and those that a forest has no use for."""

import numpy as np

from OsteoScreenLib.errors import InputError

EXACT_BELOW = 100
"""caret looks exactly where there are fewer columns than this, and else decides every pair by one set of means."""


def constant(X: np.ndarray, names: list[str]) -> list[str]:
    """Return the names of features (rows, features) that have one value in all rows."""
    same = (np.asarray(X) == np.asarray(X)[0]).all(0)
    return [name for name, found in zip(names, same, strict=True) if found]


def correlated(X: np.ndarray, names: list[str], cutoff: float = 0.9, exact: bool | None = None) -> list[str]:
    """Return the names of features to drop so that no two left correlate beyond `cutoff`, as caret's findCorrelation.

    Of two that do, the one with the larger mean absolute correlation goes: exactly, over the features still there,
    going from the most correlated one down (`exact`); or by the means over all features, in which a third may go that
    nothing left stands for. None takes the exact way below `EXACT_BELOW` features, as caret does. The names come in
    caret's order. Raises `InputError` for constant features and for missing values.
    """
    if len(names) < 2:
        return []
    r = np.abs(correlations(X, names))
    drop = _exact(r, cutoff) if (exact if exact is not None else len(names) < EXACT_BELOW) else _fast(r, cutoff)
    return [names[index] for index in drop]


def not_representative(X: np.ndarray, names: list[str], cutoff: float = 0.9) -> list[str]:
    """Return the names of features to drop so that each cluster keeps its middle.

    Features are in one cluster where a chain of correlations beyond `cutoff` leads from one to the other; the one
    kept has the largest mean absolute correlation with its cluster, the first of several. Raises as `correlated`.
    """
    from scipy.sparse.csgraph import connected_components

    if len(names) < 2:
        return []
    r = np.abs(correlations(X, names))
    _, cluster = connected_components(r > cutoff, directed=False)
    kept = set()
    for number in np.unique(cluster):
        members = np.flatnonzero(cluster == number)
        kept.add(int(members[np.argmax(r[np.ix_(members, members)].mean(0))]))
    return [name for index, name in enumerate(names) if index not in kept]


def most_important(X: np.ndarray, y: np.ndarray, names: list[str], keep: int, trees: int, seed: int) -> list[str]:
    """Return the `keep` names of the largest Gini importance in a random forest, the largest first.

    Each tree tries the square root of the number of features at a split, as R's randomForest does; scikit-learn's
    draws are other than R's, so the order agrees in the large and not in the small.
    """
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(trees, max_features="sqrt", random_state=seed).fit(X, y)
    order = np.argsort(-forest.feature_importances_, kind="stable")
    return [names[index] for index in order[:keep]]


def correlations(X: np.ndarray, names: list[str]) -> np.ndarray:
    """Return Pearson correlations (features, features) in extended precision where the machine has it, as R's cor.

    Copies of a feature tie with it but for rounding, which then decides who is dropped: hence the same rounding.
    """
    X = np.asarray(X, dtype=float)
    if not np.isfinite(X).all():
        name = names[int((~np.isfinite(X)).any(0).argmax())]
        raise InputError(f"Feature '{name}' has missing or infinite values; remove it or those rows.")
    found = constant(X, names)
    if found:
        raise InputError(f"Feature '{found[0]}' has one value in all rows and correlates with nothing; remove it.")
    wide = X.astype(np.longdouble)
    means = wide.sum(0) / len(X)
    means = (means + (wide - means).sum(0) / len(X)).astype(float)
    centred = wide - means
    covariance = (_products(centred) / (len(X) - 1)).astype(float)
    deviations = np.sqrt(np.diag(covariance))
    r = np.clip(covariance / np.outer(deviations, deviations), -1, 1)
    np.fill_diagonal(r, 1.0)
    return r


def _products(A: np.ndarray) -> np.ndarray:
    """Return A' A in extended precision, from products of 20-bit slices of A that are exact in double precision.

    Ozaki et al., Numer Algorithms 2012; 59: 95. A plain product of extended numbers takes a hundred times as long.
    """
    scales = np.exp2(np.ceil(np.log2(np.abs(A).max(0))))
    slices, rest = [], A / scales
    for bits in (20, 40, 60):
        part = np.rint(rest * 2.0**bits) / 2.0**bits
        slices.append(part.astype(float))
        rest = rest - part
    first, second, third = slices
    mixed = (first.T @ second).astype(np.longdouble)
    small = (first.T @ third).astype(np.longdouble)
    total = (first.T @ first).astype(np.longdouble) + mixed + mixed.T + second.T @ second + small + small.T
    return total * scales * scales[:, None]


def _fast(r: np.ndarray, cutoff: float) -> list[int]:
    # R counts means as equal that agree in fifteen digits; of two equal ones the first is dropped.
    means = np.array([float(f"{value:.15g}") for value in r.astype(np.longdouble).mean(0).astype(float)])
    columns, rows = np.nonzero(np.triu(r > cutoff, 1).T)
    by_column = means[columns] > means[rows]
    return list(dict.fromkeys([*columns[by_column].tolist(), *rows[~by_column].tolist()]))


def _exact(r: np.ndarray, cutoff: float) -> list[int]:
    p = len(r)
    off = r.astype(np.longdouble)
    np.fill_diagonal(off, 0)
    order = np.argsort(-(off.sum(0) / (p - 1)).astype(float), kind="stable")
    r, off = r[np.ix_(order, order)], off[np.ix_(order, order)]
    sums, total = off.sum(1), off.sum()
    left = np.ones(p, dtype=bool)
    for i in range(p - 1):
        if not left[i]:
            continue
        for j in i + 1 + np.flatnonzero(r[i, i + 1 :] > cutoff):
            if not left[j]:
                continue
            n = int(left.sum())
            mean_i = float(sums[i] / (n - 1))
            # All rows but that of j, in which the column of j still counts.
            mean_others = float((total - sums[j]) / ((n - 1) * (n - 1)))
            out = i if mean_i > mean_others else j
            left[out] = False
            total -= 2 * sums[out]
            sums = sums - off[:, out]
            if out == i:
                break
    return [int(order[index]) for index in np.flatnonzero(~left)]
