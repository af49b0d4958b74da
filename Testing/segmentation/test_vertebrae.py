"""What labels are called, and labels brought from one grid to another."""

import numpy as np
import pytest

from OsteoScreenLib.evaluation.overlap import overlap
from OsteoScreenLib.segmentation.vertebrae import Vertebrae, from_grid, level_of, levels_of, transitional_doubts
from OsteoScreenLib.volume import grid, resample

CENTRE = np.zeros(3)


@pytest.mark.parametrize(
    "name", ["L1", "l1", "vertebrae_L1", "vertebra_L1", "vertebra_L1_body", "L1 vertebral body", "vert-L1", "VB_L1"]
)
def test_a_levels_name_is_understood(name: str) -> None:
    assert level_of(name) == "L1"


@pytest.mark.parametrize(
    "name", ["background", "disc_L1_L2", "disc_L1", "rib_left_12", "sacrum", "L7", "C3", "nerve L5"]
)
def test_other_names_are_no_level(name: str) -> None:
    assert level_of(name) is None


def test_levels_that_most_spines_lack_are_in_doubt() -> None:
    names = {0: "background", 1: "T12", 2: "L6", 3: "T13"}
    assert levels_of(names) == {1: "T12"}
    (doubt,) = transitional_doubts(np.array([0, 1, 2]), names)
    assert "L6" in doubt.text


def test_a_coarse_ball_comes_back_round() -> None:
    """A ball of 14 mm radius on a 3 mm grid, brought to 1 mm: rounder than its nearest voxels are."""
    fine, coarse = grid(CENTRE, (40, 40, 40), 1.0), grid(CENTRE, (14, 14, 14), 3.0)

    def ball(volume):
        k, j, i = np.indices(volume.voxels.shape)
        return np.linalg.norm(volume.to_ras(np.stack([i, j, k], -1)), axis=-1) < 14

    names = {7: "vertebrae_L3"}
    labels = coarse.with_voxels(np.where(ball(coarse), 7, 0).astype(np.uint8))
    voxels = from_grid(labels, names, fine)
    found = Vertebrae(voxels, levels_of(names), "balls", "cpu").screened()
    assert list(found) == ["L3"]
    smooth = overlap(found["L3"], ball(fine), fine.spacing)
    stairs = overlap(resample(labels, fine, nearest=True, outside=0).voxels == 7, ball(fine), fine.spacing)
    assert smooth.dice > max(0.96, stairs.dice)
    assert smooth.assd < stairs.assd
