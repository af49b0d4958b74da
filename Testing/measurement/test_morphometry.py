"""Heights, grades and angles on bodies whose heights are known, and on a real collapsed body."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from OsteoScreenLib.findings import Severity
from OsteoScreenLib.measurement.endplates import FARTHEST_MM, FARTHEST_VOXELS
from OsteoScreenLib.measurement.heights import PLACES, all_heights
from OsteoScreenLib.measurement.morphometry import angles, fracture_findings, grade, shapes
from Testing.benchmarks.morphometry import bodies_of_vertebrae
from Testing.measurement.spines import label_map, plain_spine, planted, scanned, true_heights

NEAR = ("L1", "L2", "L3")


@cache
def measured(kind: str = "", loss: float = 0.0):
    scene = planted(plain_spine(1, alike=True), "L2", kind, loss) if kind else plain_spine(1)
    return scene, all_heights(label_map(scene, 1.25, ends=("L1", "L3")), NEAR)


def test_heights_are_those_of_the_shape():
    scene, heights = measured()
    for level in NEAR:
        truth = true_heights(scene.vertebrae[level])
        for place in PLACES:
            assert getattr(heights[level], place) == pytest.approx(truth[place], abs=0.6), (level, place)


def test_heights_do_not_change_when_the_scan_is_turned():
    scene, heights = measured()
    turn = Rotation.from_euler("xyz", [15, 8, -10], degrees=True).as_matrix()
    turned = all_heights(label_map(scene, 1.25, turn, ("L1", "L3")), NEAR)
    for level in NEAR:
        for place in PLACES:
            assert getattr(turned[level], place) == pytest.approx(getattr(heights[level], place), abs=0.8)


@cache
def coarse():
    scene = plain_spine(1)
    forward = Rotation.from_euler("x", 15, degrees=True).as_matrix()
    truth = [[true_heights(scene.vertebrae[level])[place] for place in PLACES] for level in NEAR]
    return *scanned(scene, 3.0, forward, ("L1", "L3")), np.array(truth)


def read(labels, volume=None):
    found = all_heights(labels, NEAR, volume)
    return np.array([[getattr(found[level], place) for place in PLACES] for level in NEAR])


def test_the_ct_knows_endplates_between_coarse_slices_better_than_the_mask():
    volume, labels, truth = coarse()
    by_mask, by_ct = (np.abs(read(labels, ct) - truth) for ct in (None, volume))
    assert by_ct.max() < 1.0
    assert np.sqrt(np.square(by_ct).mean()) < 0.7 * np.sqrt(np.square(by_mask).mean())


@pytest.mark.parametrize("beside", [3000.0, 600.0, -900.0], ids=["metal", "chalk", "gas"])
def test_what_lies_in_the_disc_does_not_pull_heights_far(beside):
    volume, labels, _ = coarse()
    filled = volume.with_voxels(np.where(labels.voxels == 0, np.float32(beside), volume.voxels))
    farthest = 2 * (FARTHEST_VOXELS * 3.0 * 1.2 + FARTHEST_MM)
    assert np.abs(read(labels, filled) - read(labels)).max() < farthest


def test_points_lie_on_the_endplates():
    _, heights = measured()
    for one in heights.values():
        lengths = np.linalg.norm(one.points[0] - one.points[1], axis=-1)
        assert lengths == pytest.approx([one.anterior, one.middle, one.posterior], abs=0.3)
        assert one.upper @ one.frame.cranial > 0.9


@pytest.mark.parametrize(
    ("kind", "loss", "due"),
    [("wedge", 0.15, 0), ("wedge", 0.22, 1), ("wedge", 0.33, 2), ("biconcave", 0.45, 3), ("crush", 0.33, 2)],
)
def test_a_planted_loss_is_graded(kind, loss, due):
    found = shapes(measured(kind, loss)[1])
    assert found["L2"].grade == due
    assert not due or found["L2"].kind == kind
    assert found["L2"].loss == pytest.approx(loss, abs=0.04)
    assert found["L1"].grade == 0
    assert found["L3"].grade == 0


def test_a_grade_says_that_it_is_suggested_and_what_else_it_could_be():
    found = shapes(measured("wedge", 0.33)[1])
    assert found["L2"].lowest >= 1
    assert "suggested grade 2 (moderate, wedge)" in found["L2"].text
    said = fracture_findings(found)
    assert [one.levels for one in said] == [("L2",)]
    assert said[0].severity is Severity.CLOSED
    assert "has to confirm" in said[0].text
    doubtful = replace(found["L2"], loss=0.21, grade=1, lowest=0, highest=2)
    assert "0 to 2 possible" in doubtful.text
    assert fracture_findings({"L2": doubtful})[0].severity is Severity.NOTE


def test_grades_begin_at_20_25_and_40_percent():
    assert [grade(loss) for loss in (-0.1, 0.199, 0.2, 0.25, 0.399, 0.4)] == [0, 0, 1, 2, 2, 3]


def test_alone_a_body_has_heights_and_no_grade():
    _, heights = measured()
    assert shapes({"L2": heights["L2"]}) == {}
    assert angles({"L2": heights["L2"]}) is None


def test_lordosis_is_that_of_the_spine():
    scene, heights = measured()
    found = angles(heights)
    leans = [np.degrees(np.arctan2(scene.spine.frames[level][1, 2], scene.spine.frames[level][2, 2])) for level in NEAR]
    assert (found.first, found.last) == ("L1", "L3")
    assert found.lordosis == pytest.approx(leans[2] - leans[0], abs=8.0), "endplates wedge by a few degrees more"
    assert found.scoliosis < 10


def test_a_real_collapsed_body_is_severe(real_data):
    labels = bodies_of_vertebrae(real_data / "labels_verse004" / "sub-verse004_seg-vert_msk.nii.gz")
    found = shapes(all_heights(labels, ("T12", "L1", "L2", "L3")))
    assert found["L1"].grade == 3
    assert found["L1"].lowest == 3
    assert {found[level].grade for level in ("T12", "L2", "L3")} == {0}
