"""Crops around a vertebra and back onto the input's grid, with a stand-in for the network that knows the answer."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from OsteoScreenLib.evaluation.overlap import overlap
from OsteoScreenLib.levels import SCREENED, body_mask, label, levels_in, trabecular_mask
from OsteoScreenLib.segmentation.networks import FINE_SIZE
from OsteoScreenLib.segmentation.refine import refine
from OsteoScreenLib.volume import Volume, resample


class Thresholds(torch.nn.Module):
    """Calls HU above 60 trabecular and above 300 shell, in the middle of the crop only."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        hu = image[0, 0] * 400
        k = torch.arange(FINE_SIZE) - (FINE_SIZE - 1) / 2
        near = (k.abs() < 12)[:, None, None].expand_as(hu)
        shell, trabecular = near & (hu > 300), near & (hu > 60) & (hu <= 300)
        return 20 * torch.stack([~(shell | trabecular), shell, trabecular]).float()[None]


def _centres(labels: Volume) -> dict[str, np.ndarray]:
    return {
        level: np.add(labels.to_ras(np.argwhere(body_mask(labels.voxels, level)).mean(0)[::-1]), [2.0, -2.0, 4.0])
        for level in SCREENED
    }


def test_bodies_come_back_where_they_are(box_case) -> None:
    labels, doubtful = refine(box_case.volume, _centres(box_case.labels), Thresholds(), "cpu")
    assert doubtful == []
    for level in SCREENED:
        truth = body_mask(box_case.labels.voxels, level)
        assert overlap(body_mask(labels, level), truth, (2.0, 2.0, 2.0)).dice > 0.93
        assert trabecular_mask(labels, level).sum() > 0.7 * trabecular_mask(box_case.labels.voxels, level).sum()


def test_oblique_and_flipped_grids_give_the_same_bodies(box_case) -> None:
    angle = np.radians(20)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1.0]])
    matrix = np.eye(4)
    matrix[:3, :3] = turn @ np.diag([-2.0, 2.0, 2.0])
    matrix[:3, 3] = box_case.volume.to_ras(np.array([21.5, 19.5, 37.5])) - matrix[:3, :3] @ [29.5, 29.5, 37.5]
    oblique = Volume(np.zeros((76, 60, 60), np.float32), matrix)
    labels, _ = refine(resample(box_case.volume, oblique), _centres(box_case.labels), Thresholds(), "cpu")
    truth = resample(box_case.labels, oblique, nearest=True, outside=0).voxels
    for level in SCREENED:
        assert overlap(body_mask(labels, level), body_mask(truth, level), (2.0, 2.0, 2.0)).dice > 0.92


def test_a_centre_without_a_body_is_doubtful(box_case) -> None:
    labels, doubtful = refine(box_case.volume, {"L1": np.array([0.0, -100.0, -300.0])}, Thresholds(), "cpu")
    assert doubtful == ["L1"]
    assert levels_in(labels) == []


def test_cancel_stops_between_vertebrae(box_case) -> None:
    from OsteoScreenLib.errors import Cancelled

    answers = iter([False, False, True])
    with pytest.raises(Cancelled):
        refine(box_case.volume, _centres(box_case.labels), Thresholds(), "cpu", cancelled=lambda: next(answers))


def test_neighbours_never_share_a_voxel(box_case) -> None:
    centres = _centres(box_case.labels)
    both = {"L1": centres["L1"], "L2": centres["L1"] - [0, 0, 3.0]}
    labels, _ = refine(replace(box_case.volume), both, Thresholds(), "cpu")
    assert set(np.unique(labels)) <= {0, *(label(level, part) for level in both for part in (1, 2))}
