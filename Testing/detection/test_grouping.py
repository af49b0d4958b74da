"""Boxes become vertebrae: the right level, one box a slice, and a vote with its spread."""

import numpy as np
import pytest

from OsteoScreenLib.bone_status import NAMES
from OsteoScreenLib.detection.grouping import along_the_spine, by_segmentation, vote
from OsteoScreenLib.detection.slices import along, axial_slices
from OsteoScreenLib.levels import SCREENED
from OsteoScreenLib.result import SliceBox
from Testing.conftest import BoxCase

SURE = (0.9, 0.05, 0.05)
POINTS = np.array([[0.0, 0.0, 100.0 - 35 * n] for n in range(-1, 5)])
HEIGHTS = np.arange(-1.0, 5.0)


def _box(z: float, x: float = 0.0, scores: tuple[float, float, float] = SURE, slice_: int = 0) -> SliceBox:
    return SliceBox(slice_, (x - 20, -15, z), (x + 20, 15, z), scores)


def test_a_run_of_boxes_has_the_level_in_its_middle() -> None:
    """Boxes at 118 to 91 (L1, from a height of -0.51 on) and at 76 to 55 (L2), with a disc between."""
    boxes = [_box(118.0 - 3 * n, slice_=n) for n in range(22) if not 10 <= n <= 13]
    found = along_the_spine(boxes, POINTS, HEIGHTS)
    assert [box.level for box in found] == ["L1"] * 10 + ["L2"] * 8
    assert along_the_spine([_box(100.0, x=40.0)], POINTS, HEIGHTS)[0].level is None
    assert along_the_spine([_box(-75.0)], POINTS, HEIGHTS)[0].level is None


def test_where_a_run_goes_on_through_discs_the_boxes_there_have_no_level() -> None:
    boxes = [_box(110.0 - 3 * n, slice_=n) for n in range(24)]
    found = {box.low[2]: box.level for box in along_the_spine(boxes, POINTS, HEIGHTS)}
    assert {z for z, level in found.items() if level == "L1"} == {
        110.0,
        107.0,
        104.0,
        101.0,
        98.0,
        95.0,
        92.0,
        89.0,
        86.0,
    }
    assert found[83.0] is None
    assert found[65.0] == "L2"


def test_of_two_boxes_of_a_level_in_a_slice_the_surest_stays() -> None:
    boxes = along_the_spine([_box(100, scores=(0.4, 0.1, 0)), _box(100, x=5)], POINTS, HEIGHTS)
    assert [box.level for box in boxes] == [None, "L1"]


def test_boxes_get_the_level_of_the_body_that_they_cover(box_case: BoxCase) -> None:
    line = np.array([[0.0, -13.0, -300.0], [0.0, -13.0, -150.0]])
    slices = axial_slices(box_case.volume, along(line, -290.0, -160.0))
    tops = {level: -300 + 2 * (72 - 18 * n) for n, level in enumerate(SCREENED)}
    boxes = []
    for n, z in enumerate(slices.z):
        boxes.append(SliceBox(n, (-22.0, -29.0, z), (22.0, 3.0, z), SURE))
        boxes.append(SliceBox(n, (-60.0, -29.0, z), (-35.0, 3.0, z), SURE))
    found = by_segmentation(boxes, slices, box_case.labels)
    assert all(box.level is None for box in found[1::2])
    for box in found[::2]:
        inside = [level for level, top in tops.items() if top - 25 <= box.low[2] <= top - 3]
        if inside:
            assert box.level == inside[0]
    assert {box.level for box in found[::2]} == {*SCREENED, None}


def test_the_vote_weighs_scores_and_shows_how_it_is_spread() -> None:
    boxes = [
        SliceBox(n, (-20 + n, -15, z), (20, 15, z), scores, "L2")
        for n, (z, scores) in enumerate([(60, (0.1, 0.8, 0.1)), (63, (0.3, 0.2, 0.0)), (66, (0.0, 0.5, 0.4))])
    ]
    (one,) = vote([*boxes, SliceBox(3, (0, 0, 0), (9, 9, 0), SURE, None)])
    assert (one.level, one.status, one.slices, one.agreeing) == ("L2", NAMES[1], 3, 2)
    assert one.shares == pytest.approx([0.4 / 2.4, 1.5 / 2.4, 0.5 / 2.4])
    assert one.confidence == pytest.approx(1.5 / 2.4)
    assert (one.low[2], one.high[2]) == (58.5, 67.5)
    assert vote([]) == ()
