"""A line that counts a little too fast or too slow still names the bodies that boxes lie on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from OsteoScreenLib.detection.alignment import aligned, evened
from OsteoScreenLib.detection.grouping import along_the_spine
from OsteoScreenLib.levels import SCREENED
from OsteoScreenLib.result import SliceBox

STEP_MM = 36.0
BODY_MM = 24.0


def _boxes() -> list[SliceBox]:
    """Boxes on T12 to L5, none on the discs: L1's middle lies at z = 0."""
    z = np.arange(STEP_MM + BODY_MM / 2, -4.5 * STEP_MM, -3.0)
    on_body = abs((z / STEP_MM + 0.5) % 1 - 0.5) * STEP_MM <= BODY_MM / 2
    return [SliceBox(n, (-20, -15, at), (20, 15, at), (0.3, 0.3, 0.3)) for n, at in enumerate(z) if on_body[n]]


@given(stretch=st.floats(0.9, 1.1), shift=st.floats(-0.3, 0.3))
def test_a_line_that_counts_too_fast_and_too_early_names_every_body(stretch: float, shift: float) -> None:
    boxes = _boxes()
    z = np.arange(80.0, -200.0, -6.0)
    points = np.stack([np.zeros_like(z), np.zeros_like(z), z], axis=1)
    found = along_the_spine(boxes, points, -z / STEP_MM * stretch + shift)
    truth = [round(-box.low[2] / STEP_MM) for box in boxes]
    assert [box.level for box in found] == [SCREENED[n] if 0 <= n < len(SCREENED) else None for n in truth]


def test_a_few_missed_slices_do_not_hand_a_body_to_the_next_level() -> None:
    """As on a real CT: L4's middle has no boxes, and where its lower end has some the line already counts L5."""
    boxes = [box for box in _boxes() if not -3 * STEP_MM - 5 <= box.low[2] <= -3 * STEP_MM + 8]
    z = np.arange(80.0, -200.0, -6.0)
    points, heights = np.stack([np.zeros_like(z), np.zeros_like(z), z], axis=1), -1.12 * z / STEP_MM
    lower = [box for box in along_the_spine(boxes, points, heights) if -120 <= box.low[2] <= -96]
    assert np.interp(-lower[-1].low[2], -z, heights) > 3.5
    assert [box.level for box in lower] == ["L4"] * 3


def test_heights_that_leap_at_discs_become_even_steps() -> None:
    z, even = evened(np.arange(0.0, -121.0, -1.0), np.repeat([0.0, 1.0, 2.0, 3.0], [31, 30, 30, 30]))
    assert np.interp([-15.5, -45.5, -75.5, -105.5], z, even) == pytest.approx([0, 1, 2, 3], abs=0.02)
    assert (np.diff(z) > 0).all()


def test_a_line_that_passes_one_disc_is_left_as_it_is() -> None:
    z, even = evened(np.array([10.0, 0.0, -10.0]), np.array([0.2, 0.4, 0.6]))
    assert z.tolist() == [-10, 0, 10]
    assert even.tolist() == [0.6, 0.4, 0.2]


def test_without_boxes_nothing_is_moved_and_one_box_moves_little() -> None:
    assert aligned(np.array([])) == pytest.approx((1.0, 0.0))
    stretch, shift = aligned(np.array([1.4]))
    assert stretch * 1.4 + shift == pytest.approx(1.4, abs=0.15)
