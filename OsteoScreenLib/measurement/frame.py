"""A vertebra's own frame, from its mask alone: where its middle is, and which way is right, front and up."""

from dataclasses import dataclass

import numpy as np

from OsteoScreenLib import levels as table
from OsteoScreenLib.errors import LabelMapError
from OsteoScreenLib.volume import Volume

RIGHT, ANTERIOR, SUPERIOR = np.eye(3)
STEP_MM = 1.0
CORE = 0.8
"""Endplates are fitted where the footprint's columns lie within this share of its half-width: the rim has osteophytes
and the back pedicle stumps."""


@dataclass(frozen=True, eq=False)
class Frame:
    """The axes of one vertebral body.

    `centre` (RAS, mm) lies halfway between the endplates. `lateral` (to the patient's right), `anterior` and `cranial`
    are orthonormal, right-handed RAS vectors; the mid-vertebral plane is spanned by the first two and parallel to
    the mean of the endplates. `size_mm` is the body's extent along the three axes.
    """

    level: str
    centre: np.ndarray
    lateral: np.ndarray
    anterior: np.ndarray
    cranial: np.ndarray
    size_mm: np.ndarray

    @property
    def axes(self) -> np.ndarray:
        """The three unit vectors as the rows of a 3x3 matrix."""
        return np.stack([self.lateral, self.anterior, self.cranial])

    def to_ras(self, points: np.ndarray) -> np.ndarray:
        """Map points (..., 3) in mm along (lateral, anterior, cranial) to RAS mm."""
        return self.centre + np.asarray(points) @ self.axes

    def from_ras(self, points: np.ndarray) -> np.ndarray:
        """Map points (..., 3) in RAS mm to mm along (lateral, anterior, cranial)."""
        return (np.asarray(points) - self.centre) @ self.axes.T


def boxes(labels: Volume) -> dict[str, tuple[slice, slice, slice]]:
    """Return the (k, j, i) bounding box of each vertebral body in a label map, from head to foot.

    Raises `LabelMapError` if the label map does not hold integers.
    """
    from scipy import ndimage

    if not np.issubdtype(labels.voxels.dtype, np.integer):
        raise LabelMapError(f"A label map holds integers, not {labels.voxels.dtype}: save the masks as a label map.")
    found: dict[str, tuple[slice, slice, slice]] = {}
    for value, box in enumerate(ndimage.find_objects(labels.voxels), start=1):
        level = table.BY_CODE.get(value // 10)
        if box is None or level is None:
            continue
        other = found.get(level.name, box)
        found[level.name] = tuple(
            slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(box, other, strict=True)
        )
    return found


def crop(volume: Volume, box: tuple[slice, slice, slice], margin: int = 1) -> Volume:
    """Return the part of a volume inside a (k, j, i) box and `margin` voxels around it, where the grid goes so far."""
    box = tuple(
        slice(max(0, s.start - margin), min(n, s.stop + margin)) for s, n in zip(box, volume.voxels.shape, strict=True)
    )
    return volume.window(box)


def sample(volume: Volume, points: np.ndarray, outside: float = 0.0) -> np.ndarray:
    """Return a volume's values (...) at points (..., 3) in RAS mm, by linear interpolation."""
    from scipy import ndimage

    coordinates = np.moveaxis(volume.to_ijk(points)[..., ::-1], -1, 0)
    flat = coordinates.reshape(3, -1)
    shape = np.asarray(volume.voxels.shape)
    start = np.clip(np.floor(flat.min(axis=1)).astype(int), 0, shape - 1)
    stop = np.clip(np.ceil(flat.max(axis=1)).astype(int) + 1, start + 1, shape)
    near = volume.voxels[tuple(map(slice, start, stop))].astype(np.float32)
    local = coordinates - start.reshape(3, *[1] * (coordinates.ndim - 1))
    return ndimage.map_coordinates(near, local, order=1, mode="constant", cval=outside)


def vertebra_frame(labels: Volume, level: str) -> Frame:
    """Return the frame of one vertebral body on any grid: oblique, flipped, anisotropic.

    The first guess of cranial runs along the neighbouring bodies' centroids (straight up if the body is alone). Then
    the surface halfway between the top and the bottom of the body, column by column, is fitted with a plane; a
    least-squares plane through that mid-surface is the mean of the planes through both endplates, so a wedge is
    halved and the two concavities cancel. Anterior is the patient's, turned about cranial by the footprint's long
    axis where the body is clearly wider than deep (a rotated, scoliotic vertebra).

    Raises `LabelMapError` if the level is not in the label map.
    """
    found = boxes(labels)
    if level not in found:
        raise LabelMapError(f"The label map holds no {level}: it has {', '.join(found) or 'no vertebra'}.")
    centroids = {name: _centroid(labels, found[name], name) for name in _neighbours(level, found)}
    centroids[level] = _centroid(labels, found[level], level)
    cropped = crop(labels, found[level], margin=2)
    body = cropped.with_voxels(table.body_mask(cropped.voxels, level))
    surroundings = Volume(np.pad(body.voxels, 1), _shifted(body.ijk_to_ras, -1))
    voxels = body.to_ras(np.argwhere(body.voxels)[:, ::-1])

    frame = _frame(level, centroids[level], _along(centroids), ANTERIOR, np.zeros(3))
    for _ in range(3):
        refined = _refine(frame, surroundings, voxels)
        if refined is None:
            break
        frame = refined
    return frame


def _refine(frame: Frame, body: Volume, voxels: np.ndarray) -> Frame | None:
    """Return the frame with its mid-plane on the mid-surface; None for a body too small to have one."""
    local = frame.from_ras(voxels)
    margin = max(body.spacing)
    lateral, anterior, cranial = (
        np.arange(low - margin, high + margin, STEP_MM) for low, high in zip(local.min(0), local.max(0), strict=True)
    )
    inside = sample(body, frame.to_ras(np.stack(np.meshgrid(lateral, anterior, cranial, indexing="ij"), axis=-1)))
    height = (inside > 0.5).sum(axis=2)
    if not height.any():
        return None
    footprint = height >= 0.5 * np.median(height[height > 0])
    x, y = (axis[index] for axis, index in zip((lateral, anterior), np.nonzero(footprint), strict=True))
    if min(np.ptp(x), np.ptp(y)) < 4 * STEP_MM:
        return None
    top, bottom = edges(inside[footprint], cranial)
    half = [np.ptp(v) / 2 for v in (x, y)]
    middle = [np.ptp(v) / 2 + v.min() for v in (x, y)]
    core = ((x - middle[0]) / half[0]) ** 2 + ((y - middle[1]) / half[1]) ** 2 <= CORE**2
    slope_x, slope_y, _ = plane(x[core], y[core], (top + bottom)[core] / 2)

    cranial_axis = frame.cranial - slope_x * frame.lateral - slope_y * frame.anterior
    turn = _axial_turn(x, y)
    anterior_axis = np.cos(turn) * frame.anterior - np.sin(turn) * frame.lateral
    centre_z = np.median((top + bottom)[core]) / 2
    centre = frame.centre + middle[0] * frame.lateral + middle[1] * frame.anterior + centre_z * frame.cranial
    size = np.array([np.ptp(x) + STEP_MM, np.ptp(y) + STEP_MM, np.median((top - bottom)[core])])
    return _frame(frame.level, centre, cranial_axis, anterior_axis, size)


def edges(profiles: np.ndarray, axis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where each profile (columns, axis) last and first crosses one half, in mm, to a fraction of a step.

    `axis` holds the places along the profiles, evenly spaced.
    """
    solid = profiles > 0.5
    step = axis[1] - axis[0]
    rows = np.arange(len(profiles))
    first = np.argmax(solid, axis=1)
    last = solid.shape[1] - 1 - np.argmax(solid[:, ::-1], axis=1)

    def beyond(inner: np.ndarray, outer: np.ndarray) -> np.ndarray:
        a, b = profiles[rows, inner], profiles[rows, np.clip(outer, 0, solid.shape[1] - 1)]
        return np.clip(step * (a - 0.5) / np.maximum(a - b, 1e-6), 0, step)

    return axis[last] + beyond(last, last + 1), axis[first] - beyond(first, first - 1)


def plane(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return (a, b, c) of z = a x + b y + c, by least squares with Huber weights."""
    design = np.column_stack([x, y, np.ones_like(x)])
    weights = np.ones_like(z)
    for _ in range(5):
        root = np.sqrt(weights)
        fit = np.linalg.lstsq(design * root[:, None], z * root, rcond=None)[0]
        residual = np.abs(z - design @ fit)
        limit = max(1.5 * 1.4826 * float(np.median(residual)), 1e-3)
        weights = np.minimum(1.0, limit / np.maximum(residual, 1e-9))
    return fit


def _axial_turn(x: np.ndarray, y: np.ndarray) -> float:
    """Return the angle (radians, lateral towards anterior) of the footprint's long axis; 0 if it is round."""
    (xx, xy), (_, yy) = np.cov(x, y)
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)
    root = np.hypot((xx - yy) / 2, xy)
    ratio = np.sqrt(((xx + yy) / 2 + root) / max((xx + yy) / 2 - root, 1e-9))
    plausible = abs(angle) < np.radians(40)
    return float(angle * np.clip((ratio - 1.05) / 0.1, 0, 1)) if plausible else 0.0


def _frame(level: str, centre: np.ndarray, cranial: np.ndarray, anterior: np.ndarray, size: np.ndarray) -> Frame:
    cranial = cranial / np.linalg.norm(cranial)
    lateral = np.cross(anterior, cranial)
    if np.linalg.norm(lateral) < 1e-3:
        lateral = RIGHT - (RIGHT @ cranial) * cranial
    lateral = lateral / np.linalg.norm(lateral)
    return Frame(level, np.asarray(centre), lateral, np.cross(cranial, lateral), cranial, size)


def _neighbours(level: str, found: dict[str, tuple[slice, slice, slice]]) -> list[str]:
    order = [one.name for one in table.LEVELS]
    here = order.index(level)
    return [order[i] for i in (here - 1, here + 1) if 0 <= i < len(order) and order[i] in found]


def _along(centroids: dict[str, np.ndarray]) -> np.ndarray:
    """Return the direction from the lowest to the highest of the given centroids; superior if there is one only."""
    ordered = [centroids[level.name] for level in table.LEVELS if level.name in centroids]
    direction = ordered[0] - ordered[-1]
    return direction if np.linalg.norm(direction) > 1.0 else SUPERIOR


def _centroid(labels: Volume, box: tuple[slice, slice, slice], level: str) -> np.ndarray:
    part = crop(labels, box, margin=0)
    return part.to_ras(np.argwhere(table.body_mask(part.voxels, level))[:, ::-1].mean(axis=0))


def _shifted(matrix: np.ndarray, voxels: int) -> np.ndarray:
    shifted = matrix.copy()
    shifted[:3, 3] += matrix[:3, :3] @ np.full(3, voxels)
    return shifted
