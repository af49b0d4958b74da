"""How far HU and volumes depend on where an outline runs: a voxel smaller, one larger, or as by the mirror image."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib import levels as table
from OsteoScreenLib.measurement.frame import boxes, crop
from OsteoScreenLib.measurement.hounsfield import over
from OsteoScreenLib.volume import Volume

if TYPE_CHECKING:
    import pandas as pd

_MEASURES = ("trabecular_mean_hu", "trabecular_volume_ml", "body_volume_ml")


def with_intervals(
    rows: "pd.DataFrame", volume: Volume, labels: Volume, looks: Sequence[Volume] = ()
) -> "pd.DataFrame":
    """Return measurements with the range of HU and volume over outlines that might have been, row by row.

    Added are ``trabecular_mean_hu_low, _high``, ``trabecular_volume_ml_low, _high`` and ``body_volume_ml_low, _high``.
    A mask is eroded and dilated by one voxel along each axis of the grid, never into another body. `looks` are label
    maps of the same bodies by the image and by its mirror image, in windows of the grid (`Segmentation.looks`): the
    range holds them, too. These are limits of what a hand might have drawn, no confidence intervals; with thick slices
    they are wide.
    """
    found = boxes(labels)
    others = [(look, boxes(look)) for look in looks]
    added = {f"{name}_{end}": [] for name in _MEASURES for end in ("low", "high")}
    for level in rows["level"]:
        outlines = _moved(volume, labels, level, found[level])
        for look, there in others:
            if level in there:
                part = crop(look, there[level], margin=0)
                body, inner = table.body_mask(part.voxels, level), table.trabecular_mask(part.voxels, level)
                outlines.append(_values(over(volume, part), body, inner, part.voxel_volume))
        for name, values in zip(_MEASURES, np.transpose(outlines), strict=True):
            known = values[np.isfinite(values)]
            added[f"{name}_low"].append(float(known.min()) if known.size else float("nan"))
            added[f"{name}_high"].append(float(known.max()) if known.size else float("nan"))
    return rows.assign(**added)


def _moved(volume: Volume, labels: Volume, level: str, box: tuple[slice, slice, slice]) -> list[tuple[float, ...]]:
    """Return the `_MEASURES` of a mask, and of it eroded and dilated by a voxel."""
    from scipy.ndimage import binary_dilation, binary_erosion

    part = crop(labels, box, margin=2)
    hu = over(volume, part)
    body, inner = table.body_mask(part.voxels, level), table.trabecular_mask(part.voxels, level)
    free = body | (part.voxels == 0)
    pairs = [
        (binary_erosion(body), binary_erosion(inner)),
        (body, inner),
        (binary_dilation(body) & free, binary_dilation(inner) & free),
    ]
    return [_values(hu, *pair, part.voxel_volume) for pair in pairs]


def _values(hu: np.ndarray, body: np.ndarray, inner: np.ndarray, voxel_mm3: float) -> tuple[float, ...]:
    """Return the `_MEASURES` of one outline; NaN where it has no trabecular compartment."""
    mean = float(hu[inner].mean()) if inner.any() else float("nan")
    return mean, inner.sum() * voxel_mm3 / 1000, body.sum() * voxel_mm3 / 1000
