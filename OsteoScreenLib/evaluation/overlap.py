"""Agreement of two masks: overlap and surface distances, computed by MONAI."""

import warnings
from dataclasses import dataclass
from math import nan

import numpy as np

from OsteoScreenLib.errors import LabelMapError


@dataclass(frozen=True)
class Overlap:
    """Dice (0 to 1), and surface distances in mm.

    `asd` is the mean distance from the first mask's surface to the second's, `assd` the mean over both surfaces,
    `hd95` the 95th percentile of the Hausdorff distance, the larger of both ways. `inside` is the share of the first
    mask that lies in the second (0 to 1).
    """

    dice: float
    asd: float
    assd: float
    hd95: float
    inside: float


def overlap(prediction: np.ndarray, reference: np.ndarray, spacing: tuple[float, float, float]) -> Overlap:
    """Compare two boolean masks (k, j, i) of one grid with `spacing` mm along i, j, k.

    Two empty masks agree wholly; of one empty mask the distances are NaN. Raises `LabelMapError` where shapes differ.
    """
    from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance

    if prediction.shape != reference.shape:
        raise LabelMapError(f"Masks of {prediction.shape} and {reference.shape} voxels cannot be compared.")
    a, b = prediction.astype(bool), reference.astype(bool)
    total = int(a.sum() + b.sum())
    if total == 0:
        return Overlap(1.0, 0.0, 0.0, 0.0, 1.0)
    dice = 2 * int((a & b).sum()) / total
    if not (a.any() and b.any()):
        return Overlap(dice, nan, nan, nan, 0.0 if a.any() else nan)
    where = np.argwhere(a | b)
    box = tuple(slice(max(0, low - 1), high + 2) for low, high in zip(where.min(0), where.max(0), strict=True))
    pair = [np.pad(mask[box], 1)[None, None].astype(np.uint8) for mask in (a, b)]
    steps = list(spacing[::-1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        asd = compute_average_surface_distance(*pair, include_background=True, spacing=steps)
        assd = compute_average_surface_distance(*pair, include_background=True, symmetric=True, spacing=steps)
        hd95 = compute_hausdorff_distance(*pair, include_background=True, percentile=95, spacing=steps)
    return Overlap(dice, float(asd), float(assd), float(hd95), int((a & b).sum()) / int(a.sum()))
