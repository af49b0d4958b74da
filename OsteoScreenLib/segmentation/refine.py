"""Each vertebra by itself: shell and trabecular compartment at 1.5 mm, brought back onto the input's grid."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.levels import BY_NAME, SHELL, SHELL_MM, TRABECULAR
from OsteoScreenLib.progress import IsCancelled, Progress, never, silent, stop_if
from OsteoScreenLib.segmentation.networks import FINE_SIZE, FINE_SPACING, normalise
from OsteoScreenLib.volume import Volume, band_limited, grid, resample

if TYPE_CHECKING:
    from torch.nn import Module

SMALLEST_ML, LARGEST_ML = 4.0, 110.0
"""Volumes in ml between which a body is believed."""


@dataclass(frozen=True, eq=False)
class Body:
    """One vertebra in its crop: level, crop grid, and the probability (k, j, i) of being its body."""

    level: str
    crop: Volume
    probability: np.ndarray


def refine(
    volume: Volume,
    centres: dict[str, np.ndarray],
    network: "Module",
    device: str,
    progress: Progress = silent,
    cancelled: IsCancelled = never,
) -> tuple[np.ndarray, list[str]]:
    """Segment the bodies around given centres (RAS mm).

    Each vertebra is cut out twice, the second time around the body that the first pass found. Returns the label map
    (uint16, coding of `levels`) on the volume's grid and the levels whose body was not believable, which are left out.
    """
    source = band_limited(volume, FINE_SPACING)
    labels = np.zeros(volume.voxels.shape, dtype=np.uint16)
    depth = np.zeros(volume.voxels.shape, dtype=np.float32)
    doubtful = []
    for n, (level, centre) in enumerate(centres.items()):
        stop_if(cancelled)
        progress(n / len(centres), f"Segmenting {level}")
        first = _segment_crop(source, level, centre, network, device)
        second = _segment_crop(source, level, _centroid(first, centre), network, device)
        if not _paint(volume, second, labels, depth):
            doubtful.append(level)
    return labels, doubtful


def _segment_crop(source: Volume, level: str, centre: np.ndarray, network: "Module", device: str) -> Body:
    import torch

    crop = resample(source, grid(centre, (FINE_SIZE,) * 3, FINE_SPACING))
    with torch.inference_mode():
        image = torch.from_numpy(normalise(crop.voxels))[None, None].to(device)
        probability = network(image).float().softmax(1)[0, 1:].sum(0).cpu().numpy()
    return Body(level, crop, probability)


def _centroid(body: Body, fallback: np.ndarray) -> np.ndarray:
    """Return the centroid of a crop's body in RAS mm, or `fallback` where the crop holds none."""
    inside = np.argwhere(body.probability > 0.5)
    return body.crop.to_ras(inside.mean(0)[::-1]) if len(inside) else fallback


def _paint(volume: Volume, body: Body, labels: np.ndarray, depth: np.ndarray) -> bool:
    """Write a body into the label map where it is deeper than its neighbours; tell whether it is believable.

    The compartments are parted by depth below the surface, not by the network's own two classes: those call a dense
    focus in the middle shell, too.
    """
    box = _box(volume, body.crop)
    if box is None:
        return False
    inside = resample(body.crop.with_voxels(_depth(body.probability)), volume.window(box), outside=-1.0).voxels
    mask = _largest(inside > 0)
    if not SMALLEST_ML <= mask.sum() * volume.voxel_volume / 1000 <= LARGEST_ML:
        return False
    mask &= inside > depth[box]
    code = 10 * BY_NAME[body.level].code
    labels[box][mask] = np.where(inside > SHELL_MM, code + TRABECULAR, code + SHELL)[mask]
    depth[box][mask] = inside[mask]
    return True


def _depth(probability: np.ndarray) -> np.ndarray:
    """Return how deep in mm each voxel of a crop lies below the body's surface, negative outside.

    The surface is that of the probability interpolated to half the voxel size, so that depth is good to a fraction of
    a voxel.
    """
    from scipy.ndimage import distance_transform_edt, zoom

    inside = zoom(probability, 2, order=1, mode="nearest", grid_mode=True) > 0.5
    step = FINE_SPACING / 2
    signed = distance_transform_edt(inside, step) - distance_transform_edt(~inside, step)
    signed -= np.sign(signed) * step / 2
    k, j, i = probability.shape
    return signed.reshape(k, 2, j, 2, i, 2).mean((1, 3, 5)).astype(np.float32)


def _box(volume: Volume, crop: Volume) -> tuple[slice, slice, slice] | None:
    """Return the (k, j, i) slices of a volume that hold a crop, or None where they do not meet."""
    ends = np.array(np.meshgrid(*[[0, n - 1] for n in crop.voxels.shape[::-1]])).reshape(3, -1).T
    ijk = volume.to_ijk(crop.to_ras(ends))
    low = np.maximum(np.floor(ijk.min(0)).astype(int), 0)
    high = np.minimum(np.ceil(ijk.max(0)).astype(int) + 1, volume.voxels.shape[::-1])
    if (low >= high).any():
        return None
    return tuple(slice(a, b) for a, b in zip(low[::-1].tolist(), high[::-1].tolist(), strict=True))


def _largest(mask: np.ndarray) -> np.ndarray:
    """Return the largest connected part of a mask, without holes."""
    from scipy.ndimage import binary_fill_holes, label

    parts, count = label(mask)
    if count == 0:
        return mask
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return binary_fill_holes(parts == sizes.argmax())
