"""Each vertebral body by itself: outlined at 1.5 mm in a crop, found along the spine, painted on the input's grid."""

from dataclasses import dataclass
from functools import cached_property
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

STEP_MM = 10.0
"""Distance of the crops that search for bodies along the spine; the network is trained to be up to 9 mm off."""

_APART_MM = 13.0
_OFF_MM = 16.0


@dataclass(frozen=True, eq=False)
class Body:
    """One vertebral body in its crop: the probability (k, j, i) of being the body in the crop's middle."""

    probability: Volume

    @cached_property
    def mask(self) -> np.ndarray:
        """The largest connected part (k, j, i) that is more likely body than not, without holes."""
        return _largest(self.probability.voxels > 0.5)

    @cached_property
    def centre(self) -> np.ndarray:
        """The centroid in RAS mm; the crop's middle where there is no body."""
        inside = np.argwhere(self.mask) if self.mask.any() else np.array([self.mask.shape]) / 2
        return self.probability.to_ras(inside.mean(0)[::-1])

    @property
    def believable(self) -> bool:
        """Whether its volume is that of a vertebral body."""
        return SMALLEST_ML <= self.mask.sum() * FINE_SPACING**3 / 1000 <= LARGEST_ML


def find_bodies(
    volume: Volume,
    points: np.ndarray,
    network: "Module",
    device: str,
    progress: Progress = silent,
    cancelled: IsCancelled = never,
) -> list[Body]:
    """Return the bodies along a line of points (n, 3) in RAS mm, from head to foot.

    A crop at each point shows the body nearest to it; of the crops that show the same body the best centred one counts,
    and that body is cut out once more around its own centre.
    """
    source = band_limited(volume, FINE_SPACING)
    seen = []
    for n, point in enumerate(points):
        stop_if(cancelled)
        progress(0.75 * n / len(points), "Looking for vertebral bodies")
        body = _cut_out(source, point, network, device)
        off = float(np.linalg.norm(body.centre - point))
        if body.believable and off < _OFF_MM:
            seen.append((off, body.centre))
    centres: list[np.ndarray] = []
    for _, centre in sorted(seen, key=lambda pair: pair[0]):
        if all(np.linalg.norm(centre - other) > _APART_MM for other in centres):
            centres.append(centre)
    bodies: list[Body] = []
    for n, centre in enumerate(sorted(centres, key=lambda c: -c[2])):
        stop_if(cancelled)
        progress(0.75 + 0.25 * n / len(centres), "Outlining vertebral bodies")
        body = _cut_out(source, centre, network, device)
        if body.believable and all(np.linalg.norm(body.centre - other.centre) > _APART_MM for other in bodies):
            bodies.append(body)
    return bodies


def outline(
    volume: Volume,
    centres: dict[str, np.ndarray],
    network: "Module",
    device: str,
    progress: Progress = silent,
    cancelled: IsCancelled = never,
) -> dict[str, Body]:
    """Return the believable bodies around given centres (RAS mm), each cut out a second time around what was found."""
    source = band_limited(volume, FINE_SPACING)
    bodies = {}
    for n, (level, centre) in enumerate(centres.items()):
        stop_if(cancelled)
        progress(n / len(centres), f"Outlining {level}")
        body = _cut_out(source, _cut_out(source, centre, network, device).centre, network, device)
        if body.believable:
            bodies[level] = body
    return bodies


def paint(volume: Volume, bodies: dict[str, Body]) -> np.ndarray:
    """Return the label map (uint16, coding of `levels`) of named bodies on the grid of a volume.

    Where two bodies claim a voxel the one in which it lies deeper has it. The compartments are parted by depth below
    the surface, not by the network's own two classes: those call a dense focus in the middle shell, too.
    """
    labels = np.zeros(volume.voxels.shape, dtype=np.uint16)
    depth = np.zeros(volume.voxels.shape, dtype=np.float32)
    for level, body in bodies.items():
        box = _box(volume, body.probability)
        if box is None:
            continue
        inside = resample(body.probability.with_voxels(_depth(body.mask, body.probability.voxels)), volume.window(box),
                          outside=-1.0).voxels  # fmt: skip
        mask = inside > depth[box]
        code = 10 * BY_NAME[level].code
        labels[box][mask] = np.where(inside > SHELL_MM, code + TRABECULAR, code + SHELL)[mask]
        depth[box][mask] = inside[mask]
    return labels


def _cut_out(source: Volume, centre: np.ndarray, network: "Module", device: str) -> Body:
    import torch

    crop = resample(source, grid(centre, (FINE_SIZE,) * 3, FINE_SPACING))
    with torch.inference_mode():
        image = torch.from_numpy(normalise(crop.voxels))[None, None].to(device)
        return Body(crop.with_voxels(network(image).float().softmax(1)[0, 1:].sum(0).cpu().numpy()))


def _depth(mask: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Return how deep in mm each voxel (k, j, i) of a crop lies below the body's surface, negative outside.

    The surface is that of the probability within the mask, interpolated to half the voxel size, so that depth is good
    to a fraction of a voxel.
    """
    from scipy.ndimage import binary_dilation, distance_transform_edt, zoom

    sure = np.where(binary_dilation(mask), np.where(mask, np.maximum(probability, 0.501), probability), 0)
    inside = zoom(sure, 2, order=1, mode="nearest", grid_mode=True) > 0.5
    step = FINE_SPACING / 2
    signed = distance_transform_edt(inside, step) - distance_transform_edt(~inside, step)
    signed -= np.sign(signed) * step / 2
    k, j, i = mask.shape
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
