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
    assert (same.dice, same.assd, same.hd95) == (1.0, 0.0, 0.0)


def test_one_slice_more_costs_what_it_should() -> None:
    more = overlap(_box(5, 16), _box(5, 15), SPACING)
    assert more.dice == pytest.approx(20 / 21, abs=1e-12)
    assert more.hd95 == pytest.approx(3.0, abs=1e-6)
    assert 0 < more.assd < 3.0


def test_a_missing_body_has_no_distance() -> None:
    none = overlap(np.zeros((20, 24, 16), bool), _box(5, 15), SPACING)
    assert none.dice == 0
    assert np.isnan(none.assd)


def test_two_empty_masks_agree() -> None:
    empty = np.zeros((4, 4, 4), bool)
    assert overlap(empty, empty, SPACING).dice == 1.0


def test_masks_of_different_grids_are_refused() -> None:
    with pytest.raises(LabelMapError, match="cannot be compared"):
        overlap(np.zeros((4, 4, 4), bool), np.zeros((4, 4, 5), bool), SPACING)
