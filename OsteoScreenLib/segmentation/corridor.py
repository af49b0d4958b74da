"""The corridor along the spine: slices of an image, each moved so that the centre line runs through the middle."""

import numpy as np

from OsteoScreenLib.segmentation.networks import CORRIDOR_SIZE

AIR_HU = -1024.0


def straighten(voxels: np.ndarray, columns: np.ndarray, outside: float = AIR_HU) -> np.ndarray:
    """Return a corridor (k, 24, 32): of each slice of voxels (k, j, i) the window around its column.

    `columns` (k, 2) are the j and i of the centre line, rounded here to whole voxels; what lies beyond the image is
    `outside`.
    """
    width, depth = CORRIDOR_SIZE
    inside = np.clip(np.rint(columns).astype(int), 0, np.array(voxels.shape[1:]) - 1)
    padded = np.pad(voxels, ((0, 0), (depth // 2,) * 2, (width // 2,) * 2), constant_values=outside)
    return np.stack([slice_[j : j + depth, i : i + width] for slice_, (j, i) in zip(padded, inside, strict=True)])
