"""Votes of the slices beside HU: what is said, and where they disagree."""

from dataclasses import replace

import pytest

from OsteoScreenLib.bone_status import NAMES
from OsteoScreenLib.measurement.cutoffs import Cutoff, load_cutoffs
from OsteoScreenLib.report.bone_status import disagreements, votes
from OsteoScreenLib.report.conclusion import conclusion
from OsteoScreenLib.report.page import render
from OsteoScreenLib.result import DetectedVertebra, Detection, ModelUse

MODEL = ModelUse("detect", "1.0", "a" * 64, "Synthetic slices only (2688 slices).")
LINES = (Cutoff("L1", 160, "x", "y"), Cutoff("L1", 110, "x", "y"), Cutoff("L3", 100, "x", "y"))


def _detection(**statuses: str) -> Detection:
    vertebrae = [
        DetectedVertebra(level, tuple(0.7 if name == status else 0.15 for name in NAMES), 9, 8, (0, 0, 0), (1, 1, 1))
        for level, status in statuses.items()
    ]
    return Detection((), tuple(vertebrae), MODEL, "cpu")


def test_votes_are_said_with_their_spread_and_what_the_detector_learned_from() -> None:
    said = votes(_detection(L1="osteopenia", L2="osteoporosis"))
    assert "L1 osteopenia (70% of the vote, 8 of 9 slices), L2 osteoporosis" in said
    assert "synthetic slices only" in said
    assert "no T-scores" in said
    assert "do not rule out low bone density" in said


@pytest.mark.parametrize(("status", "hu", "told"), [
    ("osteoporosis", 161, True), ("osteoporosis", 159, False), ("osteoporosis", 80, False),
    ("normal", 110, True), ("normal", 111, False), ("osteopenia", 80, False), ("osteopenia", 200, False),
])  # fmt: skip
def test_a_vote_against_all_lines_of_its_level_is_pointed_out(status: str, hu: float, told: bool) -> None:
    said = disagreements(_detection(L1=status), {"L1": hu}, LINES)
    assert len(said) == told
    assert all(text.startswith("L1: slices and HU disagree") for text in said)


def test_lines_of_another_level_and_missing_hu_contradict_nothing() -> None:
    assert disagreements(_detection(L2="osteoporosis"), {"L2": 300.0}, LINES) == []
    assert disagreements(_detection(L1="osteoporosis"), {"L1": float("nan")}, LINES) == []
    assert disagreements(_detection(L1="osteoporosis"), {}, LINES) == []


def test_levels_at_both_ends_are_pointed_out() -> None:
    (said,) = disagreements(_detection(L1="osteoporosis", L2="osteopenia", L4="normal"), {}, LINES)
    assert "L1 osteoporosis, L4 normal" in said


def test_the_report_shows_votes_beside_hu(case, with_hu) -> None:
    result = replace(with_hu(250, 150, 150, 150), detection=_detection(L1="osteoporosis", L2="osteopenia"))
    told = conclusion(result, load_cutoffs())
    assert [one.text for one in told if one.attention and "slices and HU disagree" in one.text]
    page = render(result, load_cutoffs())
    table = page[page.index("Bone status on axial slices") :]
    row = table[table.index('<th scope="row">L1</th>') : table.index('<th scope="row">L2</th>')]
    assert "<td>250<" in row
    assert "With caution: tube voltage" in row
    assert "osteoporosis</td>" in row
    assert "<td>8 of 9</td>" in row
    assert "Bone status on axial slices" not in render(case, load_cutoffs())
