"""Is this a CT volume in HU? What can be mended is mended and noted, the rest refused."""

from collections.abc import Sequence

import numpy as np

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.readers.sizes import FARTHEST
from OsteoScreenLib.volume import Volume

AIR = -1024
"""The lowest HU that is kept: what lies below is padding outside the field of view or ringing."""

MIN_SLICES = 8
MAX_SPACING = 10.0
MIN_SPACING = 0.001
MIN_RANGE = 300
MAX_NON_FINITE = 0.01
FLAT = 1e-3
"""The volume that three axes of length 1 must span."""


def tidy(voxels: np.ndarray) -> np.ndarray:
    """Return HU clipped from below at -1024, as int16 where that loses nothing and as float32 otherwise."""
    if voxels.size > 0 and voxels.min() < AIR:  # else a copy for nothing
        voxels = np.maximum(voxels, AIR)
    whole = voxels.dtype.kind in "iu" or bool((voxels == np.rint(voxels)).all())
    fits = voxels.size > 0 and voxels.max() <= np.iinfo(np.int16).max
    return voxels.astype(np.int16 if whole and fits else np.float32, copy=False)


def replace_non_finite(voxels: np.ndarray, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return voxels with a few NaN or infinite ones set to air, and the notes that say so; refuse more than 1 %."""
    if voxels.dtype.kind != "f":
        return voxels, ()
    with np.errstate(over="ignore"):
        bad = ~np.isfinite(voxels.astype(np.float32, copy=False))
    count = int(bad.sum())
    if count == 0:
        return voxels, ()
    if count > MAX_NON_FINITE * voxels.size:
        raise InputError(
            f"{name} has no value (NaN or infinite) in {count / voxels.size:.0%} of its voxels. Export it again."
        )
    return np.where(bad, AIR, voxels), (f"{count} voxels without a value (NaN or infinite) were set to {AIR} HU.",)


def check_grid(ijk_to_ras: np.ndarray, size: Sequence[int], name: str) -> None:
    """Raise `InputError` for a grid (4x4 matrix; size along i, j, k) that is flat, or lies far from any patient."""
    corners = ijk_to_ras @ np.array([[0, 0, 0, 1], [*size, 1]], dtype=float).T
    steps = np.linalg.norm(ijk_to_ras[:3, :3], axis=0)
    if not (np.abs(corners) <= FARTHEST).all() or not steps.min() >= MIN_SPACING:
        raise InputError(
            f"{name} has no place in space: voxels of {' x '.join(f'{mm:.3g}' for mm in steps)} mm, its first at "
            f"{', '.join(f'{mm:.3g}' for mm in corners[:3, 0])} mm. Export it again."
        )
    if not abs(np.linalg.det(ijk_to_ras[:3, :3] / steps)) > FLAT:
        raise InputError(f"{name} has axes that lie in one plane. Export it again.")


def check_ct(volume: Volume, name: str) -> None:
    """Raise `InputError` if a volume is too thin, too coarse, or does not hold HU."""
    slices = min(volume.voxels.shape)
    if slices < MIN_SLICES:
        raise InputError(
            f"{name} has only {slices} slice{'s' * (slices != 1)}; at least {MIN_SLICES} are needed. "
            "Give the whole CT volume."
        )
    if max(volume.spacing) > MAX_SPACING:
        raise InputError(
            f"{name} has slices {max(volume.spacing):.1f} mm apart; more than {MAX_SPACING:.0f} mm is too coarse. "
            "Give a thinner reconstruction."
        )
    low, high = float(volume.voxels.min()), float(volume.voxels.max())
    if low == high:
        raise InputError(f"{name} is empty: every voxel is {low:g}. Give the CT itself.")
    if low >= 0:
        raise InputError(
            f"{name} is not a CT in HU: its values go from {low:g} to {high:g} with nothing below zero, "
            "as in an MR, a mask, a picture or a CT without its rescale. Export the CT in HU."
        )
    if high - low < MIN_RANGE:
        raise InputError(
            f"{name} is not a CT in HU: its values go from {low:g} to {high:g}, too narrow for fat and bone. "
            "Give the CT before windowing or normalising."
        )
