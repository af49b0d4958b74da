"""The count: what the network says of the corridor's slices, back on the patient's spine."""

import numpy as np
import pytest
import torch

from OsteoScreenLib.segmentation.count import Count, count_levels
from OsteoScreenLib.segmentation.networks import CORRIDOR_SIZE, COUNTED
from OsteoScreenLib.segmentation.spine import SpineLine
from OsteoScreenLib.volume import Volume, grid

Z = np.arange(-180.0, 181.0, 6.0)
POINTS = np.stack([np.zeros_like(Z), Z / 3, Z], axis=1)


class Reader(torch.nn.Module):
    """Takes every 60 HU on the corridor's middle for one more level below T5."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        level = (image[:, 0] * 400 / 60).round().long().clamp(0, len(COUNTED) - 1)
        return 50.0 * torch.nn.functional.one_hot(level, len(COUNTED)).movedim(-1, 1).float()


def _steps(z: np.ndarray) -> np.ndarray:
    """Return a level's number of each z: 30 mm a level, L1 at z = 90."""
    return np.clip(np.rint((90 - z) / 30) + COUNTED.index("L1"), 0, len(COUNTED) - 1)


@pytest.mark.parametrize("flipped", [False, True])
def test_the_count_is_that_of_the_corridor_on_any_grid(flipped: bool) -> None:
    ct = grid(np.zeros(3), (40, 50, 72), 6.0)
    z = ct.ijk_to_ras[2, 2] * np.arange(72) + ct.ijk_to_ras[2, 3]
    ct.voxels[:] = -500
    for slice_, at in zip(ct.voxels, z, strict=True):
        middle = round((at / 3 - ct.ijk_to_ras[1, 3]) / 6)
        slice_[middle - 3 : middle + 4, 17:24] = 60 * _steps(at)
    volume = ct
    if flipped:
        volume = Volume(
            ct.voxels[::-1], ct.ijk_to_ras @ np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, 71], [0, 0, 0, 1]])
        )
    rough = SpineLine(POINTS[::-1], np.linspace(-5, 7, len(Z)))
    count = count_levels(volume, rough, Reader(), "cpu")
    for level in ("T12", "L1", "L3", "L5"):
        at = 90 - 30 * (COUNTED.index(level) - COUNTED.index("L1"))
        assert COUNTED[count.levels_at(np.array([0.0, at / 3, at])).argmax()] == level
    assert count.line.points[0, 2] > count.line.points[-1, 2]
    _, heights = count.line.at(np.array([90.0, 0.0, -30.0]))
    assert heights == pytest.approx([0.0, 3.0, 4.0], abs=0.3)


def test_heights_never_fall_on_the_way_to_the_foot() -> None:
    probability = np.eye(len(COUNTED))[np.array([13, 12, 13, 11, 10, 10, 11, 9, 8])]
    everywhere = np.broadcast_to(probability[:, None, None], (9, *CORRIDOR_SIZE[::-1], len(COUNTED)))
    heights = Count(POINTS[:9], everywhere).line.heights
    assert np.all(np.diff(heights) >= 0)
    assert heights.min() == 0.0
