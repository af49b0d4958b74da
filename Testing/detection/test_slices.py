"""Axial slices of volumes that lie in any way: the same picture, and the right place in the patient."""

import numpy as np
import pytest

from OsteoScreenLib.detection.slices import PIXEL_MM, SIZE, WINDOWS, along, axial_slices, boxes_of, labels_on, windowed
from OsteoScreenLib.levels import SHELL, label
from OsteoScreenLib.volume import Volume, grid

CENTRE = np.array([12.0, -30.0, 205.0])
HALF = np.array([22.0, 16.0, 12.0])


def _brick(volume: Volume) -> np.ndarray:
    """Return where a brick around CENTRE, axis-parallel in RAS, covers a volume's voxels."""
    k, j, i = np.meshgrid(*[np.arange(n) for n in volume.voxels.shape], indexing="ij")
    return (abs(volume.to_ras(np.stack([i, j, k], axis=-1)) - CENTRE) < HALF).all(-1)


def _oblique(flipped: bool) -> Volume:
    """Return an empty grid of 1.5 x 1.5 x 2 mm around CENTRE, turned by 20 and 12 degrees, in LPS order or flipped."""
    x, y = np.radians(20), np.radians(-12)
    about_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    matrix = np.eye(4)
    matrix[:3, :3] = about_x @ about_y @ np.diag([-1.5, -1.5, -2.0 if flipped else 2.0])
    matrix[:3, 3] = CENTRE - matrix[:3, :3] @ np.array([64, 64, 32])
    return Volume(np.zeros((65, 129, 129), np.float32), matrix)


@pytest.mark.parametrize("make", [lambda: grid(CENTRE, (140, 140, 60), (1.3, 1.3, 1.0)), lambda: _oblique(False),
                                  lambda: _oblique(True)], ids=["straight", "oblique", "left-handed"])  # fmt: skip
def test_a_brick_is_seen_where_it_is(make) -> None:
    volume = make()
    volume = volume.with_voxels(np.where(_brick(volume), 300.0, -100.0).astype(np.float32))
    slices = axial_slices(volume, np.array([CENTRE, CENTRE + np.array([0, 5, 60])]))
    assert slices.hu.shape == (2, SIZE, SIZE)
    row, column = np.nonzero(slices.hu[0] > 100)
    corners = np.array([[column.min(), row.min()], [column.max() + 1, row.max() + 1]])
    ends = slices.to_ras(0, corners)
    # Columns run to the patient's left and rows to the back: the first corner is right and in front.
    assert ends[0][:2] == pytest.approx(CENTRE[:2] + HALF[:2], abs=1.6)
    assert ends[1][:2] == pytest.approx(CENTRE[:2] - HALF[:2], abs=1.6)
    assert slices.z == pytest.approx([205.0, 265.0], abs=0.51)
    assert (slices.hu[1] <= -100).all()


def test_labels_are_read_on_the_slices() -> None:
    volume = _oblique(True)
    painted = np.where(_brick(volume), label("L2", SHELL), 0).astype(np.uint16)
    slices = axial_slices(volume, CENTRE[None])
    (found,) = labels_on(slices, volume.with_voxels(painted))
    x0, y0, x1, y1 = boxes_of(found)["L2"]
    assert (x1 - x0) * PIXEL_MM == pytest.approx(2 * HALF[0], abs=2.6)
    assert (y1 - y0) * PIXEL_MM == pytest.approx(2 * HALF[1], abs=2.6)
    middle = slices.to_ras(0, np.array([(x0 + x1) / 2, (y0 + y1) / 2]))
    assert middle == pytest.approx(CENTRE, abs=1.3)


def test_slices_follow_a_line_from_head_to_foot() -> None:
    points = np.array([[0.0, 0.0, 100.0], [10.0, 20.0, 130.0]])
    taken = along(points, 100.0, 130.0)
    assert taken[:, 2].tolist() == [130.0 - 3 * n for n in range(11)]
    assert taken[5] == pytest.approx([5.0, 10.0, 115.0])
    assert along(points[::-1], 100.0, 130.0) == pytest.approx(taken)
    volume = grid(np.array([5.0, 10.0, 115.0]), (30, 30, 40), 1.0)
    assert np.diff(axial_slices(volume, taken, 16).z) == pytest.approx([-3.0] * 10)


def test_the_windows_are_three_channels_between_0_and_1() -> None:
    hu = np.array([[[-2000.0, -200.0, 40.0, 600.0, 4000.0]]])
    channels = windowed(hu)
    assert channels.shape == (1, 3, 1, 5)
    assert channels.dtype == np.float32
    assert list(WINDOWS) == ["bone", "soft", "raw"]
    assert channels[0, 0, 0] == pytest.approx([0, 0, 0.3, 1, 1])
    assert channels[0, 1, 0] == pytest.approx([0, 0, 0.5, 1, 1])
    assert channels[0, 2, 0] == pytest.approx([0, 824 / 4095, 1064 / 4095, 1624 / 4095, 1])
