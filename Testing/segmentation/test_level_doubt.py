"""What speaks against level names: little spine, one end alone, four or six lumbar bodies counted from both ends."""

import numpy as np

from OsteoScreenLib.findings import Finding, Measure, Severity
from OsteoScreenLib.segmentation.level_doubt import level_doubts
from OsteoScreenLib.segmentation.naming import Candidate, Named
from OsteoScreenLib.segmentation.networks import COUNTED
from OsteoScreenLib.segmentation.spine import SpineLine

STEP_MM = 36.0


def spine(first: float, last: float) -> SpineLine:
    """A straight spine from a height to another, in levels below L1."""
    heights = np.arange(first, last + 0.01, 0.1)
    return SpineLine(np.stack([0 * heights, 0 * heights, -STEP_MM * heights], 1), heights)


def bodies(heights: list[float]) -> list[Candidate]:
    return [Candidate(np.array([0.0, 0.0, -STEP_MM * h]), np.full(len(COUNTED), 1 / len(COUNTED))) for h in heights]


def named(n: int, l1: int) -> list[Named]:
    return [Named(l1 + i, f"L{i + 1}", 0.97) for i in range(n)]


def doubts(line: SpineLine, found: list[Candidate], levels: int = 5) -> list[Finding]:
    l1 = 0 if found[0].centre[2] == 0 else 1
    return list(level_doubts(line, named(levels, l1), found))


def test_five_bodies_between_both_ends_leave_no_doubt() -> None:
    assert doubts(spine(-4, 6), bodies([-1, 0, 1, 2, 3, 4])) == []


def test_a_missed_body_is_no_anomaly() -> None:
    assert doubts(spine(-4, 6), bodies([-1, 0, 1, 3, 4]), 2) == []


def test_six_bodies_counted_from_both_ends_are_said() -> None:
    (one,) = doubts(spine(-4, 6), bodies([-1, 0, 0.8, 1.6, 2.4, 3.2, 4]))
    assert (one.severity, one.measures, one.levels) == (Severity.CAUTION, (Measure.NAMES,), ())
    assert "6 bodies" in one.text
    assert "transitional" in one.text


def test_four_bodies_are_said() -> None:
    (one,) = doubts(spine(-4, 6), bodies([-1.25, 0, 1.25, 2.5, 3.75]), 4)
    assert "4 bodies" in one.text


def test_one_end_alone_is_worth_a_note_and_none_a_caution() -> None:
    (one,) = doubts(spine(-4, 4), bodies([0, 1, 2, 3, 4]))
    assert (one.severity, "sacrum" in one.text) == (Severity.NOTE, True)
    (one,) = doubts(spine(-1.4, 4.4), bodies([0, 1, 2, 3, 4]))
    assert (one.severity, "Neither" in one.text) == (Severity.CAUTION, True)


def test_little_spine_is_a_guess() -> None:
    (one,) = doubts(spine(0, 4), bodies([0, 1, 2, 3]), 4)
    assert one.severity is Severity.CAUTION
    assert "144 mm" in one.text
