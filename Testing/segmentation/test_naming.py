"""The sequence of levels: consistent, robust against what is missing or off, honest about doubt."""

from dataclasses import replace

import numpy as np
import pytest

from OsteoScreenLib.segmentation.naming import Candidate, name_levels, oddities
from OsteoScreenLib.segmentation.networks import COUNTED

SPACING = {"T11": 31, "T12": 33, "L1": 35, "L2": 37, "L3": 38, "L4": 38, "L5": 38, "S1": 34}
WHOLE = ["T11", "T12", "L1", "L2", "L3", "L4", "L5", "S1"]


def _probability(height: float) -> np.ndarray:
    """Return the probability of each level for a height between two of them, or on one."""
    return np.clip(1 - abs(np.arange(len(COUNTED)) - COUNTED.index("L1") - height), 0, None)


def _spine(levels: list[str], off: float = 0.0, size: float = 1.0) -> list[Candidate]:
    """Return candidates at usual distances times `size`, all of which seem to be `off` levels too low down."""
    z, found = 0.0, []
    for level in levels:
        z -= SPACING[level] * size
        height = COUNTED.index(level) - COUNTED.index("L1") + off
        found.append(Candidate(np.array([0.0, 0.0, z]), _probability(height)))
    return found


def _levels(found: list[Candidate]) -> list[str]:
    return [name.level for name in name_levels(found)]


@pytest.mark.parametrize("off", [-0.4, 0.0, 0.4])
@pytest.mark.parametrize("size", [0.65, 0.85, 1.0, 1.25])
def test_a_spine_is_counted_whatever_its_size(off: float, size: float) -> None:
    assert _levels(_spine(WHOLE, off, size)) == WHOLE


@pytest.mark.parametrize("part", [["T12", "L1", "L2", "L3"], ["L2", "L3", "L4", "L5", "S1"], ["L3"]])
def test_a_part_of_the_spine_is_counted_by_how_it_looks(part: list[str]) -> None:
    assert _levels(_spine(part)) == part


def test_one_body_that_looks_like_another_does_not_break_the_count() -> None:
    found = _spine(WHOLE)
    found[4] = replace(found[4], probability=found[5].probability)
    assert _levels(found) == WHOLE


def test_a_missed_body_leaves_a_gap() -> None:
    found = _spine(WHOLE)
    del found[4]
    assert _levels(found) == [level for level in WHOLE if level != "L3"]


def test_a_false_body_between_two_stays_without_a_name() -> None:
    found = _spine(WHOLE)
    upper, lower = found[3:5]
    between = Candidate((upper.centre + lower.centre) / 2, (upper.probability + lower.probability) / 2)
    named = name_levels([*found[:4], between, *found[4:]])
    assert 4 not in [name.index for name in named]
    assert [name.level for name in named] == WHOLE


def test_a_body_off_the_spine_stays_without_a_name() -> None:
    found = _spine(WHOLE)
    aside = replace(found[4], centre=np.add(found[4].centre, [90.0, 0.0, -2.0]))
    assert _levels(sorted([*found, aside], key=lambda c: -c.centre[2])) == WHOLE


def test_confidence_falls_as_bodies_come_to_look_like_two_levels() -> None:
    sure, unsure = (name_levels(_spine(WHOLE[:-1], off))[0].confidence for off in (0.0, 0.45))
    assert unsure < 0.7 < 0.95 < sure


def test_nothing_found_nothing_named() -> None:
    assert name_levels([]) == []


def test_a_sixth_lumbar_body_is_said() -> None:
    found = _spine(WHOLE)
    at = np.array([37.0 * n for n in range(len(WHOLE) + 1)])
    looks = [0, 1, 2, 3, 3.5, 4, 5, 6, 7]
    found = [Candidate(np.array([0.0, 0.0, -z]), _probability(look - 2.0)) for z, look in zip(at, looks, strict=True)]
    named = name_levels(found)
    assert [name.level for name in named] == WHOLE
    (said,) = oddities(found, named)
    assert "one body more between" in said
    assert "transitional" in said


def test_four_lumbar_bodies_are_said() -> None:
    levels = [level for level in WHOLE if level != "L3"]
    found = _spine(levels)
    named = name_levels(found)
    assert [name.level for name in named] == levels
    (said,) = oddities(found, named)
    assert said.startswith("There is no room between L2 and L4")


def test_a_usual_spine_has_no_oddities_and_neither_has_one_with_a_missed_body() -> None:
    whole = _spine(WHOLE)
    missed = [*whole[:4], *whole[5:]]
    for found in (whole, missed):
        assert oddities(found, name_levels(found)) == ()
