"""Each vertebral body by itself: outlined at 1 mm in a crop, painted on the input's grid."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.levels import BY_NAME, SHELL, SHELL_MM, TRABECULAR
from OsteoScreenLib.progress import IsCancelled, Progress, never, part, silent, stop_if
from OsteoScreenLib.segmentation.networks import BEYOND_HU, FINE_SIZE, FINE_SPACING, normalise
from OsteoScreenLib.volume import Volume, band_limited, grid, resample

if TYPE_CHECKING:
    import torch
    from torch.nn import Module

SMALLEST_ML, LARGEST_ML = 4.0, 110.0
"""Volumes in ml between which a body is believed."""

BATCH = {"cpu": 1, "cuda": 16, "mps": 4}
"""Crops at a time on each device; more than one gains nothing on a CPU."""

_SHARED = 0.2
"""Share of a body's voxels in another from which both cannot be there."""

_HELD = 0.6
"""Share of a body's voxels in another from which that one holds it."""

_OFF_MM = 25.0

_ASKEW_MM = 5.0
"""How far in mm a body's centre may lie from its crop's middle: farther off, the crop may cut it."""


@dataclass(frozen=True, eq=False)
class Body:
    """One vertebral body in its crop: the probability (k, j, i) of being the body in the crop's middle.

    `looks` are those of which it is the mean: of the image, and of its mirror image. Without flips there are none.
    """

    probability: Volume
    looks: tuple[Volume, ...] = ()

    @cached_property
    def mask(self) -> np.ndarray:
        """The largest connected part (k, j, i) that is more likely body than not, without holes."""
        return _largest(self.probability.voxels > 0.5)

    @cached_property
    def centre(self) -> np.ndarray:
        """The centroid in RAS mm; the crop's middle where there is no body."""
        inside = np.argwhere(self.mask) if self.mask.any() else np.array([self.mask.shape]) / 2
        return self.probability.to_ras(inside.mean(0)[::-1])

    @cached_property
    def doubt(self) -> float:
        """How blurred its outline is: the probabilities' distance from 0 or 1, summed, over the mask's voxels.

        About 0.08 in a crop around a body, 0.13 and more where the crop's middle lies between two.
        """
        p = self.probability.voxels
        return float(np.minimum(p, 1 - p).sum() / max(int(self.mask.sum()), 1))

    @property
    def askew(self) -> bool:
        """Whether it lies so far off the middle of its crop that the crop may cut it."""
        middle = self.probability.to_ras((np.array(self.mask.shape[::-1]) - 1) / 2)
        return bool(np.linalg.norm(self.centre - middle) > _ASKEW_MM)

    @property
    def believable(self) -> bool:
        """Whether its volume is that of a vertebral body."""
        return SMALLEST_ML <= self.mask.sum() * FINE_SPACING**3 / 1000 <= LARGEST_ML


def look(
    source: Volume,
    points: Sequence[np.ndarray],
    network: "Module",
    device: str,
    progress: Progress = silent,
    cancelled: IsCancelled = never,
    flips: bool = False,
) -> list[Body]:
    """Return what the network takes for the body at each point in RAS mm, believable or not.

    `source` is a CT that is band-limited to `FINE_SPACING`. With `flips` the network sees the mirror image of each
    crop, too, which takes twice the time. Where memory runs out fewer crops are taken at a time.
    """
    import torch

    bodies: list[Body] = []
    count = BATCH[device]
    while len(bodies) < len(points):
        stop_if(cancelled)
        progress(len(bodies) / len(points), "Outlining vertebral bodies")
        try:
            bodies += _look_at(source, points[len(bodies) : len(bodies) + count], network, device, flips)
        except torch.OutOfMemoryError:
            if count == 1:
                raise
            count //= 2
    return bodies


def look_closely(
    source: Volume,
    points: Sequence[np.ndarray],
    network: "Module",
    device: str,
    progress: Progress = silent,
    cancelled: IsCancelled = never,
    flips: bool = False,
) -> list[Body]:
    """Return what `look` does; a body that lies askew in its crop is looked at once more around its own centre."""
    bodies = look(source, points, network, device, part(progress, 0.0, 0.8), cancelled, flips)
    askew = [n for n, body in enumerate(bodies) if body.askew]
    centres = [bodies[n].centre for n in askew]
    again = look(source, centres, network, device, part(progress, 0.8, 1.0), cancelled, flips)
    for n, body in zip(askew, again, strict=True):
        bodies[n] = body
    return bodies


def outline(
    volume: Volume,
    points: Sequence[np.ndarray],
    network: "Module",
    device: str,
    progress: Progress = silent,
    cancelled: IsCancelled = never,
    flips: bool = False,
) -> list[Body | None]:
    """Return the body at each point in RAS mm, or None where there is none to be believed.

    A first look shows where the body is, a second one around its middle is the one that counts; see `look`.
    """
    source = band_limited(volume, FINE_SPACING)
    first = look(source, points, network, device, part(progress, 0.0, 0.5), cancelled)
    middles = [body.centre for body in first]
    second = look_closely(source, middles, network, device, part(progress, 0.5, 1.0), cancelled, flips)
    near = [np.linalg.norm(body.centre - point) < _OFF_MM for body, point in zip(second, points, strict=True)]
    return [body if body.believable and close else None for body, close in zip(second, near, strict=True)]


def distinct(bodies: Sequence[Body]) -> list[Body]:
    """Return the believable bodies from head to foot; of those that overlap, the one with the least doubt.

    One that holds two others which keep apart is both in one, as where a worn disc is hardly darker than bone: it goes.
    """
    believable = [body for body in bodies if body.believable]
    found: list[Body] = []
    for body in sorted((body for body in believable if not _is_two(body, believable)), key=lambda body: body.doubt):
        if all(_shared(body, other) < _SHARED for other in found):
            found.append(body)
    return sorted(found, key=lambda body: -body.centre[2])


def _is_two(body: Body, others: Sequence[Body]) -> bool:
    """Tell whether a body holds two of the others that do not overlap."""
    held = [other for other in others if other is not body and _shared(other, body) > _HELD]
    return any(max(_shared(a, b), _shared(b, a)) < _SHARED for a, b in combinations(held, 2))


def paint(volume: Volume, bodies: dict[str, Body]) -> np.ndarray:
    """Return the label map (uint16, coding of `levels`) of named bodies on the grid of a volume.

    Where two bodies claim a voxel the one in which it lies deeper has it. The compartments are parted by depth below
    the surface, not by the network's own two classes: those call a dense focus in the middle shell, too.
    """
    labels = np.zeros(volume.voxels.shape, dtype=np.uint16)
    depth = np.zeros(volume.voxels.shape, dtype=np.float32)
    for level, body in bodies.items():
        around = _around(body.mask)
        crop = body.probability.window(around)
        box = _box(volume, crop)
        if box is None:
            continue
        depths = crop.with_voxels(_depth(body.mask[around], crop.voxels))
        inside = resample(depths, volume.window(box), outside=-1.0).voxels
        mask = inside > depth[box]
        code = 10 * BY_NAME[level].code
        labels[box][mask] = np.where(inside > SHELL_MM, code + TRABECULAR, code + SHELL)[mask]
        depth[box][mask] = inside[mask]
    return labels


def paint_looks(volume: Volume, bodies: dict[str, Body]) -> tuple[Volume, ...]:
    """Return what `paint` makes of the image alone and of its mirror image alone, in a window of the volume's grid.

    There are none where there is no body, or one was outlined without flips.
    """
    windows = [_box(volume, body.probability.window(_around(body.mask))) for body in bodies.values()]
    if not bodies or None in windows or not all(body.looks for body in bodies.values()):
        return ()
    box = tuple(slice(min(s.start for s in axis), max(s.stop for s in axis)) for axis in zip(*windows, strict=True))
    field = volume.window(box)
    looks = [{level: Body(body.looks[n]) for level, body in bodies.items()} for n in range(2)]
    return tuple(
        field.with_voxels(paint(field, {level: body for level, body in look.items() if body.mask.any()}))
        for look in looks
    )


def _look_at(source: Volume, centres: Sequence[np.ndarray], network: "Module", device: str, flips: bool) -> list[Body]:
    """Return what the network sees in the crops around some points, all in one batch; half precision on CUDA."""
    import torch

    crops = [_crop(source, grid(centre, FINE_SIZE, FINE_SPACING)) for centre in centres]
    image = torch.from_numpy(np.stack([normalise(crop.voxels)[None] for crop in crops])).to(device)

    def body(image: "torch.Tensor") -> "torch.Tensor":
        return network(image).float().softmax(1)[:, 1:].sum(1)

    with torch.inference_mode(), torch.autocast(device, enabled=device == "cuda"):
        looks = [body(image), body(image.flip(-1)).flip(-1)] if flips else [body(image)]
    seen = [
        [crop.with_voxels(voxels) for voxels in each]
        for crop, *each in zip(crops, *(one.cpu().numpy() for one in looks), strict=True)
    ]
    return [
        Body(each[0].with_voxels(np.mean([one.voxels for one in each], axis=0)), tuple(each) if flips else ())
        for each in seen
    ]


def _crop(source: Volume, field: Volume) -> Volume:
    """Return the part of a CT that lies in a field, on its grid; `BEYOND_HU` beyond the CT."""
    box = _box(source, field)
    return (
        field.with_voxels(np.full(field.voxels.shape, BEYOND_HU, np.float32))
        if box is None
        else resample(source.window(box), field, outside=BEYOND_HU)
    )


def _shared(body: Body, other: Body) -> float:
    """Return the share of a body's voxels that lie in another body."""
    at = np.rint(other.probability.to_ijk(body.probability.to_ras(np.argwhere(body.mask)[:, ::-1]))).astype(int)[
        :, ::-1
    ]
    inside = ((at >= 0) & (at < other.mask.shape)).all(1)
    return float(other.mask[tuple(at[inside].T)].sum() / len(at))


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


def _around(mask: np.ndarray) -> tuple[slice, slice, slice]:
    """Return the (k, j, i) slices around a mask, with some voxels to spare where the crop has them."""
    from scipy.ndimage import find_objects

    box = find_objects(mask.astype(np.uint8))[0]
    return tuple(slice(max(0, s.start - 3), s.stop + 3) for s in box)


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
