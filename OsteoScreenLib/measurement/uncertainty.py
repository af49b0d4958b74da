"""How far HU and volumes depend on where exactly an outline runs: each mask one voxel smaller, and one larger."""

from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib import levels as table
from OsteoScreenLib.measurement.frame import boxes, crop
from OsteoScreenLib.measurement.hounsfield import over
from OsteoScreenLib.volume import Volume

if TYPE_CHECKING:
    import pandas as pd


def with_intervals(rows: "pd.DataFrame", volume: Volume, labels: Volume) -> "pd.DataFrame":
    """Return measurements with the range of HU and volume between the eroded and the dilated mask, row by row.

    Added are ``trabecular_mean_hu_low, _high``, ``trabecular_volume_ml_low, _high`` and ``body_volume_ml_low, _high``.
    A mask is eroded and dilated by one voxel along each axis of the grid, never into another body. These are limits of
    what a hand might have drawn, no confidence intervals; with thick slices they are wide.
    """
    found = boxes(labels)
    ranges = [_ranges(volume, labels, level, found[level]) for level in rows["level"]]
    return rows.assign(**{name: [one[name] for one in ranges] for name in _NAMES})


_NAMES = tuple(
    f"{measure}_{end}"
    for measure in ("trabecular_mean_hu", "trabecular_volume_ml", "body_volume_ml")
    for end in ("low", "high")
)


def _ranges(volume: Volume, labels: Volume, level: str, box: tuple[slice, slice, slice]) -> dict[str, float]:
    from scipy.ndimage import binary_dilation, binary_erosion

    part = crop(labels, box, margin=2)
    hu = over(volume, part)
    body, inner = table.body_mask(part.voxels, level), table.trabecular_mask(part.voxels, level)
    free = body | (part.voxels == 0)
    masks = [binary_erosion(inner), inner, binary_dilation(inner) & free]
    means = [float(hu[mask].mean()) for mask in masks if mask.any()] or [float("nan")]
    ml = part.voxel_volume / 1000
    sizes = {
        "trabecular": (masks[0].sum() * ml, masks[2].sum() * ml),
        "body": (binary_erosion(body).sum() * ml, (binary_dilation(body) & free).sum() * ml),
    }
    return {
        "trabecular_mean_hu_low": float(np.min(means)),
        "trabecular_mean_hu_high": float(np.max(means)),
        **{
            f"{name}_volume_ml_{end}": float(value)
            for name, pair in sizes.items()
            for end, value in zip(("low", "high"), pair, strict=True)
        },
    }
