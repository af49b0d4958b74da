"""The spine as a line: points on it and their heights."""

import numpy as np
import pytest

from OsteoScreenLib.segmentation.spine import SpineLine

Z = np.arange(180.0, -181.0, -12.0)
LINE = SpineLine(np.stack([Z / 20, -Z / 30, Z], axis=1), -Z / 36)


def test_points_between_two_heights_run_from_head_to_foot() -> None:
    points = LINE.between(-1.0, 3.0, 10.0)
    assert points[0, 2] > points[-1, 2]
    assert np.allclose(points[:, 0], points[:, 2] / 20, atol=1e-6)
    assert -points[0, 2] / 36 == pytest.approx(-1.0, abs=0.3)
    assert -points[-1, 2] / 36 == pytest.approx(3.0, abs=0.3)


def test_points_and_heights_at_any_z() -> None:
    points, heights = LINE.at(np.array([90.0, -400.0]))
    assert np.allclose(points, [[4.5, -3.0, 90.0], [-9.0, 6.0, -400.0]])
    assert np.allclose(heights, [-2.5, 5.0])


def test_length_is_from_head_to_foot() -> None:
    assert LINE.length == 360.0
