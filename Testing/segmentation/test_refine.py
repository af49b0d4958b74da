"""Crops around a vertebra and back onto the input's grid, with a stand-in for the network that knows the answer."""

import numpy as np
import pytest
import torch

from OsteoScreenLib.errors import Cancelled
from OsteoScreenLib.evaluation.overlap import overlap
from OsteoScreenLib.levels import SCREENED, body_mask, label, trabecular_mask
from OsteoScreenLib.segmentation.networks import FINE_SIZE
from OsteoScreenLib.segmentation.refine import Body, find_bodies, outline, paint
from OsteoScreenLib.volume import Volume, resample
from Testing.conftest import BoxCase


class Thresholds(torch.nn.Module):
    """Calls HU above 60 trabecular and above 300 shell, in the middle of the crop only."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        hu = image[0, 0] * 400
        k = torch.arange(FINE_SIZE) - (FINE_SIZE - 1) / 2
        near = (k.abs() < 12)[:, None, None].expand_as(hu)
        shell, trabecular = near & (hu > 300), near & (hu > 60) & (hu <= 300)
        return 20 * torch.stack([~(shell | trabecular), shell, trabecular]).float()[None]


def _middle(labels: Volume, level: str) -> np.ndarray:
    return np.argwhere(body_mask(labels.voxels, level)).mean(0)[::-1]


def _centres(labels: Volume) -> dict[str, np.ndarray]:
    return {level: np.add(labels.to_ras(_middle(labels, level)), [2.0, -2.0, 4.0]) for level in SCREENED}


def test_bodies_come_back_where_they_are(box_case: BoxCase) -> None:
    labels = paint(box_case.volume, outline(box_case.volume, _centres(box_case.labels), Thresholds(), "cpu"))
    for level in SCREENED:
        truth = body_mask(box_case.labels.voxels, level)
        assert overlap(body_mask(labels, level), truth, (2.0, 2.0, 2.0)).dice > 0.93
        inner = trabecular_mask(box_case.labels.voxels, level)
        assert overlap(trabecular_mask(labels, level), inner, (2.0, 2.0, 2.0)).dice > 0.9


def test_bodies_are_found_along_the_spine(box_case: BoxCase) -> None:
    truth = [box_case.labels.to_ras(_middle(box_case.labels, level)) for level in SCREENED]
    z = np.arange(truth[0][2] + 10, truth[-1][2] - 10, -10.0)
    points = np.stack([np.full(len(z), truth[0][0] + 3), np.full(len(z), truth[0][1] - 3), z], axis=1)
    bodies = find_bodies(box_case.volume, points, Thresholds(), "cpu")
    assert len(bodies) == len(SCREENED)
    for body, centre in zip(bodies, truth, strict=True):
        assert np.linalg.norm(body.centre - centre) < 2.0


def test_oblique_and_flipped_grids_give_the_same_bodies(box_case: BoxCase) -> None:
    angle = np.radians(20)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1.0]])
    matrix = np.eye(4)
    matrix[:3, :3] = turn @ np.diag([-2.0, 2.0, 2.0])
    matrix[:3, 3] = box_case.volume.to_ras(np.array([21.5, 19.5, 37.5])) - matrix[:3, :3] @ [29.5, 29.5, 37.5]
    oblique = Volume(np.zeros((76, 60, 60), np.float32), matrix)
    stored = resample(box_case.volume, oblique)
    labels = paint(stored, outline(stored, _centres(box_case.labels), Thresholds(), "cpu"))
    truth = resample(box_case.labels, oblique, nearest=True, outside=0).voxels
    for level in SCREENED:
        assert overlap(body_mask(labels, level), body_mask(truth, level), (2.0, 2.0, 2.0)).dice > 0.92


def test_a_centre_without_a_body_gives_none(box_case: BoxCase) -> None:
    assert outline(box_case.volume, {"L1": np.array([0.0, -100.0, -300.0])}, Thresholds(), "cpu") == {}


def test_cancel_stops_between_vertebrae(box_case: BoxCase) -> None:
    answers = iter([False, False, True])
    with pytest.raises(Cancelled):
        outline(box_case.volume, _centres(box_case.labels), Thresholds(), "cpu", cancelled=lambda: next(answers))


def test_where_bodies_meet_the_deeper_one_has_the_voxel(box_case: BoxCase) -> None:
    """One body given two names stays whole: the second is nowhere deeper than the first."""
    body = outline(box_case.volume, {"L1": _centres(box_case.labels)["L1"]}, Thresholds(), "cpu")["L1"]
    labels = paint(box_case.volume, {"L1": body, "L2": Body(body.probability)})
    assert set(np.unique(labels)) == {0, label("L1", 1), label("L1", 2)}
