"""Axial slices through a CT, whatever way it lies, as a detector sees them; and the way back to the patient."""

from dataclasses import dataclass

import numpy as np

from OsteoScreenLib.levels import BY_CODE
from OsteoScreenLib.result import SliceBox
from OsteoScreenLib.volume import Volume, band_limited, grid, resample

SIZE, PIXEL_MM = 128, 1.25
SLAB_MM = 3
"""A slice is the mean over this thickness; slices follow each other at the same distance."""

WINDOWS: dict[str, tuple[float, float]] = {"bone": (-200.0, 600.0), "soft": (-160.0, 240.0), "raw": (-1024.0, 3071.0)}
"""The three channels of a slice, and which HU become 0 and 1 in each."""

AIR_HU = -1024.0
_STEP_MM = 1.0


@dataclass(frozen=True, eq=False)
class Slices:
    """Square axial slices: `hu` (n, row, column) and the RAS position in mm (n, 3) of the outer `corner` of each.

    As radiologists look: columns run to the patient's left, rows to the back. Pixel n spans [n, n + 1], in pixels of
    `pixel` mm.
    """

    hu: np.ndarray
    corner: np.ndarray
    pixel: float = PIXEL_MM

    def __len__(self) -> int:
        return len(self.hu)

    @property
    def z(self) -> np.ndarray:
        """Height (n,) of each slice in RAS mm."""
        return self.corner[:, 2]

    def to_ras(self, index: int, points: np.ndarray) -> np.ndarray:
        """Map points (..., 2) of a slice, as x, y in pixels, to RAS mm (..., 3)."""
        x, y = np.moveaxis(np.asarray(points, float) * self.pixel, -1, 0)
        corner = self.corner[index]
        return np.stack([corner[0] - x, corner[1] - y, np.full_like(x, corner[2])], axis=-1)

    def corners_of(self, box: SliceBox) -> np.ndarray:
        """Return a box as x0, y0, x1, y1 (4,) in pixels of its slice."""
        corner = self.corner[box.slice, :2]
        return np.concatenate([corner - np.array(box.high)[:2], corner - np.array(box.low)[:2]]) / self.pixel

    def images(self) -> np.ndarray:
        """Return what a detector is shown: (n, 3, row, column) in [0, 1], float32."""
        return windowed(self.hu)


def windowed(hu: np.ndarray) -> np.ndarray:
    """Return HU (n, row, column) through each of `WINDOWS`: (n, 3, row, column) in [0, 1], float32."""
    parts = [np.clip((hu - low) / (high - low), 0, 1) for low, high in WINDOWS.values()]
    return np.stack(parts, axis=1).astype(np.float32)


def axial_slices(volume: Volume, centres: np.ndarray, size: int = SIZE, pixel: float = PIXEL_MM) -> Slices:
    """Return the axial slices of `size` pixels of `pixel` mm around some points (n, 3) in RAS mm.

    Axial means in the patient's frame: oblique and flipped volumes are resampled. Each slice is the mean of three
    planes 1 mm apart; centres are rounded to a pixel and to 1 mm. What lies outside of the volume is air.
    """
    steps = np.array([pixel, pixel, _STEP_MM])
    middle, span = (centres.max(0) + centres.min(0)) / 2, np.ptp(centres, axis=0)
    count = np.ceil(span / steps).astype(int) + np.array([size + 2, size + 2, SLAB_MM + 2])
    stack = resample(band_limited(volume, pixel), grid(middle, tuple(count.tolist()), tuple(steps)), outside=AIR_HU)
    low = np.rint(stack.to_ijk(centres) - [(size - 1) / 2, (size - 1) / 2, (SLAB_MM - 1) / 2]).astype(int)
    low = np.clip(low, 0, count - [size, size, SLAB_MM])
    hu = np.stack([stack.voxels[k : k + SLAB_MM, j : j + size, i : i + size].mean(0)[::-1, ::-1] for i, j, k in low])
    far = stack.to_ras(low + np.array([size - 0.5, size - 0.5, (SLAB_MM - 1) / 2]))
    return Slices(np.ascontiguousarray(hu, dtype=np.float32), far, pixel)


def along(points: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return where slices are to be taken along a line of points (n, 3) in RAS mm: (m, 3), head first.

    One for every `SLAB_MM` from `high` down to `low`, both z in RAS mm; beyond an end of the line, straight on.
    """
    order = np.argsort(points[:, 2])
    z = np.arange(high, low - 1e-6, -SLAB_MM)
    x, y = (np.interp(z, points[order, 2], points[order, axis]) for axis in range(2))
    return np.stack([x, y, z], axis=1)


def labels_on(slices: Slices, labels: Volume) -> np.ndarray:
    """Return what a label map on any grid holds at each pixel (n, row, column), 0 outside of it."""
    size = np.array(labels.voxels.shape[::-1])
    row, column = np.mgrid[: slices.hu.shape[1], : slices.hu.shape[2]] + 0.5
    found = np.zeros(slices.hu.shape, labels.voxels.dtype)
    for index in range(len(slices)):
        ijk = np.rint(labels.to_ijk(slices.to_ras(index, np.stack([column, row], axis=-1)))).astype(int)
        inside = ((ijk >= 0) & (ijk < size)).all(-1)
        i, j, k = ijk[inside].T
        found[index][inside] = labels.voxels[k, j, i]
    return found


def boxes_of(labels: np.ndarray) -> dict[str, np.ndarray]:
    """Return the box x0, y0, x1, y1 in pixels of each body in one slice (row, column) of a label map, by level."""
    from scipy.ndimage import find_objects

    return {
        BY_CODE[code].name: np.array([place[1].start, place[0].start, place[1].stop, place[0].stop], float)
        for code, place in enumerate(find_objects((labels // 10).astype(np.int32)), start=1)
        if place is not None and code in BY_CODE
    }
