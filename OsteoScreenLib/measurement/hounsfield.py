"""Hounsfield units per vertebra: the whole body, its parts, and the radiologist's anterior ellipse.

The ellipse follows Pickhardt et al. (J Bone Miner Res 2011; 26: 2194): one oval over the trabecular bone in the front
of the body on the axial plane through its middle, clear of the cortex and of the basivertebral veins at the back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib import levels as table
from OsteoScreenLib.errors import LabelMapError
from OsteoScreenLib.measurement.frame import Frame, boxes, crop, sample, vertebra_frame
from OsteoScreenLib.volume import Volume, same_grid

if TYPE_CHECKING:
    import pandas as pd

STEP_MM = 0.5
SLAB_MM = 3.0
MARGIN_MM = 2.0
"""Kept between the ellipse and the edge of the trabecular compartment."""
FRONT = 0.6
"""The ellipse stays in this front share of the trabecular depth: the basivertebral veins enter from behind and reach
about the middle."""
ASPECTS = (1.0, 1.25, 1.5, 1.75, 2.0)
"""Width to depth of the ellipses that are tried."""
SMALLEST_MM = 2.5
"""The shortest semi-axis that still makes a measurement."""

Point = tuple[float, float, float]


@dataclass(frozen=True)
class AnteriorRoi:
    """An ellipse in the mid-vertebral plane, and the slab around it that is averaged.

    `centre` is RAS mm; `lateral` (to the patient's right) and `anterior` are RAS unit vectors; `semi_axes_mm` are
    along these two; `slab_mm` is the slab's thickness, 0 for the plane alone.
    """

    level: str
    centre: Point
    lateral: Point
    anterior: Point
    semi_axes_mm: tuple[float, float]
    slab_mm: float = SLAB_MM

    @property
    def area_mm2(self) -> float:
        """Area of the ellipse in mm2."""
        return float(np.pi * self.semi_axes_mm[0] * self.semi_axes_mm[1])

    def outline(self, n: int = 64) -> np.ndarray:
        """Return `n` points (n, 3) in RAS mm around the ellipse; the last is not the first again."""
        angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
        return self._ras(np.column_stack([np.cos(angle), np.sin(angle)]) * self.semi_axes_mm)

    def points(self) -> np.ndarray:
        """Return the points (n, 3) in RAS mm, 0.5 mm apart, that fill the ellipse through the slab."""
        a, b = self.semi_axes_mm
        x, y = np.meshgrid(_steps(a), _steps(b), indexing="ij")
        inside = (x / a) ** 2 + (y / b) ** 2 <= 1
        plane = self._ras(np.column_stack([x[inside], y[inside]]))
        cranial = np.cross(self.lateral, self.anterior)
        return (plane[None] + _steps(self.slab_mm / 2)[:, None, None] * cranial).reshape(-1, 3)

    def values(self, volume: Volume) -> np.ndarray:
        """Return a CT's HU (n,) at `points`, by linear interpolation; NaN outside the image."""
        return sample(volume, self.points(), outside=np.nan)

    def _ras(self, points: np.ndarray) -> np.ndarray:
        return np.asarray(self.centre) + points @ np.array([self.lateral, self.anterior])


def anterior_roi(labels: Volume, level: str) -> AnteriorRoi | None:
    """Return the anterior ellipse of one level, or None where the trabecular compartment is too small for one.

    The rule: of all ellipses (width 1 to 2 times depth, axes along the vertebra's own) centred on the trabecular
    midline of the mid-vertebral plane, inside the front 60 % of its depth and 2 mm or more from its edge, the one
    of largest area. That puts the centre about a third of the way back, as a radiologist does, makes it as large as
    the bone allows, which averages the most noise away, and needs no intensities, so that it does not chase them.
    A place counts as inside only if every voxel that linear interpolation would touch there is trabecular, through
    a slab of 3 mm; a flattened body that has no room for the slab gets the plane alone.

    Raises `LabelMapError` if the level is not in the label map.
    """
    frame = vertebra_frame(labels, level)
    part = crop(labels, boxes(labels)[level], margin=2)
    trabecular = part.with_voxels(table.trabecular_mask(part.voxels, level).astype(np.float32))
    for slab_mm in (SLAB_MM, 0.0):
        roi = _largest_ellipse(frame, trabecular, slab_mm)
        if roi is not None:
            return roi
    return None


def anterior_rois(labels: Volume, levels: Sequence[str] = table.SCREENED) -> dict[str, AnteriorRoi]:
    """Return the anterior ellipse of each level that is in the label map and has room for one."""
    near, present = _vertebrae_only(labels, levels)
    rois = {level: anterior_roi(near, level) for level in present}
    return {level: roi for level, roi in rois.items() if roi is not None}


def measure(
    volume: Volume,
    labels: Volume,
    levels: Sequence[str] = table.SCREENED,
    rois: Mapping[str, AnteriorRoi] | None = None,
) -> "pd.DataFrame":
    """Return one row per level that is in the label map, in the order of `levels`.

    Columns: ``level``; for each part of ``body, trabecular, shell``: ``{part}_mean_hu, _sd_hu, _median_hu, _p10_hu,
    _p90_hu`` over its voxels, and ``{part}_volume_ml``; ``roi_mean_hu, roi_sd_hu, roi_area_mm2`` of the anterior
    ellipse (`anterior_rois` unless given), sampled every 0.5 mm by linear interpolation through its slab. SDs are of
    the population. An empty part gives NaN and 0 ml, a missing ellipse NaN.

    Raises `LabelMapError` if the label map does not lie on the CT's grid.
    """
    import pandas as pd

    if not same_grid(volume, labels):
        raise LabelMapError(
            f"The label map (shape {labels.voxels.shape}) does not lie on the CT's grid (shape {volume.voxels.shape}): "
            "resample it to the CT first."
        )
    near, present = _vertebrae_only(labels, levels)
    if rois is None:
        rois = anterior_rois(near, present)
    found = boxes(near)
    rows = []
    for level in present:
        part = crop(near, found[level], margin=0)
        hu = over(volume, part)
        body, trabecular = table.body_mask(part.voxels, level), table.trabecular_mask(part.voxels, level)
        row: dict[str, object] = {"level": level}
        for name, mask in (("body", body), ("trabecular", trabecular), ("shell", body & ~trabecular)):
            row |= {f"{name}_{key}": value for key, value in _statistics(hu[mask]).items()}
            row[f"{name}_volume_ml"] = float(mask.sum() * part.voxel_volume / 1000)
        rows.append(row | _roi_statistics(volume, rois.get(level)))
    return pd.DataFrame(rows, columns=columns())


def columns() -> list[str]:
    """Return the columns of `measure`, in order."""
    keys = ("mean_hu", "sd_hu", "median_hu", "p10_hu", "p90_hu", "volume_ml")
    parts = [f"{part}_{key}" for part in ("body", "trabecular", "shell") for key in keys]
    return ["level", *parts, "roi_mean_hu", "roi_sd_hu", "roi_area_mm2"]


def _statistics(hu: np.ndarray) -> dict[str, float]:
    keys = ("mean_hu", "sd_hu", "median_hu", "p10_hu", "p90_hu")
    if not hu.size:
        return dict.fromkeys(keys, float("nan"))
    hu = hu.astype(np.float64)
    return dict(zip(keys, map(float, (hu.mean(), hu.std(), *np.percentile(hu, (50, 10, 90)))), strict=True))


def _roi_statistics(volume: Volume, roi: AnteriorRoi | None) -> dict[str, float]:
    if roi is None:
        return dict.fromkeys(("roi_mean_hu", "roi_sd_hu", "roi_area_mm2"), float("nan"))
    values = roi.values(volume).astype(np.float64)
    return {"roi_mean_hu": float(values.mean()), "roi_sd_hu": float(values.std()), "roi_area_mm2": roi.area_mm2}


def _vertebrae_only(labels: Volume, levels: Sequence[str]) -> tuple[Volume, list[str]]:
    """Return the label map cut down to its vertebrae, and which of `levels` it holds."""
    found = boxes(labels)
    if not found:
        return labels, []
    around = tuple(
        slice(min(s.start for s in axis), max(s.stop for s in axis)) for axis in zip(*found.values(), strict=True)
    )
    return crop(labels, around, margin=2), [level for level in levels if level in found]


def over(volume: Volume, part: Volume) -> np.ndarray:
    """Return a volume's voxels on a crop of its own grid."""
    i, j, k = np.rint(volume.to_ijk(part.ijk_to_ras[:3, 3])).astype(int)
    nk, nj, ni = part.voxels.shape
    return volume.voxels[k : k + nk, j : j + nj, i : i + ni]


def _largest_ellipse(frame: Frame, trabecular: Volume, slab_mm: float) -> AnteriorRoi | None:
    x, y = (_steps(size / 2 + 2 * MARGIN_MM) for size in frame.size_mm[:2])
    points = np.stack(np.meshgrid(x, y, _steps(slab_mm / 2), indexing="ij"), axis=-1)
    share = sample(trabecular, frame.to_ras(points)).min(axis=2)
    pure = _main_piece(share > 0.999)
    if not pure.any():
        return None
    rows = np.flatnonzero(pure.any(axis=0))
    depth = y[rows[-1]] - y[rows[0]]
    behind = y[rows[-1]] - FRONT * depth
    walls = [
        (x[i], y[j], margin) for mask, margin in ((~pure, 0.0), (share < 0.5, MARGIN_MM)) for i, j in [mask.nonzero()]
    ]

    best = (0.0, None)
    for row in rows[y[rows] > behind]:
        across = x[pure[:, row]]
        cx, cy = (across[0] + across[-1]) / 2, y[row]
        for aspect in ASPECTS:
            clear = (np.hypot((wx - cx) / aspect, wy - cy).min() - margin for wx, wy, margin in walls)
            b = min(cy - behind, *clear)
            if b >= SMALLEST_MM and aspect * b * b > best[0]:
                best = (aspect * b * b, (cx, cy, aspect * b, b))
    if best[1] is None:
        return None
    cx, cy, a, b = best[1]
    centre = frame.to_ras(np.array([cx, cy, 0.0]))
    return AnteriorRoi(
        frame.level,
        tuple(centre.tolist()),
        tuple(frame.lateral.tolist()),
        tuple(frame.anterior.tolist()),
        (float(a), float(b)),
        slab_mm,
    )


def _main_piece(mask: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    pieces, count = ndimage.label(mask)
    return pieces == np.argmax(np.bincount(pieces.ravel())[1:]) + 1 if count else mask


def _steps(reach: float) -> np.ndarray:
    """Return steps of at most 0.5 mm, symmetric about 0, from -reach to reach."""
    return np.linspace(-reach, reach, 2 * int(np.ceil(reach / STEP_MM)) + 1)
