"""From a CT and its label map to the block of one region, normalised and resampled, as pyradiomics cuts it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib import levels as table
from OsteoScreenLib.device import processors
from OsteoScreenLib.errors import LabelMapError
from OsteoScreenLib.radiomics.separable import along, interpolation
from OsteoScreenLib.radiomics.settings import LINEAR, Settings
from OsteoScreenLib.volume import Volume, same_grid

if TYPE_CHECKING:
    import SimpleITK

Box = tuple[slice, ...]
"""A part of an array (k, j, i)."""

CODES = np.array([0, *(table.label(level, part) for level in table.BY_NAME for part in table.PARTS)], np.uint16)

SPLINE_REACH = 24
"""Voxels after which a cubic B-spline has forgotten a value: 0.268 ** 24 < 2e-14."""


@dataclass(frozen=True, eq=False)
class Case:
    """A CT and its label map (codes as in `levels`), with what all regions share: mean and standard deviation.

    `label_image` holds places in `CODES` in place of the codes: one byte a voxel. `box` bounds all labels.
    """

    volume: Volume
    labels: Volume
    box: Box | None
    label_image: "SimpleITK.Image"
    mean: float
    deviation: float


@dataclass(frozen=True, eq=False)
class Lattice:
    """The voxels around a region: the first, how many there are, and their size in mm, each along i, j, k.

    `first` counts voxels of this size from the CT's outer corner.
    """

    first: np.ndarray
    counts: np.ndarray
    spacing: np.ndarray

    def window(self, origin: np.ndarray | int = 0) -> Box:
        """Return its part of an array (k, j, i) that starts at the voxel `origin` (i, j, k)."""
        start = (self.first - origin)[::-1]
        return tuple(slice(a, a + n) for a, n in zip(start, self.counts[::-1], strict=True))


@dataclass(frozen=True, eq=False)
class Block:
    """The surroundings of a region: `values` (k, j, i) on a lattice."""

    lattice: Lattice
    values: np.ndarray

    def part(self, lattice: Lattice) -> "Block":
        """Return the block of a lattice that lies within this one and has voxels of the same size."""
        return Block(lattice, self.values[lattice.window(self.lattice.first)])


def bounding_box(mask: np.ndarray) -> Box | None:
    """Return the part of an array (k, j, i) outside which all is zero; None where there is nothing else."""
    box: Box = ()
    for axis in range(3):
        rest = mask[box]
        hit = np.flatnonzero(rest.any(tuple({0, 1, 2} - {axis})))
        if not len(hit):
            return None
        box += (slice(int(hit[0]), int(hit[-1]) + 1),)
    return box


def open_case(volume: Volume, labels: Volume, settings: Settings) -> Case:
    """Return a CT and its label map ready for `cut`; raises `LabelMapError` where they are on different grids."""
    if not same_grid(volume, labels):
        raise LabelMapError("The label map does not lie on the CT's grid: resample it to the CT first.")
    mean, deviation = _mean_and_deviation(volume.voxels) if settings.normalize else (0.0, 1.0)
    on_grid = volume.with_voxels(labels.voxels.astype(np.uint16, copy=False))
    code_to_place = np.zeros(2**16, np.uint8)
    code_to_place[CODES] = np.arange(len(CODES))
    places = np.zeros(on_grid.voxels.shape, np.uint8)
    if box := bounding_box(on_grid.voxels):
        places[box] = code_to_place[on_grid.voxels[box]]
    return Case(volume, on_grid, box, volume.with_voxels(places).to_sitk(), mean, deviation)


def around(case: Case, box: Box, settings: Settings) -> Lattice:
    """Return the lattice around a region whose bounding box on the CT's grid is `box`.

    It is that of the whole CT, with the same outer corner, cut out `pad_distance` voxels around the region; without
    resampling it is the whole CT, unless `pre_crop` cuts it the same way.
    """
    spacing = np.array(case.volume.spacing)
    size = np.array(case.volume.voxels.shape[::-1])
    low, high = (np.array([getattr(side, end) for side in reversed(box)]) for end in ("start", "stop"))
    if settings.resampled_spacing is None:
        wanted = spacing
    else:
        wanted = np.where(high - low == 1, 0.0, settings.resampled_spacing)
        wanted = np.where(wanted == 0, spacing, wanted)
    if np.allclose(spacing, wanted):
        whole = settings.resampled_spacing is None and not settings.pre_crop
        first = np.zeros(3, int) if whole else np.maximum(low - settings.pad_distance, 0)
        stop = size if whole else np.minimum(high + settings.pad_distance, size)
        return Lattice(first, stop - first, spacing)
    ratio = spacing / wanted
    first = np.maximum(np.floor((low - 0.5) * ratio - settings.pad_distance), 0).astype(int)
    last = np.minimum(np.ceil((high - 0.5) * ratio + settings.pad_distance), np.ceil(size * ratio) - 1).astype(int)
    return Lattice(first, last - first + 1, wanted)


def cut(case: Case, lattice: Lattice, settings: Settings) -> Block:
    """Return the block on a lattice, normalised and resampled."""
    if not _is_resampled(case, lattice):
        return Block(lattice, _normalised(case, lattice.window(), settings))
    ratio = case.volume.spacing / lattice.spacing
    start = _start(case, lattice)
    positions = [start[a] + np.arange(lattice.counts[a]) / ratio[a] for a in range(3)]
    return Block(lattice, _interpolated(case, positions, settings))


def labels_on(case: Case, lattice: Lattice) -> np.ndarray:
    """Return the nearest labels (k, j, i) on a region's own lattice.

    They are found by ITK in the whole label map: then ties fall as they do in pyradiomics.
    """
    if not _is_resampled(case, lattice):
        return case.labels.voxels[lattice.window()]
    import SimpleITK as sitk

    labels = case.label_image
    resample = sitk.ResampleImageFilter()
    resample.SetOutputOrigin(labels.TransformContinuousIndexToPhysicalPoint(_start(case, lattice).tolist()))
    resample.SetOutputDirection(labels.GetDirection())
    resample.SetOutputSpacing(lattice.spacing.tolist())
    resample.SetSize(lattice.counts.tolist())
    resample.SetInterpolator(sitk.sitkNearestNeighbor)
    resample.SetNumberOfThreads(1)
    return CODES[sitk.GetArrayFromImage(resample.Execute(labels))]


def _is_resampled(case: Case, lattice: Lattice) -> bool:
    return not np.array_equal(lattice.spacing, case.volume.spacing)


def _start(case: Case, lattice: Lattice) -> np.ndarray:
    """Return where a lattice starts on the CT's grid, in voxels along i, j, k."""
    spacing = np.array(case.volume.spacing)
    return 0.5 * (lattice.spacing - spacing) / spacing + lattice.first / (spacing / lattice.spacing)


def _mean_and_deviation(voxels: np.ndarray) -> tuple[float, float]:
    """Return mean and sample standard deviation, slice by slice: a whole CT in float64 would fill the memory."""
    with ThreadPoolExecutor(processors()) as threads:
        mean = sum(threads.map(lambda part: part.sum(dtype=np.float64), voxels)) / voxels.size
        squares = sum(threads.map(lambda part: np.square(part - mean).sum(), voxels))
    return float(mean), float(np.sqrt(squares / max(voxels.size - 1, 1)))


def _normalised(case: Case, window: Box, settings: Settings) -> np.ndarray:
    """Return a part of the CT as z-scores times the scale (float64), or as it is."""
    voxels = case.volume.voxels[window]
    if not settings.normalize:
        return voxels
    scores = voxels.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        scores -= case.mean
        scores *= 1 / np.float64(case.deviation)
    if settings.remove_outliers is not None:
        np.clip(scores, -settings.remove_outliers, settings.remove_outliers, out=scores)
    scores *= settings.normalize_scale
    return scores


def _interpolated(case: Case, positions: list[np.ndarray], settings: Settings) -> np.ndarray:
    """Return the CT at the lattice of `positions` (voxels along i, j, k), computed from the part that reaches it."""
    window, weights = [], []
    for where, size in zip(positions, case.volume.voxels.shape[::-1], strict=True):
        start = max(int(where[0]) - SPLINE_REACH, 0)
        stop = min(int(where[-1]) + SPLINE_REACH + 2, size)
        window.append(slice(start, stop))
        weights.append(interpolation(where, start, stop, size, settings.interpolator == LINEAR))
    voxels = _normalised(case, tuple(reversed(window)), settings)
    values = voxels.astype(np.float64, copy=False)
    for axis, matrix in zip((2, 1, 0), weights, strict=True):
        values = along(values, axis, matrix)
    if np.issubdtype(voxels.dtype, np.integer):
        # ITK cuts off the decimals; where the lattices meet, an integer must not become the next smaller one.
        nearest = np.round(values)
        values = np.where(np.abs(values - nearest) < 1e-9, nearest, values)
        limits = np.iinfo(voxels.dtype)
        values = np.clip(values, limits.min, limits.max)
    return np.ascontiguousarray(values.astype(voxels.dtype))
