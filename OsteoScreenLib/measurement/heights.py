"""The six points of a vertebral body: its heights in front, in the middle and behind, and how its endplates lie."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from OsteoScreenLib import levels as table
from OsteoScreenLib.measurement.endplates import endplate
from OsteoScreenLib.measurement.frame import CORE, Frame, boxes, crop, edges, plane, sample, vertebra_frame
from OsteoScreenLib.volume import Volume

STEP_MM = 0.5
BAND = 0.25
"""Columns are averaged within this share of the half-width on either side of the midline."""
PLACES = {"anterior": 0.88, "middle": 0.5, "posterior": 0.12}
"""Where the heights are read, as a share of the depth from behind: clear of the rounded rims and their osteophytes."""
WINDOW = 0.05
"""Heights are means over this share of the depth to either side of their place."""
FINE_MM, COARSE_MM = 1.5, 4.0
"""Voxels this long along the height let endplates be looked for in the CT: finer ones do not need it, and coarser ones
hold the whole disc and more."""
FITTED, FITTED_DEPTH = 0.65, 0.88
"""The shares of half the width and of the depth in which they are: inside of the rims."""
AROUND_MM = 10.0

SixPoints = tuple[tuple[tuple[float, float, float], ...], ...]
"""Upper and lower endplate; of each the points in front, in the middle and behind; of each x, y, z in RAS mm."""


@dataclass(frozen=True, eq=False)
class Heights:
    """The heights of one body in mm, along the mean of its endplates' normals.

    `points` (2, 3, 3) in RAS mm are the six points: upper and lower endplate; anterior, middle, posterior; x, y, z.
    `upper` and `lower` are the endplates' unit normals, both pointing to the head. `resolution_mm` is the distance of
    the mask's voxels along the height.
    """

    frame: Frame
    anterior: float
    middle: float
    posterior: float
    points: np.ndarray
    upper: np.ndarray
    lower: np.ndarray
    resolution_mm: float

    @property
    def level(self) -> str:
        """The level's name."""
        return self.frame.level


def body_heights(labels: Volume, level: str, volume: Volume | None = None) -> Heights | None:
    """Return the six-point heights of one body from its mask, on any grid; None where it is too small to have them.

    The body is looked at in its own frame (`frame.vertebra_frame`), as columns along its axis near the midline; a
    column ends where the interpolated mask crosses one half. Where voxels are coarse along the height and the CT, a
    `volume` on the same grid, is given and shows the endplate, it ends there (`endplates.endplate`). Raises
    `LabelMapError` if the level is not there.
    """
    frame = vertebra_frame(labels, level)
    part = crop(labels, boxes(labels)[level], margin=2)
    body = part.with_voxels(table.body_mask(part.voxels, level).astype(np.float32))
    reach = frame.size_mm / 2 + 3 * STEP_MM + max(part.spacing)
    x, y, z = (np.arange(-r, r + STEP_MM / 2, STEP_MM) for r in reach)
    inside = sample(body, frame.to_ras(np.stack(np.meshgrid(x, y, z, indexing="ij"), axis=-1)))
    top, bottom = edges(inside.reshape(-1, len(z)), z)
    solid = (inside > 0.5).any(axis=2)
    top, bottom = (np.where(solid, side.reshape(solid.shape), np.nan) for side in (top, bottom))
    height = top - bottom
    if solid.sum() < 9:
        return None
    solid &= height >= 0.5 * np.nanmedian(height)
    band = solid & (np.abs(x) <= max(BAND * frame.size_mm[0] / 2, STEP_MM))[:, None]
    if not band.any():
        return None
    front, back = _depth(band, y)
    along = float(1 / np.linalg.norm((frame.cranial @ part.ijk_to_ras[:3, :3]) / np.square(part.spacing)))
    if volume is not None and FINE_MM < along < COARSE_MM:
        fitted = (np.abs(x) <= FITTED * frame.size_mm[0] / 2)[:, None]
        fitted = solid & fitted & (np.abs(y - (front + back) / 2) <= FITTED_DEPTH * (front - back) / 2)
        around = [crop(one, boxes(labels)[level], round(AROUND_MM / min(part.spacing))) for one in (volume, labels)]
        gx, gy = (axis[index] for axis, index in zip((x, y), np.nonzero(fitted), strict=True))
        for side, edge in ((1, top), (-1, bottom)):
            seen = endplate(*around, frame, side, gx, gy, edge[fitted])
            if seen is not None:
                edge[fitted] = seen
        height = top - bottom
    found, points = {}, np.empty((2, 3, 3))
    for n, (name, share) in enumerate(PLACES.items()):
        at = back + share * (front - back)
        near = band & (np.abs(y - at) <= WINDOW * (front - back) + STEP_MM / 2)[None]
        if not near.any():
            return None
        found[name] = float(height[near].mean())
        for row, side in enumerate((top, bottom)):
            points[row, n] = frame.to_ras(np.array([0.0, at, side[near].mean()]))
    core = solid & (((x / reach[0]) ** 2)[:, None] + ((y / reach[1]) ** 2)[None] <= CORE**2)
    gx, gy = (axis[index] for axis, index in zip((x, y), np.nonzero(core), strict=True))
    if min(np.ptp(gx), np.ptp(gy)) < 4:
        return None
    upper, lower = (_normal(frame, plane(gx, gy, side[core])) for side in (top, bottom))
    return Heights(frame, **found, points=points, upper=upper, lower=lower, resolution_mm=along)


def all_heights(
    labels: Volume, levels: Sequence[str] | None = None, volume: Volume | None = None
) -> dict[str, Heights]:
    """Return the heights of each of `levels` (all that there are, if None) that has them, from head to foot.

    With the CT, a `volume` on the same grid, endplates between coarse slices are looked for in it.
    """
    present = [level for level in boxes(labels) if levels is None or level in levels]
    found = {level: body_heights(labels, level, volume) for level in present}
    return {level: one for level, one in found.items() if one is not None}


def six_points(heights: Heights) -> SixPoints:
    """Return the six points as plain numbers."""
    return tuple(tuple(tuple(point) for point in plate) for plate in heights.points.tolist())


def _depth(band: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return where the columns (x, y) of the middle of a body end in front and behind, in mm."""
    rows = [np.flatnonzero(line) for line in band if line.any()]
    return float(np.mean([y[row[-1]] for row in rows])), float(np.mean([y[row[0]] for row in rows]))


def _normal(frame: Frame, slopes: np.ndarray) -> np.ndarray:
    normal = frame.cranial - slopes[0] * frame.lateral - slopes[1] * frame.anterior
    return normal / np.linalg.norm(normal)
