"""Label maps compared level by level: boxes whose figures can be worked out."""

import numpy as np
import pytest

from OsteoScreenLib.errors import LabelMapError
from OsteoScreenLib.evaluation.comparison import compare
from OsteoScreenLib.levels import SCREENED, SHELL, body_mask, label
from Testing.conftest import BoxCase

SPACING = (2.0, 2.0, 2.0)


def vertebrae(labels: np.ndarray) -> np.ndarray:
    """Return whole vertebrae in TotalSegmentator's numbering: the bodies, and as much again behind them."""
    whole = np.zeros_like(labels)
    for n, level in enumerate(SCREENED):
        body = body_mask(labels, level)
        whole[body | np.roll(body, -12, axis=1)] = 31 - n
    return whole


def test_a_label_map_agrees_with_itself(box_case: BoxCase) -> None:
    found = compare(box_case.labels.voxels, box_case.labels.voxels, SPACING)
    assert [(row.level, row.part) for row in found.rows] == [
        (level, part) for level in SCREENED for part in ("body", "trabecular")
    ]
    assert all(row.agreement.dice == 1 and row.agreement.hd95 == 0 for row in found.rows)
    assert found.notes == ()


def test_a_level_that_was_not_found_has_no_dice_and_one_too_many_is_told(box_case: BoxCase) -> None:
    labels, reference = box_case.labels.voxels.copy(), box_case.labels.voxels.copy()
    labels[body_mask(labels, "L2")] = 0
    reference[body_mask(reference, "L4")] = 0
    found = compare(labels, reference, SPACING)
    dice = {row.level: row.agreement.dice for row in found.rows if row.part == "body"}
    assert dice == {"L1": 1, "L2": 0, "L3": 1}
    assert found.notes == ("L4 is not in the reference.",)


def test_a_reference_of_bodies_alone_is_compared_by_body(box_case: BoxCase) -> None:
    reference = np.zeros_like(box_case.labels.voxels)
    for level in SCREENED:
        reference[body_mask(box_case.labels.voxels, level)] = label(level, SHELL)
    found = compare(box_case.labels.voxels, reference, SPACING)
    assert {row.part for row in found.rows} == {"body"}
    assert found.notes == ("The reference has no trabecular compartment in L1, L2, L3, L4.",)


def test_whole_vertebrae_are_compared_one_way(box_case: BoxCase) -> None:
    """The far half of a vertebra does not count against the body; its share outside does."""
    labels = box_case.labels.voxels
    found = compare(labels, vertebrae(labels), SPACING)
    assert {row.part for row in found.rows} == {"body in vertebra"}
    for row in found.rows:
        assert row.agreement.inside == 1
        # all but the back of the body, of 44 x 26 mm, lies on the vertebra's surface
        assert row.agreement.asd < 2
        assert np.isnan([row.agreement.dice, row.agreement.assd, row.agreement.hd95]).all()
    shifted = compare(np.roll(labels, 1, axis=0), vertebrae(labels), SPACING)
    assert all(row.agreement.inside == pytest.approx(12 / 13, abs=1e-9) for row in shifted.rows)
    assert "whole vertebrae" in found.notes[0]


def test_an_unknown_coding_is_refused(box_case: BoxCase) -> None:
    labels = box_case.labels.voxels
    with pytest.raises(LabelMapError, match="none of L1-L4 in a known coding"):
        compare(labels, np.where(labels > 0, 7, 0), SPACING)
