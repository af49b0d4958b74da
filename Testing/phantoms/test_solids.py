"""Solids: their distances are right near the surface, their boxes hold them, and pieces paint as one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from OsteoScreenLib.phantoms import solids as so

coordinate = st.floats(-40, 40)
point = st.tuples(coordinate, coordinate, coordinate)
radius = st.floats(3, 30)


def at(*points) -> np.ndarray:
    """Return points (x, y, z) as an array (3, n)."""
    return np.array(points, np.float32).T


def lattice(low: float = -60, high: float = 60, n: int = 25) -> np.ndarray:
    axis = np.linspace(low, high, n, dtype=np.float32)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij")[::-1])


def rotation(seed: int) -> np.ndarray:
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q


def flat_contour(**sizes: float) -> so.Contour:
    values = {"x": 3.0, "y": -5.0, "half_width": 40.0, "front": 30.0, "back": 20.0, **sizes}
    squareness = values.pop("squareness", 0.0)
    return so.Contour(-50.0, 1.0, **{k: np.full(101, v) for k, v in values.items()}, squareness=squareness)


@given(centre=point, size=radius, probe=point)
def test_ball_distance_is_exact(centre, size, probe):
    expected = np.linalg.norm(np.subtract(probe, centre)) - size
    assert so.ellipsoid(centre, [size] * 3)(at(probe))[0] == pytest.approx(expected, abs=0.01 * size)


@given(a=point, b=point, size=radius, probe=point)
def test_capsule_distance_is_exact(a, b, size, probe):
    a, b, p = (np.array(v, float) for v in (a, b, probe))
    along = b - a
    t = np.clip((p - a) @ along / max(along @ along, 1e-9), 0, 1)
    expected = np.linalg.norm(p - a - t * along) - size
    assert so.capsule(a, b, size)(at(p))[0] == pytest.approx(expected, abs=0.05)


@given(seed=st.integers(0, 1000), radii=st.tuples(radius, radius, radius))
def test_ellipsoid_surface_is_at_zero_and_steps_off_it_are_measured(seed, radii):
    rng, turn, radii = np.random.default_rng(seed), rotation(seed), np.array(radii)
    unit = rng.normal(size=3)
    unit /= np.linalg.norm(unit)
    surface = turn @ (unit * radii)
    normal = turn @ (unit / radii)
    normal /= np.linalg.norm(normal)
    shape = so.ellipsoid((0, 0, 0), radii, turn)
    step = 0.02 * radii.min()
    inside, on, outside = shape(at(surface - step * normal, surface, surface + step * normal))
    assert on == pytest.approx(0, abs=2e-3)
    curvature = radii.max() / radii.min() ** 2
    assert [inside, outside] == pytest.approx([-step, step], abs=0.01 + step**2 * curvature)


def test_tube_radius_grows_from_end_to_end():
    shape = so.tube(np.array([[0, 0, 0], [0, 0, 100.0]]), [5, 10])
    assert shape(at((20, 0, 0), (20, 0, 50), (20, 0, 100))) == pytest.approx([15, 12.5, 10], abs=1e-3)


def test_tall_tube_is_higher_than_wide():
    shape = so.tube(np.array([[-50, 0, 0], [50, 0, 0.0]]), 4, height=2.0)
    assert shape(at((0, 4, 0), (0, 0, 8))) == pytest.approx([0, 0], abs=1e-3)


def test_pieces_of_a_tube_have_the_distance_of_the_whole_near_their_boxes():
    turns = np.linspace(0, 2.5, 11)
    path = np.stack([90 * np.sin(turns), -90 * np.cos(turns), 20 * turns], axis=1)
    radii = np.linspace(6, 3, 11)
    whole = so.tube(path, radii)
    pieces = so.tube_pieces(path, radii)
    assert len(pieces) == 5
    for piece in pieces:
        near = np.random.default_rng(0).uniform(piece.low - 2, piece.high + 2, (400, 3)).T.astype(np.float32)
        inside = whole(near) < 0
        assert inside.any()
        assert piece(near)[inside] == pytest.approx(whole(near)[inside], abs=1e-3)


@given(angle=st.floats(-3.1, 3.1), squareness=st.floats(0, 0.8), inset=st.floats(-3, 3))
def test_column_is_zero_on_its_outline_and_grows_outwards(angle, squareness, inset):
    contour = flat_contour(squareness=squareness)
    shape = so.column(contour)
    assert shape(at(contour.point(10.0, angle)))[0] == pytest.approx(0, abs=0.01)
    moved = shape(at(contour.point(10.0, angle, inset)))[0]
    assert np.sign(moved) == -np.sign(inset) or abs(inset) < 0.05
    assert abs(moved) <= abs(inset) * 1.02 + 0.01


def test_round_column_is_a_cylinder():
    shape = so.column(flat_contour(half_width=30.0, front=30.0, back=30.0))
    assert shape(at((3, 35, 0), (9, 3, 0), (28, -5, 40))) == pytest.approx([10, -20, -5], abs=0.05)
    assert -40 < shape(at((3, -5, 0)))[0] < -30


def test_plate_is_as_thick_as_asked_and_ends_at_its_outline():
    square = np.array([[-40, -40], [40, -40], [40, 40], [-40, 40.0]])
    plate = so.curved_plate((0, 0, 0), np.eye(3), square, bulge=0, thickness=(6, 6))
    assert plate(at((0, 0, 0), (0, 0, 3), (20, 10, 8), (50, 0, 0))) == pytest.approx([-3, 0, 5, 10], abs=1e-3)


def test_dome_is_highest_at_its_top_and_falls_with_its_curvature():
    shape = so.dome((0, 0, 50), 40, 80)
    assert shape(at((0, 0, 50), (40, 0, 30), (0, 40, 40))) == pytest.approx([0, 0, 0], abs=1e-3)
    assert shape(at((0, 0, 60)))[0] == pytest.approx(10, abs=1e-3)


def test_half_space_along_an_axis_bounds_what_it_cuts():
    cut = so.intersection(so.ellipsoid((0, 0, 0), (30, 30, 30)), so.half_space((0, 5, 0), (0, -1, 0)))
    assert cut.low[1] == pytest.approx(5)
    assert cut(at((0, 2, 0), (0, 8, 0))) == pytest.approx([3, -3], abs=1e-4)


def test_combinations_follow_set_logic():
    a, b = so.ellipsoid((-8, 0, 0), [15] * 3), so.ellipsoid((8, 0, 0), [15] * 3)
    p = lattice()
    in_a, in_b = a(p) < 0, b(p) < 0
    assert ((so.union(a, b)(p) < 0) == (in_a | in_b)).all()
    assert ((so.intersection(a, b)(p) < 0) == (in_a & in_b)).all()
    assert ((so.difference(a, b)(p) < -1e-4) <= (in_a & ~in_b)).all()
    assert (so.smooth_union(6, a, b)(p) <= so.union(a, b)(p) + 1e-4).all()
    assert so.grown(a, 2)(p) == pytest.approx(a(p) - 2, abs=1e-4)


@pytest.mark.parametrize(
    "shape",
    [
        so.ellipsoid((3, 4, 5), (9, 20, 14), rotation(1)),
        so.tube(np.array([[-30, 0, 0], [0, 20, 10], [20, 0, 30.0]]), [5, 9, 2], height=1.6),
        so.curved_plate((0, 0, 5), rotation(2), np.array([[-30, -20], [30, -25], [20, 30], [-25, 20.0]]), 8, (5, 12)),
        so.smooth_union(15, so.ellipsoid((-8, 0, 0), (15, 10, 9)), so.ellipsoid((14, 9, 0), (9, 10, 20))),
        so.rippled(so.ellipsoid((0, 0, 0), (25, 20, 15)), 4, 30, np.random.default_rng(0)),
    ],
    ids=["ellipsoid", "tube", "plate", "smooth union", "rippled"],
)
def test_box_holds_the_inside(shape):
    points = lattice(n=41)
    inside = points[:, shape(points) < 0].T
    assert len(inside) > 50
    assert (inside.min(0) >= shape.low - 0.5).all()
    assert (inside.max(0) <= shape.high + 0.5).all()


def test_solid_evaluates_large_arrays_in_slabs_to_the_same_distances():
    shape = so.ellipsoid((0, 0, 0), (30, 20, 40))
    points = lattice(n=71)
    assert np.array_equal(shape.filled("x", 40).distance(points), shape(points))
