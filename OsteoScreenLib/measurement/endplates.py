"""Where an endplate lies between coarse slices: fitted to the HU across it, since a coarse mask cannot say.

A mask of 3 mm voxels knows an endplate to a voxel, and all of its columns may err alike. The CT knows better: a voxel
holds its share of marrow, cortex and disc. So a blurred thin plate between two materials is fitted to the HU, as Treece
et al. (Med Image Anal 2010; 14: 276) do across a cortex, but over a whole endplate at once.
"""

import numpy as np

from OsteoScreenLib import levels as table
from OsteoScreenLib.measurement.frame import Frame
from OsteoScreenLib.volume import Volume

CORTEX_MM = 0.8
"""Thickness taken for an endplate: between coarse slices its HU and its thickness cannot be told apart."""
BLUR_MM, BLUR_SD_MM = 0.6, 0.3
"""SD of the scanner's blur beyond the voxel itself, and how far it may be off: slices reach into their neighbours."""
LEAST_BLUR_MM = 0.2
INSIDE_MM, OUTSIDE_MM = 7.0, 4.0
"""HU are looked at so far to either side of the mask's edge, and half a voxel more."""
CLEAR = 0.85
"""The share of the half-width and half-depth asked for in which they are: nearer to the walls, voxels hold what lies
beside the body, and rims are round."""
SCLEROSIS_MM = 5.0
"""Marrow may rise over this depth towards the endplate."""
USABLE_HU = (-200.0, 1500.0)
"""Gas and metal are left out."""
NOISE_HU = 60.0
"""HU farther than this off the fit count less and less."""
MOST_VOXELS = 1500
"""Taken by chance where there are more: the time is spent for nothing."""
FARTHEST_VOXELS, FARTHEST_MM = 0.6, 0.5
"""An endplate farther than this off the mask's edge is something else: chalk in the disc, the next vertebra."""
WORST_SD_MM = 0.6
"""Where the fit knows the endplate no better, the mask's edge stands."""


def endplate(
    volume: Volume, labels: Volume, frame: Frame, side: int, x: np.ndarray, y: np.ndarray, edge: np.ndarray
) -> np.ndarray | None:
    """Return the height (n,) of an endplate at places of a body's frame, all in mm; None where the CT does not show it.

    `volume` and `labels` are the CT and the label map around the body, on one grid. `side` is 1 for the upper endplate
    and -1 for the lower one; `edge` (n,) is where the mask ends at the places `x`, `y` (n,), lateral and anterior. The
    endplate is a quadratic over them.
    """
    from scipy.optimize import least_squares

    middle, half = (np.array([(np.max(v) + s * np.min(v)) / 2 for v in (x, y)]) for s in (1, -1))
    over = _quadratic(x, y, middle, half)
    mask_edge = np.linalg.lstsq(over, side * edge, rcond=None)[0]
    voxel = np.abs(frame.cranial @ volume.ijk_to_ras[:3, :3])
    points, hu = _around(volume, labels, frame)
    near = _quadratic(points[:, 0], points[:, 1], middle, half)
    depth = near @ mask_edge - side * points[:, 2]
    within = (np.abs(near[:, 1:3]) <= CLEAR).all(axis=1)
    within &= (depth < INSIDE_MM + voxel.max() / 2) & (depth > -OUTSIDE_MM - voxel.max() / 2)
    chosen = np.flatnonzero(within)
    if len(chosen) < 10 * over.shape[1]:
        return None
    if len(chosen) > MOST_VOXELS:
        chosen = np.random.default_rng(0).choice(chosen, MOST_VOXELS, replace=False)
    near, depth, hu = near[chosen], depth[chosen], hu[chosen]

    farthest = FARTHEST_VOXELS * voxel.max() + FARTHEST_MM
    across = np.sqrt((np.square(voxel).sum() - voxel.max() ** 2) / 12)
    terms = over.shape[1]

    def off(found: np.ndarray) -> np.ndarray:
        """Return what a quadratic shift of the edge (its terms, then the blur) leaves unexplained, in SDs."""
        shift, blur = found[:terms], max(found[terms], LEAST_BLUR_MM)
        mixed = _mixed(_materials(depth + near @ shift, np.hypot(blur, across), voxel.max()), hu)
        unsure = [*(shift / (0.5 * farthest)), (found[terms] - BLUR_MM) / BLUR_SD_MM]
        return np.concatenate([(hu - mixed) / NOISE_HU, unsure])

    straight = [np.array([step, *[0.0] * (terms - 1), BLUR_MM]) for step in np.arange(-farthest, farthest, 0.25)]
    first = min(straight, key=lambda found: np.square(off(found)).sum())
    fit = least_squares(off, first, loss="soft_l1", diff_step=1e-3, x_scale=0.3, max_nfev=30)
    covariance = np.linalg.inv(fit.jac.T @ fit.jac)[:terms, :terms] * 2 * fit.cost / len(hu)
    moved = over @ fit.x[:terms]
    sd = np.sqrt(np.einsum("ni,ij,nj->n", over, covariance, over)).mean()
    if abs(moved.mean()) > farthest or sd > WORST_SD_MM:
        return None
    return side * (over @ mask_edge + moved)


_CORTEX = 2
_MIDPOINTS = np.linspace(-0.4, 0.4, 5)


def _mixed(materials: np.ndarray, hu: np.ndarray) -> np.ndarray:
    """Return the HU (n,) nearest to those seen that the materials make; a cortex is no darker than what it covers."""
    share = np.linalg.lstsq(materials, hu, rcond=None)[0]
    if share[_CORTEX] < 0:
        materials = np.delete(materials, _CORTEX, axis=1)
        share = np.linalg.lstsq(materials, hu, rcond=None)[0]
    return materials @ share


def _materials(depth: np.ndarray, blur: float, voxel: float) -> np.ndarray:
    """Return what voxels at a depth (n,) below an endplate hold (n, 4): all, marrow, cortex, marrow near the endplate.

    `blur` is a Gaussian's SD, `voxel` what is averaged over along the depth, all in mm.
    """
    from scipy.special import ndtr

    low, high = (depth - voxel / 2) / blur, (depth + voxel / 2) / blur
    marrow = (_sum_of_ndtr(high) - _sum_of_ndtr(low)) * blur / voxel
    cortex = (ndtr(high - CORTEX_MM / 2 / blur) - ndtr(low - CORTEX_MM / 2 / blur)) / voxel
    at = depth[:, None] + voxel * _MIDPOINTS
    sclerotic = (ndtr(at / blur) * np.clip(1 - at / SCLEROSIS_MM, 0, 1)).mean(axis=1)
    return np.stack([np.ones_like(depth), marrow, cortex, sclerotic], axis=-1)


def _sum_of_ndtr(z: np.ndarray) -> np.ndarray:
    """Return the integral of the normal distribution function up to z."""
    from scipy.special import ndtr

    return z * ndtr(z) + np.exp(-np.square(z) / 2) / np.sqrt(2 * np.pi)


def _quadratic(x: np.ndarray, y: np.ndarray, middle: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Return the terms (n, 6) of a quadratic over places; within `half` of the `middle` they lie in [-1, 1]."""
    u, v = (x - middle[0]) / half[0], (y - middle[1]) / half[1]
    return np.column_stack([np.ones_like(u), u, v, u * u, v * v, u * v])


def _around(volume: Volume, labels: Volume, frame: Frame) -> tuple[np.ndarray, np.ndarray]:
    """Return places (n, 3) in a body's frame and HU (n,) of all voxels but those of other bodies, gas and metal."""
    from scipy.ndimage import binary_dilation

    other = (labels.voxels > 0) & ~table.body_mask(labels.voxels, frame.level)
    low, high = USABLE_HU
    usable = (volume.voxels > low) & (volume.voxels < high) & ~binary_dilation(other)
    places = frame.from_ras(volume.to_ras(np.argwhere(usable)[:, ::-1]))
    return places, volume.voxels[usable].astype(float)
