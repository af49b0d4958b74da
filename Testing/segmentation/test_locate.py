"""The survey: the spine's centre line, read off its two maps."""

import numpy as np
import pytest
import torch

from OsteoScreenLib.errors import AnatomyError
from OsteoScreenLib.segmentation.locate import spine_line
from OsteoScreenLib.segmentation.networks import HEIGHT_SCALE, SURVEY_SPACING
from OsteoScreenLib.volume import Volume, grid


class Survey(torch.nn.Module):
    """Takes whatever is above 100 HU for the spine, and counts 3 slices to a level."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        bone = (image[0, 0] * 400 > 100).float()
        slices = torch.arange(len(bone)).float()[:, None, None].expand_as(bone)
        return torch.stack([bone, (15 - slices) / 3 / HEIGHT_SCALE])[None]


def test_the_line_follows_the_spine_on_any_grid() -> None:
    ct = grid(np.zeros(3), (40, 36, 60), 6.0)
    ct.voxels[:] = -100
    ct.voxels[:, 10:14, 18:22] = 200
    flipped = Volume(
        ct.voxels[::-1], ct.ijk_to_ras @ np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, 59], [0, 0, 0, 1]])
    )
    for volume in (ct, flipped):
        line = spine_line(volume, Survey(), "cpu")
        assert np.allclose(line.points[:, :2], ct.to_ras(np.array([19.5, 11.5, 0.0]))[:2], atol=SURVEY_SPACING / 2)
        assert np.all(np.diff(line.points[:, 2]) < 0)
        assert np.all(np.diff(line.heights) >= 0)


def test_no_spine_is_said() -> None:
    with pytest.raises(AnatomyError, match="No spine was found"):
        spine_line(grid(np.zeros(3), (20, 20, 20), 12.0), Survey(), "cpu")
