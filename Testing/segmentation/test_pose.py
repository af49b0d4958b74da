"""A patient who does not lie straight is found, and turned back before anyone looks."""

import numpy as np
import pytest
import torch

from OsteoScreenLib.segmentation.pose import moved, rotation, upright
from OsteoScreenLib.volume import Volume, grid


class UprightOnly(torch.nn.Module):
    """Takes columns of bone along z for the spine, the longer the surer."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        bone = (image[0, 0] * 400 > 100).float()
        run = torch.nn.functional.avg_pool3d(bone[None, None], (19, 1, 1), 1, (9, 0, 0))[0, 0]
        return torch.stack([run, torch.zeros_like(run)])[None]


def column() -> Volume:
    """Return a CT with nothing but a straight column of bone, head to foot."""
    ct = grid(np.zeros(3), (60, 60, 60), 6.0)
    ct.voxels[:] = -100
    ct.voxels[:, 27:33, 27:33] = 300
    return ct


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("degrees", [-40.0, -20.0, 20.0, 40.0])
def test_a_tilted_spine_is_set_upright(degrees: float, axis: int) -> None:
    ct = column()
    found = upright(moved(ct, rotation(ct, degrees, axis)), UprightOnly(), "cpu")
    assert np.allclose(found.ijk_to_ras, ct.ijk_to_ras, atol=1e-6)


@pytest.mark.parametrize("degrees", [0.0, 4.0])
def test_a_spine_that_is_nearly_upright_stays_as_it_is(degrees: float) -> None:
    ct = column()
    leaning = moved(ct, rotation(ct, degrees, 0))
    assert np.array_equal(upright(leaning, UprightOnly(), "cpu").ijk_to_ras, leaning.ijk_to_ras)


def test_an_image_without_spine_stays_as_it_is() -> None:
    air = column().with_voxels(np.full((60, 60, 60), -1000, np.float32))
    assert np.array_equal(upright(air, UprightOnly(), "cpu").ijk_to_ras, air.ijk_to_ras)
