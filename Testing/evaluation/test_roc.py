"""ROC curves and DeLong's statistics, against values that pROC printed (Testing/signature/reference)."""

import json
import time
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.evaluation.roc import Roc, auc, delong_test, roc

REFERENCE = Path(__file__).parents[1] / "signature" / "reference"
R = json.loads((REFERENCE / "reference.json").read_text(encoding="utf-8"))
SCORES = pd.read_csv(REFERENCE / "scores.csv")
LABEL = SCORES["label"].to_numpy(bool)
NAMES = [name for name in SCORES if name != "label"]
TOLERANCE = 1e-12


def curve(name: str, direction: str = "auto") -> Roc:
    return roc(LABEL, SCORES[name].to_numpy(float), direction)


@pytest.mark.parametrize("direction", ["auto", "<", ">"])
@pytest.mark.parametrize("name", NAMES)
def test_auc_variance_and_interval_are_those_of_proc(name: str, direction: str) -> None:
    ours, theirs = curve(name, direction), R["roc"][direction][name]
    assert ours.direction == theirs["direction"]
    assert ours.auc == pytest.approx(theirs["auc"], abs=TOLERANCE)
    assert ours.variance == pytest.approx(theirs["variance"], abs=TOLERANCE)
    assert ours.interval() == pytest.approx(theirs["ci95"], abs=TOLERANCE)
    assert ours.interval(0.9) == pytest.approx(theirs["ci90"], abs=TOLERANCE)


@pytest.mark.parametrize("name", NAMES)
def test_thresholds_and_youdens_cutoff_are_those_of_proc(name: str) -> None:
    ours, theirs = curve(name), R["roc"]["auto"][name]
    best = ours.youden()
    assert np.isfinite(ours.points[0]).sum() == theirs["thresholds"]
    assert best.threshold == pytest.approx(theirs["youden"]["threshold"], abs=TOLERANCE)
    assert best.sensitivity == pytest.approx(theirs["youden"]["sensitivity"], abs=TOLERANCE)
    assert best.specificity == pytest.approx(theirs["youden"]["specificity"], abs=TOLERANCE)
    assert ours.at(best.threshold) == best


@pytest.mark.parametrize("pair", combinations(NAMES, 2), ids="~".join)
def test_the_paired_test_is_that_of_proc(pair: tuple[str, str]) -> None:
    ours, theirs = delong_test(curve(pair[0]), curve(pair[1])), R["delong"]["~".join(pair)]
    assert ours.z == pytest.approx(theirs["z"], abs=1e-9)
    assert ours.p == pytest.approx(theirs["p"], abs=1e-9)


def test_a_score_against_itself_differs_in_nothing() -> None:
    test = delong_test(curve("body"), curve("body"))
    assert (test.z, test.p) == (0.0, 1.0)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=6, max_size=30))
def test_sorting_counts_pairs_as_comparing_all_of_them_does(rows: list[tuple[bool, int]]) -> None:
    labels, scores = np.array([row[0] for row in rows]), np.array([row[1] for row in rows], float)
    cases, controls = scores[labels], scores[~labels]
    if len(cases) < 2 or len(controls) < 2 or np.ptp(scores) == 0:
        return
    wins = (cases[:, None] > controls).mean() + (cases[:, None] == controls).mean() / 2
    assert roc(labels, scores, "<").auc == pytest.approx(wins, abs=TOLERANCE)
    assert roc(labels, scores, ">").auc == pytest.approx(1 - wins, abs=TOLERANCE)
    assert auc(labels, scores) == pytest.approx(wins, abs=TOLERANCE)


def test_a_fixed_sensitivity_gets_its_most_specific_cutoff() -> None:
    for wanted in (0.5, 0.9, 1.0):
        point = curve("hu").at_sensitivity(wanted)
        thresholds, sensitivity, specificity = curve("hu").points
        assert point.sensitivity >= wanted
        assert point.specificity == specificity[sensitivity >= wanted].max()
        assert point.threshold in thresholds


def test_neighbouring_floats_are_told_apart() -> None:
    low = 1.0
    high = np.nextafter(low, 2)
    both = roc(np.array([False, False, True, True]), np.array([low, low, high, high]))
    assert both.auc == 1.0
    assert both.youden().sensitivity == both.youden().specificity == 1.0
    assert roc(np.array([True, True, False, False]), np.array([low, low, high, high]), ">").youden().specificity == 1.0


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([1, 1, 1, 1], [1, 2, 3, 4], "no 0"),
        ([0, 0, 0, 0], [1, 2, 3, 4], "no 1"),
        ([0, 0, 0, 1], [1, 2, 3, 4], "at least 2"),
        ([0, 0, 1, 1], [5, 5, 5, 5], "same value"),
        ([0, 0, 1, 1], [1, 2, np.nan, 4], "no finite value in 1 of 4"),
        ([0, 0, 1, 1], [1, 2, np.inf, 4], "no finite value"),
        ([0, 0, 1], [1, 2, 3, 4], "4 values for 3 labels"),
    ],
)
def test_what_ranks_nothing_is_refused_in_one_line(labels: list, scores: list, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        roc(np.array(labels, bool), np.array(scores, float))
    assert "\n" not in str(caught.value)


def test_a_hundred_thousand_rows_are_sorted_not_paired() -> None:
    rng = np.random.default_rng(0)
    labels = rng.random(100_000) < 0.3
    scores = rng.normal(size=(4, labels.size)) + labels
    started = time.perf_counter()
    curves = [roc(labels, row) for row in scores]
    for first, second in combinations(curves, 2):
        assert 0 <= delong_test(first, second).p <= 1
    assert time.perf_counter() - started < 10
