"""Crops around a vertebra and back onto the input's grid, with a stand-in for the network that knows the answer."""

import numpy as np
import pytest
import torch

from OsteoScreenLib.errors import Cancelled
from OsteoScreenLib.evaluation.overlap import overlap
from OsteoScreenLib.levels import SCREENED, body_mask, label, trabecular_mask
from OsteoScreenLib.segmentation import refine
from OsteoScreenLib.segmentation.refine import Body, distinct, look, look_closely, outline, paint, paint_looks
from OsteoScreenLib.volume import Volume, grid, resample
from Testing.conftest import BoxCase


class Thresholds(torch.nn.Module):
    """Calls what is above 60 HU body, less the 1 mm that interpolation adds, in the middle of the crop only."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        water = (image * 400 <= 60).float()
        body = 1 - torch.nn.functional.max_pool3d(water, 3, stride=1, padding=1)[:, 0]
        k = torch.arange(body.shape[1]) - (body.shape[1] - 1) / 2
        body *= (k.abs() < 18)[:, None, None]
        return 20 * torch.stack([1 - body, torch.zeros_like(body), body], dim=1)


def _middle(labels: Volume, level: str) -> np.ndarray:
    return np.argwhere(body_mask(labels.voxels, level)).mean(0)[::-1]


def _points(labels: Volume) -> list[np.ndarray]:
    return [np.add(labels.to_ras(_middle(labels, level)), [2.0, -2.0, 4.0]) for level in SCREENED]


def _bodies(volume: Volume, labels: Volume) -> dict[str, Body]:
    return dict(zip(SCREENED, outline(volume, _points(labels), Thresholds(), "cpu"), strict=True))


def test_bodies_come_back_where_they_are(box_case: BoxCase) -> None:
    labels = paint(box_case.volume, _bodies(box_case.volume, box_case.labels))
    for level in SCREENED:
        truth = body_mask(box_case.labels.voxels, level)
        assert overlap(body_mask(labels, level), truth, (2.0, 2.0, 2.0)).dice > 0.93
        inner = trabecular_mask(box_case.labels.voxels, level)
        assert overlap(trabecular_mask(labels, level), inner, (2.0, 2.0, 2.0)).dice > 0.9


def test_a_body_that_two_points_show_is_one(box_case: BoxCase) -> None:
    points = _points(box_case.labels)
    nowhere = np.array([0.0, -100.0, -300.0])
    found = distinct(look(box_case.volume, [points[1], *points, nowhere], Thresholds(), "cpu"))
    assert len(found) == len(SCREENED)
    for body, level in zip(found, SCREENED, strict=True):
        assert np.linalg.norm(body.centre - box_case.labels.to_ras(_middle(box_case.labels, level))) < 1.0


def test_a_body_that_the_crop_cuts_is_looked_at_again_around_its_own_middle(box_case: BoxCase) -> None:
    off = [np.add(point, [0.0, 0.0, 10.0]) for point in _points(box_case.labels)[:1]]
    (cut,), (whole,) = (see(box_case.volume, off, Thresholds(), "cpu") for see in (look, look_closely))
    middle = box_case.labels.to_ras(_middle(box_case.labels, "L1"))
    truth = body_mask(box_case.labels.voxels, "L1").sum() * 8
    assert cut.askew
    assert cut.mask.sum() < 0.9 * truth
    assert not whole.askew
    assert whole.mask.sum() == pytest.approx(truth, rel=0.1)
    assert np.linalg.norm(whole.centre - middle) < 1.0


def test_what_lies_between_two_bodies_gives_way_to_both() -> None:
    crop = grid(np.zeros(3), (40, 40, 90), 1.0)
    bodies = []
    for low, high, inside in ((10, 35, 0.99), (22, 66, 0.8), (50, 75, 0.98)):
        probability = np.zeros(crop.voxels.shape, np.float32)
        probability[low:high, 8:32, 8:32] = inside
        bodies.append(Body(crop.with_voxels(probability)))
    assert [body.doubt for body in bodies] == pytest.approx([0.01, 0.2, 0.02], abs=1e-6)
    assert distinct(bodies) == [bodies[2], bodies[0]]


def test_two_bodies_taken_for_one_give_way_to_both_however_sharp() -> None:
    crop = grid(np.zeros(3), (40, 40, 90), 1.0)
    bodies = []
    for low, high, inside in ((10, 35, 0.88), (38, 62, 0.9), (12, 61, 0.95), (11, 35, 0.7), (14, 22, 0.6)):
        probability = np.zeros(crop.voxels.shape, np.float32)
        probability[low:high, 8:32, 8:32] = inside
        bodies.append(Body(crop.with_voxels(probability)))
    assert min(bodies, key=lambda body: body.doubt) is bodies[2]
    assert distinct(bodies) == [bodies[1], bodies[0]]
    # one body seen twice, or in part, does not make it two
    assert distinct([bodies[2], bodies[0], *bodies[3:]]) == [bodies[2]]


def test_oblique_and_flipped_grids_give_the_same_bodies(box_case: BoxCase) -> None:
    angle = np.radians(20)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1.0]])
    matrix = np.eye(4)
    matrix[:3, :3] = turn @ np.diag([-2.0, 2.0, 2.0])
    matrix[:3, 3] = box_case.volume.to_ras(np.array([21.5, 19.5, 37.5])) - matrix[:3, :3] @ [29.5, 29.5, 37.5]
    oblique = Volume(np.zeros((76, 60, 60), np.float32), matrix)
    stored = resample(box_case.volume, oblique)
    labels = paint(stored, _bodies(stored, box_case.labels))
    truth = resample(box_case.labels, oblique, nearest=True, outside=0).voxels
    for level in SCREENED:
        assert overlap(body_mask(labels, level), body_mask(truth, level), (2.0, 2.0, 2.0)).dice > 0.92


def test_a_centre_without_a_body_gives_none(box_case: BoxCase) -> None:
    assert outline(box_case.volume, [np.array([0.0, -100.0, -300.0])], Thresholds(), "cpu") == [None]


def test_cancel_stops_between_vertebrae(box_case: BoxCase) -> None:
    answers = iter([False, False, True])
    with pytest.raises(Cancelled):
        outline(box_case.volume, _points(box_case.labels), Thresholds(), "cpu", cancelled=lambda: next(answers))


class Cramped(Thresholds):
    """Has memory for two crops at a time."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        if len(image) > 2:
            raise torch.OutOfMemoryError
        return super().forward(image)


def test_where_memory_is_short_fewer_crops_are_taken(box_case: BoxCase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(refine.BATCH, "cpu", 8)
    bodies = outline(box_case.volume, _points(box_case.labels), Cramped(), "cpu")
    alone = _bodies(box_case.volume, box_case.labels)
    assert all(np.array_equal(a.mask, b.mask) for a, b in zip(bodies, alone.values(), strict=True))


def test_the_mirror_image_changes_nothing_for_a_network_without_sides(box_case: BoxCase) -> None:
    points = _points(box_case.labels)[:1]
    (once,), (twice,) = (outline(box_case.volume, points, Thresholds(), "cpu", flips=flips) for flips in (False, True))
    assert np.allclose(once.probability.voxels, twice.probability.voxels, atol=1e-6)
    assert once.looks == ()
    assert paint_looks(box_case.volume, {"L1": once}) == ()
    both = paint_looks(box_case.volume, {"L1": twice})
    assert len(both) == 2
    for one in both:
        there = resample(one, box_case.volume, nearest=True, outside=0).voxels
        assert np.array_equal(there, paint(box_case.volume, {"L1": once})), "in its place"


def test_where_bodies_meet_the_deeper_one_has_the_voxel(box_case: BoxCase) -> None:
    """One body given two names stays whole: the second is nowhere deeper than the first."""
    body = _bodies(box_case.volume, box_case.labels)["L1"]
    labels = paint(box_case.volume, {"L1": body, "L2": Body(body.probability)})
    assert set(np.unique(labels)) == {0, label("L1", 1), label("L1", 2)}
