"""Linear filters that work along one axis at a time, each as a matrix: what blocks of this size compute fastest."""

from functools import lru_cache

import numpy as np


def along(values: np.ndarray, axis: int, matrix: np.ndarray) -> np.ndarray:
    """Return `values` (k, j, i) with `matrix` (m, n) applied to each of its lines of n voxels along `axis`."""
    if axis == 2:
        return values @ np.ascontiguousarray(matrix.T)  # twice as fast as with a transposed view
    if axis == 1:
        return matrix @ values
    return (matrix @ values.transpose(1, 0, 2)).transpose(1, 0, 2)


def interpolation(where: np.ndarray, start: int, stop: int, size: int, linear: bool) -> np.ndarray:
    """Return the matrix (positions, stop - start) that interpolates samples start ... stop of an axis of `size`.

    Cubic B-splines (Unser, IEEE Signal Processing Magazine 1999; 16(6): 22) mirrored at the ends, or linear. A
    position off the axis gives 0, as in ITK.
    """
    count = stop - start
    base = np.floor(where).astype(int)
    t = where - base
    if linear:
        taps = {0: 1 - t, 1: t}
    else:
        taps = {-1: (1 - t) ** 3 / 6, 0: (4 - 6 * t**2 + 3 * t**3) / 6,
                1: (1 + 3 * t + 3 * t**2 - 3 * t**3) / 6, 2: t**3 / 6}  # fmt: skip
    matrix = np.zeros((len(where), count))
    for offset, weight in taps.items():
        sample = base + offset - start
        if linear or count == 1:
            sample = np.clip(sample, 0, count - 1)
        else:
            sample = np.abs(sample)
            sample = np.where(sample >= count, 2 * (count - 1) - sample, sample)
        np.add.at(matrix, (np.arange(len(where)), sample), weight)
    if not linear and count > 1:
        # The spline passes through the samples: (c[i - 1] + 4 c[i] + c[i + 1]) / 6 = x[i], mirrored at the ends.
        passing = (np.eye(count, k=-1) + 4 * np.eye(count) + np.eye(count, k=1)) / 6
        passing[0, 1] = passing[-1, -2] = 1 / 3
        matrix = np.linalg.solve(passing.T, matrix.T).T
    matrix[(where < -0.5) | (where > size - 0.5)] = 0
    return matrix


@lru_cache(maxsize=256)
def coiflet(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the low and the high pass (count, count) of the undecimated coiflet 1 transform of a periodic line.

    Daubechies, Ten Lectures on Wavelets (1992), table 8.1; the phase is PyWavelets'.
    """
    root = np.sqrt(7)
    low = np.array([-3 + root, 1 - root, 14 - 2 * root, 14 + 2 * root, 5 + root, 1 - root]) / (16 * np.sqrt(2))
    high = low[::-1] * [-1, 1, -1, 1, -1, 1]
    rows = np.arange(count)
    matrices = np.zeros((2, count, count))
    for matrix, taps in zip(matrices, (low, high), strict=True):
        for k, tap in enumerate(taps):
            np.add.at(matrix, (rows, (rows + 3 - k) % count), tap)
    return matrices[0], matrices[1]


@lru_cache(maxsize=256)
def gaussian(count: int, sigma: float, curvature: float | None = None) -> np.ndarray:
    """Return the recursive Gaussian of `sigma` voxels on a line of `count`, or its second derivative times `curvature`.

    The fourth-order filter of Deriche (INRIA report 1893, 1993) with the constants and the normalisation of Farneback
    and Westin (J Math Imaging Vis 2006; 26: 293), as ITK has them; beyond its ends a line goes on constant.
    """
    w1, l1, w2, l2 = 0.6681, -1.3932, 2.0787, -1.3732
    sin1, cos1, exp1 = np.sin(w1 / sigma), np.cos(w1 / sigma), np.exp(l1 / sigma)
    sin2, cos2, exp2 = np.sin(w2 / sigma), np.cos(w2 / sigma), np.exp(l2 / sigma)
    d = np.array([
        1.0,
        -2 * (exp2 * cos2 + exp1 * cos1),
        4 * cos2 * cos1 * exp1 * exp2 + exp1**2 + exp2**2,
        -2 * cos1 * exp1 * exp2**2 - 2 * cos2 * exp2 * exp1**2,
        exp1**2 * exp2**2,
    ])  # fmt: skip

    def numerator(a1: float, b1: float, a2: float, b2: float) -> np.ndarray:
        return np.array([
            a1 + a2,
            exp2 * (b2 * sin2 - (a2 + 2 * a1) * cos2) + exp1 * (b1 * sin1 - (a1 + 2 * a2) * cos1),
            2 * exp1 * exp2 * ((a1 + a2) * cos2 * cos1 - b1 * cos2 * sin1 - b2 * cos1 * sin2)
            + a2 * exp1**2 + a1 * exp2**2,
            exp2 * exp1**2 * (b2 * sin2 - a2 * cos2) + exp1 * exp2**2 * (b1 * sin1 - a1 * cos1),
            0.0,
        ])  # fmt: skip

    order = np.arange(5)
    sd, dd, ed = d.sum(), order @ d, order**2 @ d
    n = numerator(1.3530, 1.8151, -0.3531, 0.0902)
    if curvature is not None:
        curved = numerator(-1.3563, 5.2318, 0.3446, -2.2355)
        n = curved - (2 * curved.sum() - sd * curved[0]) / (2 * n.sum() - sd * n[0]) * n
        sn, dn, en = n.sum(), order @ n, order**2 @ n
        n *= curvature / ((en * sd**2 - ed * sn * sd - 2 * dn * dd * sd + 2 * dd**2 * sn) / sd**3)
    else:
        n /= 2 * n.sum() / sd - n[0]
    forward = _one_way(n, d, count)
    backward = _one_way(n - d * n[0], d, count)[::-1, ::-1]
    return forward + backward


def _one_way(n: np.ndarray, d: np.ndarray, count: int) -> np.ndarray:
    """Return the matrix of sum(d[q] y[i - q]) = sum(n[q] x[i - q]) for a line that is constant before it begins."""
    before = n.sum() / d.sum()
    given, made = np.zeros((count, count)), np.zeros((count, count))
    for q in range(len(d)):
        given += n[q] * np.eye(count, k=-q)
        made += d[q] * np.eye(count, k=-q)
        given[:q, 0] += n[q] - d[q] * before
    return np.linalg.solve(made, given)
