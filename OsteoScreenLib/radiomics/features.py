"""The 93 features of a region, by the definitions of pyradiomics.

Zwanenburg et al., The Image Biomarker Standardisation Initiative (Radiology 2020; 295: 328); van Griethuysen et al.,
Computational Radiomics System (Cancer Research 2017; 77: e104). Names and IBSI codes are in `names`. What is not
defined for a region is NaN.
"""

from collections.abc import Sequence

import numpy as np

from OsteoScreenLib.radiomics.names import FEATURES
from OsteoScreenLib.radiomics.regions import Region

DIRECTIONS = np.array([(k, j, i) for k in (-1, 0) for j in (-1, 0, 1) for i in (-1, 0, 1)][:13])
"""The 13 directions in 3D, each with the neighbour (k, j, i) that comes first in raster order."""

MOST_LEVELS = 1000
"""Grey levels beyond which texture is not computed: the matrices would take gigabytes."""

_PERCENTILES = np.array((10, 25, 50, 75, 90)) / 100
_EPS = np.spacing(1)


def all_features(region: Region, wanted: tuple[str, ...] = FEATURES, shift: float = 0.0) -> dict[str, float]:
    """Return the wanted features (``class_Name``) of a region; `shift` is added to values in the energies.

    With more than `MOST_LEVELS` grey levels those of texture are NaN.
    """
    from OsteoScreenLib.radiomics import matrices

    kinds = {feature.split("_")[0] for feature in wanted}
    found: dict[str, dict[str, float]] = {}
    levels, rank, counts = _ranked(region.level)
    if "firstorder" in kinds:
        found["firstorder"] = first_order(region.values, counts, region.voxel_volume, shift)
    if len(levels) > MOST_LEVELS:
        kinds = {"firstorder"}
    if kinds - {"firstorder"}:
        grid, voxels, steps = _on_a_rim(region.mask, rank)
        value = levels.astype(np.float64)
        if kinds - {"firstorder", "glszm"}:
            outside_too = np.concatenate([[0], levels])
            longest = max(region.mask.shape)
            pairs, runs, dependences, differences = matrices.neighbours(grid, voxels, steps, outside_too, longest)
            found["glcm"] = co_occurrence(pairs, value)
            found["gldm"] = dependence(dependences, value)
            found["ngtdm"] = tone_difference(counts, differences, value)
            found["glrlm"] = run_length(runs, value, region.mask)
        if "glszm" in kinds:
            found["glszm"] = size_zone(matrices.zones(grid, voxels, steps), value)
    named = {f"{kind}_{name}": float(value) for kind, values in found.items() for name, value in values.items()}
    return {feature: named.get(feature, np.nan) for feature in wanted}


def _on_a_rim(mask: np.ndarray, rank: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what the kernels in `matrices` take: the flat grid of ranks 1, 2, ..., the region's voxels, the steps."""
    wider = np.zeros([n + 2 for n in mask.shape], bool)  # np.pad would keep the order of a transposed array
    wider[1:-1, 1:-1, 1:-1] = mask
    voxels = np.flatnonzero(wider)
    grid = np.zeros(wider.size, np.uint16)
    grid[voxels] = rank + 1
    return grid, voxels, -(DIRECTIONS @ np.array(wider.strides))


def first_order(values: np.ndarray, counts: np.ndarray, voxel_volume: float, shift: float = 0.0) -> dict[str, float]:
    """Return the 18 first-order features of values (n,) whose grey levels occur `counts` (g,) times.

    `voxel_volume` in mm3 weighs TotalEnergy. Entropy is in bits. Moments are of the population; Kurtosis is 3 for a
    normal distribution.
    """
    x = np.sort(values)
    mean = x.mean()
    apart = x - mean
    squares = np.square(apart)
    variance = squares.mean()
    p10, p25, median, p75, p90 = np.interp(_PERCENTILES * (x.size - 1), np.arange(x.size), x)
    middle = x[np.searchsorted(x, p10) : np.searchsorted(x, p90, side="right")]
    share = counts / x.size
    energy = np.square(x + shift).sum()
    low, high = x[0], x[-1]
    return {
        "10Percentile": p10,
        "90Percentile": p90,
        "Energy": energy,
        "Entropy": _bits(share),
        "InterquartileRange": p75 - p25,
        "Kurtosis": np.square(squares).mean() / variance**2 if high > low else np.nan,
        "Maximum": high,
        "MeanAbsoluteDeviation": np.abs(apart).mean(),
        "Mean": mean,
        "Median": median,
        "Minimum": low,
        "Range": high - low,
        "RobustMeanAbsoluteDeviation": np.abs(middle - middle.mean()).mean() if len(middle) else np.nan,
        "RootMeanSquared": np.sqrt(energy / x.size),
        "Skewness": (squares * apart).mean() / variance**1.5 if high > low else np.nan,
        "TotalEnergy": voxel_volume * energy,
        "Uniformity": (share**2).sum(),
        "Variance": variance,
    }


def co_occurrence(pairs: np.ndarray, levels: np.ndarray) -> dict[str, float]:
    """Return the 24 features of co-occurrences (13, g, g) of grey levels (g,): means over the directions with pairs.

    The matrices are made symmetric. With one grey level Correlation, Imc1 and MCC are undefined.
    """
    p = pairs + pairs.transpose(0, 2, 1)
    total = p.sum((1, 2), dtype=np.float64)
    p = p[total > 0] / total[total > 0, None, None]
    marginal = p.sum(2)
    i = levels
    highest = levels[-1]
    mean = marginal @ i
    sums = _by_level(p, (i[:, None] + i[None, :]).astype(int), int(2 * highest) + 1)
    differences = _by_level(p, np.abs(i[:, None] - i[None, :]).astype(int), int(highest))
    k = np.arange(sums.shape[1])
    off = k - 2 * mean[:, None]
    n = np.arange(differences.shape[1])
    average = differences @ n
    variance = (marginal * (i - mean[:, None]) ** 2).sum(1)
    alike = np.einsum("ai,aij,aj->a", i - mean[:, None], p, i - mean[:, None])
    entropy, marginal_entropy = _bits(p, 2), _bits(marginal, 1)
    information = np.maximum(2 * marginal_entropy - entropy, 0)
    one = len(levels) < 2

    def ratio(above: np.ndarray, below: np.ndarray, otherwise: float) -> np.ndarray:
        return np.divide(above, below, out=np.full_like(above, otherwise), where=below > 0)

    by_direction = {
        "Autocorrelation": np.einsum("i,aij,j->a", i, p, i),
        "ClusterProminence": (sums * off**4).sum(1),
        "ClusterShade": (sums * off**3).sum(1),
        "ClusterTendency": (sums * off**2).sum(1),
        "Contrast": differences @ n**2,
        "Correlation": np.full_like(mean, np.nan) if one else ratio(alike, variance, 1.0),
        "DifferenceAverage": average,
        "DifferenceEntropy": _bits(differences, 1),
        "DifferenceVariance": (differences * (n - average[:, None]) ** 2).sum(1),
        "Id": differences @ (1 / (1 + n)),
        "Idm": differences @ (1 / (1 + n**2)),
        "Idmn": differences @ (1 / (1 + n**2 / highest**2)),
        "Idn": differences @ (1 / (1 + n / highest)),
        "Imc1": np.full_like(mean, np.nan) if one else -ratio(information, marginal_entropy, 0.0),
        "Imc2": np.sqrt(-np.expm1(-2 * information)),
        "InverseVariance": differences[:, 1:] @ (1 / n[1:] ** 2.0),
        "JointAverage": mean,
        "JointEnergy": (p**2).sum((1, 2)),
        "JointEntropy": entropy,
        "MCC": np.full_like(mean, np.nan) if one else _maximal_correlation(p, marginal),
        "MaximumProbability": p.max((1, 2), initial=0),
        "SumAverage": sums @ k,
        "SumEntropy": _bits(sums, 1),
        "SumSquares": variance,
    }
    return dict(zip(by_direction, _means(list(by_direction.values())), strict=True))


def _maximal_correlation(p: np.ndarray, marginal: np.ndarray) -> np.ndarray:
    """Return the root of the second largest eigenvalue of Q(i, j) = sum_k p(i, k) p(j, k) / (p(i) p(k) + eps).

    Q is similar to a matrix that is symmetric but for eps, whose eigenvalues its symmetric part has to second order;
    that takes a tenth of the time. A level without pairs in a direction adds an eigenvalue of 0.
    """
    root = np.sqrt(marginal)
    inverse = np.divide(1, root, out=np.zeros_like(root), where=root > 0)
    weighted = p / (marginal[:, :, None] * marginal[:, None, :] + _EPS) * root[:, :, None]
    similar = weighted @ (p * inverse[:, :, None]).transpose(0, 2, 1)
    eigenvalues = np.linalg.eigvalsh((similar + similar.transpose(0, 2, 1)) / 2)
    return np.sqrt(np.maximum(eigenvalues[:, -2], 0))


def run_length(counts: np.ndarray, levels: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Return the 16 features of run counts (13, g, longest): means over the directions in which the region extends.

    A direction on none of whose lines two voxels of the `mask` (k, j, i) lie has no runs.
    """
    counts = counts[:, :, : int(counts.any((0, 1)).nonzero()[0][-1]) + 1]
    extended = counts[:, :, 1:].any((1, 2))
    for direction in np.flatnonzero(~extended):
        extended[direction] = _shares_a_line(np.argwhere(mask), DIRECTIONS[direction])
    return dict(zip(_RUNS, _by_size(counts[extended], levels), strict=True))


def size_zone(zones: np.ndarray, levels: np.ndarray) -> dict[str, float]:
    """Return the 16 features of zones (z, 2): rank of the grey level, number of voxels."""
    sizes, column, _ = _ranked(zones[:, 1])
    cells = (zones[:, 0] - 1) * len(sizes) + column
    counts = np.bincount(cells, minlength=len(levels) * len(sizes)).reshape(1, len(levels), len(sizes))
    return dict(zip(_ZONES, _by_size(counts, levels, sizes), strict=True))


def dependence(counts: np.ndarray, levels: np.ndarray) -> dict[str, float]:
    """Return the 14 features of dependence counts (g, 27)."""
    named = dict(zip(_DEPENDENCES, _by_size(counts[None], levels), strict=True))
    return {name: value for name, value in named.items() if name}


def tone_difference(counts: np.ndarray, differences: np.ndarray, levels: np.ndarray) -> dict[str, float]:
    """Return the 5 features of tone differences (g,) of grey levels (g,) that occur `counts` (g,) times.

    Where no voxel differs from its neighbours Coarseness and Strength are undefined; with one grey level so are
    Contrast and Busyness.
    """
    n, g = counts.sum(), len(levels)
    p, s, i = counts / n, differences, levels
    coarse, total = p @ s, s.sum()
    distance = np.abs(i[:, None] - i[None, :])
    both = p[:, None] + p[None, :]
    weighted = np.abs((i * p)[:, None] - (i * p)[None, :]).sum()
    return {
        "Busyness": coarse / weighted if weighted else np.nan,
        "Coarseness": 1 / coarse if coarse else np.nan,
        "Complexity": (distance * ((p * s)[:, None] + (p * s)[None, :]) / both).sum() / n,
        "Contrast": p @ distance**2 @ p * total / n / (g * (g - 1)) if g > 1 else np.nan,
        "Strength": (both * distance**2).sum() / total if total else np.nan,
    }


_SIZE_MATRIX = (
    "short", "long", "level_non_uniformity", "level_non_uniformity_normalized", "size_non_uniformity",
    "size_non_uniformity_normalized", "percentage", "level_variance", "size_variance", "entropy", "low", "high",
    "short_low", "short_high", "long_low", "long_high",
)  # fmt: skip
_RUNS = (
    "ShortRunEmphasis", "LongRunEmphasis", "GrayLevelNonUniformity", "GrayLevelNonUniformityNormalized",
    "RunLengthNonUniformity", "RunLengthNonUniformityNormalized", "RunPercentage", "GrayLevelVariance", "RunVariance",
    "RunEntropy", "LowGrayLevelRunEmphasis", "HighGrayLevelRunEmphasis", "ShortRunLowGrayLevelEmphasis",
    "ShortRunHighGrayLevelEmphasis", "LongRunLowGrayLevelEmphasis", "LongRunHighGrayLevelEmphasis",
)  # fmt: skip
_ZONES = (
    "SmallAreaEmphasis", "LargeAreaEmphasis", "GrayLevelNonUniformity", "GrayLevelNonUniformityNormalized",
    "SizeZoneNonUniformity", "SizeZoneNonUniformityNormalized", "ZonePercentage", "GrayLevelVariance", "ZoneVariance",
    "ZoneEntropy", "LowGrayLevelZoneEmphasis", "HighGrayLevelZoneEmphasis", "SmallAreaLowGrayLevelEmphasis",
    "SmallAreaHighGrayLevelEmphasis", "LargeAreaLowGrayLevelEmphasis", "LargeAreaHighGrayLevelEmphasis",
)  # fmt: skip
_DEPENDENCES = (
    "SmallDependenceEmphasis", "LargeDependenceEmphasis", "GrayLevelNonUniformity", None, "DependenceNonUniformity",
    "DependenceNonUniformityNormalized", None, "GrayLevelVariance", "DependenceVariance", "DependenceEntropy",
    "LowGrayLevelEmphasis", "HighGrayLevelEmphasis", "SmallDependenceLowGrayLevelEmphasis",
    "SmallDependenceHighGrayLevelEmphasis", "LargeDependenceLowGrayLevelEmphasis",
    "LargeDependenceHighGrayLevelEmphasis",
)  # fmt: skip


def _by_size(counts: np.ndarray, levels: np.ndarray, sizes: np.ndarray | None = None) -> np.ndarray:
    """Return the features that run-length, size-zone and dependence matrices share, in the order of `_RUNS`.

    `counts` is (directions, g, sizes), of grey levels (g,) and sizes (1, 2, ... unless given); each feature is the mean
    over directions, NaN where there is none.
    """
    j = np.arange(1, counts.shape[2] + 1, dtype=np.float64) if sizes is None else sizes.astype(np.float64)
    i2, j2 = levels**2, j**2
    total = counts.sum((1, 2), dtype=np.float64)
    p = counts / total[:, None, None]
    level, size = p.sum(2), p.sum(1)
    low, high = p.transpose(0, 2, 1) @ (1 / i2), p.transpose(0, 2, 1) @ i2
    rows = (
        size @ (1 / j2),
        size @ j2,
        total * (level**2).sum(1),
        (level**2).sum(1),
        total * (size**2).sum(1),
        (size**2).sum(1),
        1 / (size @ j),
        (level * (levels - (level @ levels)[:, None]) ** 2).sum(1),
        (size * (j - (size @ j)[:, None]) ** 2).sum(1),
        _bits(p, 2),
        level @ (1 / i2),
        level @ i2,
        low @ (1 / j2),
        high @ (1 / j2),
        low @ j2,
        high @ j2,
    )
    return _means(rows)


def _ranked(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which of the numbers 0, 1, 2, ... occur, the place of each one among them, and how often they do."""
    counts = np.bincount(numbers)
    present = np.flatnonzero(counts)
    place = np.empty(len(counts), np.intp)
    place[present] = np.arange(len(present))
    return present, place[numbers], counts[present]


def _means(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of each row over the directions; NaN where there are none."""
    return np.mean(rows, axis=1) if len(rows[0]) else np.full(len(rows), np.nan)


def _bits(shares: np.ndarray, axes: int | None = None) -> np.ndarray | float:
    """Return the entropy in bits of shares, over all or over the last `axes` axes."""
    terms = shares * np.log2(shares, out=np.zeros_like(shares, dtype=np.float64), where=shares > 0)
    return 0.0 - terms.sum(None if axes is None else tuple(range(-axes, 0)))


def _by_level(p: np.ndarray, index: np.ndarray, count: int) -> np.ndarray:
    """Return the sums (directions, count) of the cells of p (directions, g, g) that share an index (g, g)."""
    flat, size = index.ravel(), len(p)
    cells = (flat[None, :] + count * np.arange(size)[:, None]).ravel()
    return np.bincount(cells, p.ravel(), size * count).reshape(size, count)


def _shares_a_line(places: np.ndarray, direction: np.ndarray) -> bool:
    """Tell whether any two of the places (n, 3) lie on one line along a direction."""
    axis = int(np.flatnonzero(direction)[0])
    feet = places - (places[:, axis] * direction[axis])[:, None] * direction
    return len(np.unique(feet, axis=0)) < len(feet)
