"""What the network that outlines bodies is asked for: probabilities that are true, however little of a crop is bone."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from OsteoScreenLib.training.segmentation import outline_loss


@given(share=st.integers(1, 199))
def test_the_best_answer_to_voxels_in_doubt_is_the_share_of_them_that_is_bone(share: int) -> None:
    """Of 200 voxels that look the same, `share` are bone; answers from 0.5 to 99.5 % are tried."""
    classes = (torch.arange(200) < share).long().reshape(1, 1, 1, 200)
    answers = torch.arange(1, 200) / 200
    losses = [outline_loss(_saying(answer), classes) for answer in answers]
    assert answers[int(torch.stack(losses).argmin())] == pytest.approx(share / 200)


def _saying(bone: torch.Tensor) -> torch.Tensor:
    """Return an output that gives every voxel the same probability of shell, and next to none of trabecular bone."""
    return torch.stack([1 - bone, bone, torch.tensor(1e-6)]).log().reshape(1, 3, 1, 1, 1).expand(1, 3, 1, 1, 200)
