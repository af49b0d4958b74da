"""The sequence of levels: consistent, robust against what is missing or off, honest about doubt."""

from dataclasses import replace

import numpy as np
import pytest

from OsteoScreenLib.segmentation.naming import SEQUENCE, Candidate, name_levels

SPACING = {"T11": 31, "T12": 33, "L1": 35, "L2": 37, "L3": 38, "L4": 38, "L5": 38, "S1": 34}
WHOLE = ["T11", "T12", "L1", "L2", "L3", "L4", "L5", "S1"]


def _spine(levels: list[str], off: float = 0.0, size: float = 1.0) -> list[Candidate]:
    """Return candidates at usual distances times `size`, whose heights are all `off` levels too low down."""
    z, found = 0.0, []
    for level in levels:
        z -= SPACING[level] * size
        found.append(Candidate(np.array([0.0, 0.0, z]), SEQUENCE.index(level) - SEQUENCE.index("L1") + off))
    return found


def _levels(found: list[Candidate]) -> list[str]:
    return [name.level for name in name_levels(found)]


@pytest.mark.parametrize("off", [-0.4, 0.0, 0.4])
@pytest.mark.parametrize("size", [0.85, 1.0, 1.15])
def test_a_spine_is_counted_whatever_its_size(off: float, size: float) -> None:
    assert _levels(_spine(WHOLE, off, size)) == WHOLE


@pytest.mark.parametrize("part", [["T12", "L1", "L2", "L3"], ["L2", "L3", "L4", "L5", "S1"], ["L3"]])
def test_a_part_of_the_spine_is_counted_by_its_height(part: list[str]) -> None:
    assert _levels(_spine(part)) == part


def test_one_height_far_off_does_not_break_the_count() -> None:
    found = _spine(WHOLE)
    found[4] = replace(found[4], height=found[4].height + 1.0)
    assert _levels(found) == WHOLE


def test_a_missed_body_leaves_a_gap() -> None:
    found = _spine(WHOLE)
    del found[4]
    assert _levels(found) == [level for level in WHOLE if level != "L3"]


def test_a_false_body_between_two_stays_without_a_name() -> None:
    found = _spine(WHOLE)
    between = Candidate((found[3].centre + found[4].centre) / 2, (found[3].height + found[4].height) / 2)
    named = name_levels([*found[:4], between, *found[4:]])
    assert 4 not in [name.index for name in named]
    assert [name.level for name in named] == WHOLE


def test_a_body_off_the_spine_stays_without_a_name() -> None:
    found = _spine(WHOLE)
    aside = replace(found[4], centre=np.add(found[4].centre, [90.0, 0.0, -2.0]))
    assert _levels(sorted([*found, aside], key=lambda c: -c.centre[2])) == WHOLE


def test_confidence_falls_as_heights_come_to_lie_between_levels() -> None:
    sure, unsure = (name_levels(_spine(WHOLE, off))[0].confidence for off in (0.0, 0.45))
    assert unsure < 0.7 < 0.95 < sure


def test_nothing_found_nothing_named() -> None:
    assert name_levels([]) == []
