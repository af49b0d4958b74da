"""Masks compared: figures that can be worked out by hand."""

import numpy as np
import pytest

from OsteoScreenLib.errors import LabelMapError
from OsteoScreenLib.evaluation.overlap import overlap

SPACING = (2.0, 1.0, 3.0)


def _box(start: int, stop: int) -> np.ndarray:
    mask = np.zeros((20, 24, 16), bool)
    mask[start:stop, 4:20, 3:13] = True
    return mask


def test_a_mask_agrees_with_itself() -> None:
    same = overlap(_box(5, 15), _box(5, 15), SPACING)
    assert (same.dice, same.asd, same.assd, same.hd95, same.inside) == (1.0, 0.0, 0.0, 0.0, 1.0)


def test_one_slice_more_costs_what_it_should() -> None:
    more = overlap(_box(5, 16), _box(5, 15), SPACING)
    assert more.dice == pytest.approx(20 / 21, abs=1e-12)
    assert more.hd95 == pytest.approx(3.0, abs=1e-6)
    assert 0 < more.assd < 3.0
    assert more.inside == pytest.approx(10 / 11, abs=1e-12)


def test_the_average_distance_goes_from_the_first_mask_to_the_second() -> None:
    """A box and the same box with a far block: all of the box's surface lies on the other one's, not the reverse."""
    block = _box(5, 15)
    block[17:19, 4:8, 3:7] = True
    assert overlap(_box(5, 15), block, SPACING).asd == pytest.approx(0, abs=1e-6)
    back = overlap(block, _box(5, 15), SPACING)
    assert back.asd > back.assd > 0


def test_a_missing_body_has_no_distance() -> None:
    none = overlap(np.zeros((20, 24, 16), bool), _box(5, 15), SPACING)
    assert none.dice == 0
    assert np.isnan([none.asd, none.assd, none.hd95, none.inside]).all()


def test_two_empty_masks_agree() -> None:
    empty = np.zeros((4, 4, 4), bool)
    assert overlap(empty, empty, SPACING).dice == 1.0


def test_masks_of_different_grids_are_refused() -> None:
    with pytest.raises(LabelMapError, match="cannot be compared"):
        overlap(np.zeros((4, 4, 4), bool), np.zeros((4, 4, 5), bool), SPACING)
