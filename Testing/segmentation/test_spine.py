"""The spine as a line: points on it and their heights."""

import numpy as np

from OsteoScreenLib.segmentation.spine import SpineLine

Z = np.arange(180.0, -181.0, -12.0)
LINE = SpineLine(np.stack([Z / 20, -Z / 30, Z], axis=1), -Z / 36)


def test_bodies_are_in_the_middle_of_their_levels_from_head_to_foot() -> None:
    points = LINE.bodies(-1, 3)
    assert np.allclose(points[:, 2], -36.0 * np.arange(-1, 4), atol=6.0)
    assert np.allclose(points[:, 0], points[:, 2] / 20, atol=1e-6)


def test_levels_out_of_view_are_left_out() -> None:
    assert len(LINE.bodies(4, 9)) == 2


def test_points_and_heights_at_any_z() -> None:
    points, heights = LINE.at(np.array([90.0, -400.0]))
    assert np.allclose(points, [[4.5, -3.0, 90.0], [-9.0, 6.0, -400.0]])
    assert np.allclose(heights, [-2.5, 5.0])


def test_length_is_from_head_to_foot() -> None:
    assert LINE.length == 360.0
