"""The sequence of levels: consistent, robust against what networks get wrong, honest about doubt."""

from dataclasses import replace

import numpy as np
import pytest

from OsteoScreenLib.segmentation.locate import SEQUENCE, Candidate, sequence
from OsteoScreenLib.segmentation.networks import COARSE_LEVELS

SPACING = {"T11": 31, "T12": 33, "L1": 35, "L2": 37, "L3": 38, "L4": 38, "L5": 38, "S1": 34}


def _spine(levels: list[str], *, sure: float = 0.8, shift: int = 0) -> list[Candidate]:
    """Return candidates at usual distances whose scores peak at their level, or `shift` levels further down."""
    z, found = 0.0, []
    for level in levels:
        z -= SPACING.get(level, 28)
        channel = min(COARSE_LEVELS.index(level if level in COARSE_LEVELS else "above T11") + shift, 8)
        scores = np.full(len(COARSE_LEVELS), (1 - sure) / 8)
        scores[channel] = sure
        below = SEQUENCE.index(level) - SEQUENCE.index("L1") + 0.7
        found.append(Candidate(np.array([0.0, 0.0, z]), 0.9, np.log(scores), below))
    return found


def _levels(found: list[Candidate]) -> list[str]:
    return [body.level for body in sequence(found)]


WHOLE = ["T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5", "S1"]


def test_a_clear_spine_is_counted() -> None:
    located = sequence(_spine(WHOLE))
    assert [body.level for body in located] == WHOLE
    assert all(body.confidence > 0.95 for body in located)


@pytest.mark.parametrize("part", [["T12", "L1", "L2", "L3"], ["L2", "L3", "L4", "L5", "S1"], ["L1", "L2", "L3", "L4"]])
def test_a_part_of_the_spine_is_counted_by_its_scores(part: list[str]) -> None:
    assert _levels(_spine(part)) == part


def test_one_body_called_wrongly_does_not_break_the_count() -> None:
    found = _spine(WHOLE)
    wrong = np.full(len(COARSE_LEVELS), 0.025)
    wrong[COARSE_LEVELS.index("L2")] = 0.8
    found[5] = replace(found[5], log_level=np.log(wrong))
    assert _levels(found) == WHOLE


def test_a_missed_body_leaves_a_gap() -> None:
    found = _spine(WHOLE)
    del found[5]
    assert _levels(found) == [level for level in WHOLE if level != "L3"]


def test_a_blob_off_the_spine_is_left_out() -> None:
    found = _spine(WHOLE)
    blob = replace(found[4], centre=np.add(found[4].centre, [80.0, 40.0, -15.0]), heat=0.5)
    assert _levels(sorted([*found, blob], key=lambda c: -c.centre[2])) == WHOLE


def test_doubtful_scores_give_low_confidence() -> None:
    clear, doubtful = sequence(_spine(WHOLE[3:7])), sequence(_spine(WHOLE[3:7], sure=0.2))
    assert doubtful[0].confidence < 0.75 < clear[0].confidence


def test_no_candidates_no_spine() -> None:
    assert sequence([]) == []
