"""From a CT and its label map to the block of one region, normalised and resampled, as pyradiomics cuts it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib import levels as table
from OsteoScreenLib.errors import LabelMapError
from OsteoScreenLib.radiomics.separable import along, interpolation
from OsteoScreenLib.radiomics.settings import LINEAR, Settings
from OsteoScreenLib.volume import Volume, same_grid

if TYPE_CHECKING:
    import SimpleITK

CODES = np.array([0, *(table.label(level, part) for level in table.BY_NAME for part in table.PARTS)], np.uint16)

SPLINE_REACH = 24
"""Voxels after which a cubic B-spline has forgotten a value: 0.268 ** 24 < 2e-14."""


@dataclass(frozen=True, eq=False)
class Case:
    """A CT and its label map (codes as in `levels`), with what all regions share: mean and standard deviation.

    `label_image` holds places in `CODES` in place of the codes: one byte a voxel.
    """

    volume: Volume
    labels: Volume
    label_image: "SimpleITK.Image"
    mean: float
    deviation: float


@dataclass(frozen=True, eq=False)
class Block:
    """The surroundings of one region: `values` (k, j, i), the region's labels on the same grid, voxel size in mm."""

    values: np.ndarray
    labels: np.ndarray
    spacing: tuple[float, float, float]


def open_case(volume: Volume, labels: Volume, settings: Settings) -> Case:
    """Return a CT and its label map ready for `cut`; raises `LabelMapError` where they are on different grids."""
    if not same_grid(volume, labels):
        raise LabelMapError("The label map does not lie on the CT's grid: resample it to the CT first.")
    mean, deviation = _mean_and_deviation(volume.voxels) if settings.normalize else (0.0, 1.0)
    on_grid = volume.with_voxels(labels.voxels.astype(np.uint16, copy=False))
    places = np.zeros(2**16, np.uint8)
    places[CODES] = np.arange(len(CODES))
    return Case(volume, on_grid, volume.with_voxels(places[on_grid.voxels]).to_sitk(), mean, deviation)


def cut(case: Case, box: tuple[slice, slice, slice], settings: Settings) -> Block:
    """Return the block around a region whose bounding box on the CT's grid is `box` (k, j, i).

    The block's lattice is that of the whole CT, with the same outer corner, cut out `pad_distance` voxels around the
    region; without resampling it is the whole CT, unless `pre_crop` cuts it the same way. Labels go to the nearest
    voxel, by ITK and from the whole label map, so that ties fall as they do in pyradiomics.
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
        near = np.maximum(low - settings.pad_distance, 0), np.minimum(high + settings.pad_distance, size)
        whole = settings.resampled_spacing is None and not settings.pre_crop
        first, last = (np.zeros(3, int), size) if whole else near
        window = tuple(slice(a, b) for a, b in zip(first[::-1], last[::-1], strict=True))
        return Block(_normalised(case, window, settings), case.labels.voxels[window], tuple(spacing.tolist()))
    ratio = spacing / wanted
    first = np.maximum(np.floor((low - 0.5) * ratio - settings.pad_distance), 0)
    last = np.minimum(np.ceil((high - 0.5) * ratio + settings.pad_distance), np.ceil(size * ratio) - 1)
    counts = (last - first + 1).astype(int)
    start = 0.5 * (wanted - spacing) / spacing + first / ratio
    values = _interpolated(case, [start[a] + np.arange(counts[a]) / ratio[a] for a in range(3)], settings)
    return Block(values, CODES[_nearest(case.label_image, start, counts, wanted)], tuple(wanted.tolist()))


def _mean_and_deviation(voxels: np.ndarray) -> tuple[float, float]:
    """Return mean and sample standard deviation, slice by slice: a whole CT in float64 would fill the memory."""
    mean = sum(part.sum(dtype=np.float64) for part in voxels) / voxels.size
    squares = sum(np.square(part.astype(np.float64) - mean).sum() for part in voxels)
    return float(mean), float(np.sqrt(squares / max(voxels.size - 1, 1)))


def _normalised(case: Case, window: tuple[slice, slice, slice], settings: Settings) -> np.ndarray:
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


def _nearest(labels: "SimpleITK.Image", start: np.ndarray, counts: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Return the values of an image at a lattice that starts at the continuous index `start` (i, j, k)."""
    import SimpleITK as sitk

    resample = sitk.ResampleImageFilter()
    resample.SetOutputOrigin(labels.TransformContinuousIndexToPhysicalPoint(start.tolist()))
    resample.SetOutputDirection(labels.GetDirection())
    resample.SetOutputSpacing(spacing.tolist())
    resample.SetSize(counts.tolist())
    resample.SetInterpolator(sitk.sitkNearestNeighbor)
    resample.SetNumberOfThreads(1)
    return sitk.GetArrayFromImage(resample.Execute(labels))
