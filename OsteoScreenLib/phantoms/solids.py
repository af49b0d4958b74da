"""Solids with a signed distance: the geometry that synthetic CT is painted from.

Points are float32 arrays with the axes first, (3, ...), in RAS mm. Distances are in mm, negative inside, exact
or first-order near the surface, which is all that partial volume and cortices need.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

Points = np.ndarray
Distance = Callable[[Points], np.ndarray]
Vector = Sequence[float] | np.ndarray

UNBOUNDED = 1e4
"""Half-width in mm of the box of something without an end, such as a half-space."""


@dataclass(frozen=True)
class Solid:
    """One thing in the scene: where it is and how it attenuates.

    `distance` maps points (3, ...) to signed distances in mm; `low` and `high` bound the inside in RAS mm (loosely;
    whoever evaluates adds a margin). `hu` fills the inside, with band-limited noise of SD `texture` HU; `shell`, as
    (thickness in mm, HU), is an outer layer in [-thickness, 0], e.g. the cortex of a rib.
    """

    name: str
    distance: Distance
    low: np.ndarray
    high: np.ndarray
    hu: float
    texture: float = 0.0
    shell: tuple[float, float] | None = None

    def moved(self, by: Vector) -> "Solid":
        """Return the same thing displaced by a vector in mm."""
        step = np.asarray(by, np.float32)

        def distance(points: Points) -> np.ndarray:
            return self.distance(points - step.reshape(3, *[1] * (points.ndim - 1)))

        return replace(self, distance=distance, low=np.add(self.low, step), high=np.add(self.high, step))


@dataclass(frozen=True)
class Shape:
    """A signed distance with the box that bounds its inside."""

    distance: Distance
    low: np.ndarray
    high: np.ndarray

    def __call__(self, points: Points) -> np.ndarray:
        return self.distance(points)

    def filled(self, name: str, hu: float, texture: float = 0.0, shell: tuple[float, float] | None = None) -> Solid:
        """Return the solid of this shape and the given attenuation in HU."""
        return Solid(name, _in_slabs(self.distance), self.low, self.high, float(hu), float(texture), shell)


def ellipsoid(centre: Vector, radii: Vector, rotation: np.ndarray | None = None) -> Shape:
    """Return an ellipsoid; the columns of `rotation` (3, 3) are its axes. First-order distance (exact for a ball)."""
    c, r = np.asarray(centre, np.float32), np.asarray(radii, np.float32)
    axes = np.eye(3, dtype=np.float32) if rotation is None else np.asarray(rotation, np.float32)
    reach = np.sqrt((axes**2) @ (r**2))
    to_unit = (axes / r).T
    steepness = 1 / r**2

    def distance(points: Points) -> np.ndarray:
        squares = np.square(to_unit @ _flat(points, c))
        level, slope = np.sqrt(squares.sum(0)), np.sqrt(steepness @ squares)
        d = np.where(level < 1e-3, -r.min(), level * (level - 1) / np.maximum(slope, 1e-9))
        return d.reshape(points[0].shape)

    return Shape(distance, c - reach, c + reach)


def capsule(a: Vector, b: Vector, radius: float) -> Shape:
    """Return a cylinder from `a` to `b` with round ends. Exact distance."""
    return tube(np.stack([np.asarray(a), np.asarray(b)]), radius)


def tube(path: np.ndarray, radii: float | Vector, height: float = 1.0) -> Shape:
    """Return the tube along a polyline (n, 3), its radius varying linearly between the vertices.

    `height` stretches the cross-section along z (a rib is taller than thick); the distance is then exact in axial
    directions only.
    """
    path = np.asarray(path, np.float32)
    radii = np.broadcast_to(np.asarray(radii, np.float32), len(path))
    reach = radii[:, None] * np.float32([1, 1, height])
    low, high = (path - reach).min(0), (path + reach).max(0)
    middle, squeeze = (low + high) / 2, np.float32([1, 1, 1 / height])
    start = (path[:-1] - middle) * squeeze
    along = (path[1:] - path[:-1]) * squeeze
    length2 = np.maximum(np.square(along).sum(1, keepdims=True), 1e-6)
    onto = along / length2
    onto_start, start2 = (onto * start).sum(1, keepdims=True), np.square(start).sum(1, keepdims=True)
    thick, growth = radii[:-1, None], np.diff(radii)[:, None]

    def distance(points: Points) -> np.ndarray:
        p = _flat(points, middle)
        if height != 1.0:
            p *= squeeze[:, None]
        free = onto @ p - onto_start
        t = np.clip(free, 0, 1)
        square = np.square(p).sum(0) - 2 * (start @ p) + start2 - length2 * t * (2 * free - t)
        nearest = (np.sqrt(np.maximum(square, 0)) - thick - growth * t).min(0)
        return nearest.reshape(points[0].shape)

    return Shape(distance, low, high)


def tube_pieces(path: np.ndarray, radii: float | Vector, height: float = 1.0, size: int = 2) -> list[Shape]:
    """Return a long tube as pieces of `size` segments with small boxes that paint together as one.

    Each piece also knows the neighbouring segments, so that no end cap shows where two pieces meet.
    """
    path = np.asarray(path, np.float32)
    radii = np.broadcast_to(np.asarray(radii, np.float32), len(path))
    pieces = []
    for start in range(0, len(path) - 1, size):
        own = slice(start, start + size + 1)
        known = slice(max(start - 1, 0), start + size + 2)
        box = tube(path[own], radii[own], height)
        pieces.append(Shape(tube(path[known], radii[known], height).distance, box.low, box.high))
    return pieces


@dataclass(frozen=True)
class Contour:
    """A rounded cross-section that changes with height, tabulated every `step` mm from `bottom` on.

    Arrays of one length: `x`, `y` the centre, `half_width` to either side, `front` and `back` the half-depths in
    mm. The outline satisfies U^2 + V^2 + 2 (1 - squareness) U V = 1 with U = (dx / half_width)^2 and
    V = (dy / front or back)^2: an ellipse at squareness 0, a quartic superellipse at 1.
    """

    bottom: float
    step: float
    x: np.ndarray
    y: np.ndarray
    half_width: np.ndarray
    front: np.ndarray
    back: np.ndarray
    squareness: float = 0.4

    def rows(self, z: np.ndarray) -> np.ndarray:
        """Return the table rows of heights `z` in mm; beyond the ends, the end rows."""
        return np.clip(np.rint((np.asarray(z) - self.bottom) / self.step), 0, len(self.x) - 1).astype(np.int32)

    def point(self, z: float, angle: float, inset: float = 0.0) -> np.ndarray:
        """Return the outline's point (x, y, z) at `angle` rad from the back towards +x, moved inwards by `inset` mm."""
        row = self.rows(z)
        direction = np.array([np.sin(angle), -np.cos(angle)])
        depth = self.front[row] if direction[1] > 0 else self.back[row]
        u, v = (direction[0] / self.half_width[row]) ** 2, (direction[1] / depth) ** 2
        radius = (u * u + v * v + 2 * (1 - self.squareness) * u * v) ** -0.25
        return np.array([self.x[row], self.y[row], z]) + (radius - inset) * np.array([*direction, 0.0])


def column(contour: Contour) -> Shape:
    """Return the upright column of a contour, without ends. First-order distance within each axial plane."""
    table = np.stack([contour.x, contour.y, contour.half_width, contour.front, contour.back]).astype(np.float32)
    mixing = np.float32(1 - contour.squareness)
    x, y, half_width, front, back = table
    per_width, per_front, per_back = 1 / half_width, 1 / front, 1 / back
    tiny = np.float32(1e-6)
    gentlest = np.float32(0.84 / table[2:].max())
    low = np.array([(x - half_width).min(), (y - back).min(), -UNBOUNDED])
    high = np.array([(x + half_width).max(), (y + front).max(), UNBOUNDED])

    def distance(points: Points) -> np.ndarray:
        rows = contour.rows(points[2])
        dy = points[1] - y[rows]
        steep_x = per_width[rows]
        steep_y = np.where(dy > 0, per_front[rows], per_back[rows])
        u, v = (points[0] - x[rows]) * steep_x, dy * steep_y
        uu, vv = u * u + tiny, v * v
        uv = mixing * uu * vv
        quartic = uu * uu + vv * vv + uv + uv
        root = np.sqrt(quartic)
        level = np.sqrt(root)
        steep_x *= u * (uu + mixing * vv)
        steep_y *= v * (vv + mixing * uu)
        slope = np.sqrt(steep_x * steep_x + steep_y * steep_y)
        cubed = root * level
        return (level - 1) * cubed / np.maximum(slope, cubed * gentlest)

    return Shape(distance, low, high)


def curved_plate(
    origin: Vector, axes: np.ndarray, outline: np.ndarray, bulge: float, thickness: tuple[float, float]
) -> Shape:
    """Return a curved plate with a rounded rim, such as an iliac wing.

    `axes` (3, 3) has the plate's u, v and normal as columns; `outline` (n, 2) is a convex polygon in u, v in mm,
    counter-clockwise, around the origin. The middle is raised along the normal by `bulge` mm. `thickness` is in the
    middle and at the rim, in mm. First-order distance.
    """
    origin, axes = np.asarray(origin, np.float32), np.asarray(axes, np.float32)
    outline = np.asarray(outline, np.float32)
    edges = np.roll(outline, -1, axis=0) - outline
    normals = np.stack([edges[:, 1], -edges[:, 0]], axis=1) / np.linalg.norm(edges, axis=1, keepdims=True)
    offsets = (normals * outline).sum(1)
    radius2 = np.float32((outline**2).sum(1).mean())
    middle, rim = np.float32(thickness[0] / 2), np.float32(thickness[1] / 2)
    reach = max(middle, rim) + abs(bulge)
    corners = np.concatenate([outline @ axes[:, :2].T + side * reach * axes[:, 2] for side in (-1, 1)]) + origin

    def distance(points: Points) -> np.ndarray:
        offset = _shifted(points, origin)
        u, v, w = (_dot(offset, axes[:, n]) for n in range(3))
        outside = None
        for (nu, nv), edge in zip(normals, offsets, strict=True):
            side = nu * u + nv * v - edge
            outside = side if outside is None else np.maximum(outside, side, out=outside)
        radial = np.minimum((u * u + v * v) / radius2, 1.5)
        half = middle + (rim - middle) * np.minimum(radial, 1)
        across = np.abs(w - np.float32(bulge) * (1 - radial)) - half
        rounded = outside + half
        corner = np.sqrt(np.maximum(rounded, 0) ** 2 + np.maximum(across + half, 0) ** 2) - half
        return np.where(rounded > 0, corner, np.maximum(across, outside))

    return Shape(distance, corners.min(0), corners.max(0))


def dome(top: Vector, width_radius: float, depth_radius: float) -> Shape:
    """Return everything under a dome: a downward paraboloid with its `top` and radii of curvature (mm) along x and y.

    First-order distance.
    """
    x, y, z = np.asarray(top, np.float32)
    bend_x, bend_y = np.float32(1 / width_radius), np.float32(1 / depth_radius)

    def distance(points: Points) -> np.ndarray:
        slope_x, slope_y = (points[0] - x) * bend_x, (points[1] - y) * bend_y
        rise = points[2] - z + slope_x * slope_x * np.float32(width_radius / 2)
        rise += slope_y * slope_y * np.float32(depth_radius / 2)
        return rise / np.sqrt(1 + slope_x * slope_x + slope_y * slope_y)

    return Shape(distance, np.full(3, -UNBOUNDED), np.array([UNBOUNDED, UNBOUNDED, z]))


def half_space(point: Vector, normal: Vector) -> Shape:
    """Return everything behind the plane through `point` with outward `normal`. Exact distance."""
    point, normal = np.asarray(point, np.float32), np.asarray(normal, np.float32)
    normal = normal / np.linalg.norm(normal)
    level = normal @ point
    low, high = np.full(3, -UNBOUNDED), np.full(3, UNBOUNDED)
    high[normal == 1], low[normal == -1] = level, -level
    return Shape(lambda points: _dot(points, normal) - level, low, high)


def intersection(first: Shape, *others: Shape) -> Shape:
    """Return what lies in all shapes."""
    shapes = (first, *others)
    low, high = np.max([s.low for s in shapes], axis=0), np.min([s.high for s in shapes], axis=0)
    return Shape(lambda points: _reduced(np.maximum, shapes, points), low, np.maximum(low, high))


def union(first: Shape, *others: Shape) -> Shape:
    """Return what lies in any of the shapes."""
    shapes = (first, *others)
    low, high = np.min([s.low for s in shapes], axis=0), np.max([s.high for s in shapes], axis=0)
    return Shape(lambda points: _reduced(np.minimum, shapes, points), low, high)


def cropped(shape: Shape, low: Vector, high: Vector) -> Shape:
    """Return the same surface within a smaller box; unlike an intersection, no new surface arises at its faces."""
    low, high = np.maximum(shape.low, low), np.minimum(shape.high, high)
    return Shape(shape.distance, low, np.maximum(low, high))


def smooth_union(blend: float, first: Shape, *others: Shape) -> Shape:
    """Return the union with its creases filled over about `blend` mm (polynomial smooth minimum)."""
    plain = union(first, *others)
    width = np.float32(blend)

    def distance(points: Points) -> np.ndarray:
        near = first(points)
        for other in others:
            d = other(points)
            h = np.maximum(width - np.abs(near - d), 0) / width
            near = np.minimum(near, d) - h * h * (width / 4)
        return near

    return Shape(distance, plain.low - blend / 4, plain.high + blend / 4)


def difference(first: Shape, *removed: Shape) -> Shape:
    """Return the first shape without the others."""

    def distance(points: Points) -> np.ndarray:
        left = first(points)
        for shape in removed:
            left = np.maximum(left, -shape(points))
        return left

    return Shape(distance, first.low, first.high)


def grown(shape: Shape, by: float) -> Shape:
    """Return the shape with its surface moved outwards by `by` mm (inwards when negative)."""
    return Shape(lambda points: shape(points) - np.float32(by), shape.low - by, shape.high + by)


def rippled(shape: Shape, amplitude: float, wavelength: float, rng: np.random.Generator) -> Shape:
    """Return the shape with a wavy surface, at most `amplitude` mm high, waves about `wavelength` mm long.

    Draws three random wave directions and phases from `rng` at once; the shape itself is then fixed.
    """
    directions = rng.normal(size=(3, 3))
    directions *= 2 * np.pi / wavelength / np.linalg.norm(directions, axis=1, keepdims=True)
    waves = directions.astype(np.float32)
    phases = rng.uniform(0, 2 * np.pi, 3).astype(np.float32)

    def distance(points: Points) -> np.ndarray:
        total = sum(np.sin(_dot(points, wave) + phase) for wave, phase in zip(waves, phases, strict=True))
        return shape(points) + np.float32(amplitude / 3) * total

    return Shape(distance, shape.low - amplitude, shape.high + amplitude)


def _in_slabs(distance: Distance, size: int = 1 << 17) -> Distance:
    """Return the same distance evaluated about `size` points at a time, so that intermediate arrays stay in cache."""

    def sliced(points: Points) -> np.ndarray:
        per_row = max(1, points[0, :1].size)
        rows = max(1, size // per_row)
        if len(points[0]) <= rows:
            return distance(points)
        result = np.empty(points.shape[1:], np.float32)
        for start in range(0, len(result), rows):
            result[start : start + rows] = distance(points[:, start : start + rows])
        return result

    return sliced


def _flat(points: Points, origin: np.ndarray) -> np.ndarray:
    """Return points (3, n) relative to `origin`, as a new array."""
    return points.reshape(3, -1) - origin.astype(np.float32)[:, None]


def _shifted(points: Points, centre: np.ndarray) -> list[np.ndarray]:
    return [points[n] - centre[n] for n in range(3)]


def _dot(points: Points | list[np.ndarray], vector: Points | list[np.ndarray]) -> np.ndarray:
    return points[0] * vector[0] + points[1] * vector[1] + points[2] * vector[2]


def _reduced(ufunc: np.ufunc, shapes: tuple[Shape, ...], points: Points) -> np.ndarray:
    result = shapes[0](points)
    for shape in shapes[1:]:
        result = ufunc(result, shape(points))
    return result
