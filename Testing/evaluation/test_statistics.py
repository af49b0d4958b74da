"""Agreement, calibration and decision curves, against values of R (Testing/signature/reference) and of papers."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.evaluation.agreement import bland_altman, icc
from OsteoScreenLib.evaluation.calibration import calibration
from OsteoScreenLib.evaluation.decision_curves import as_probabilities, decision_curves
from OsteoScreenLib.evaluation.masks import compare_masks
from OsteoScreenLib.evaluation.study import study

REFERENCE = Path(__file__).parents[1] / "signature" / "reference"
R = json.loads((REFERENCE / "reference.json").read_text(encoding="utf-8"))
SHROUT_FLEISS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])
"""Table 2 of Shrout and Fleiss 1979: six subjects, four judges."""


def probabilities() -> tuple[np.ndarray, np.ndarray]:
    table = pd.read_csv(REFERENCE / "probabilities.csv")
    return table["label"].to_numpy(bool), table["probability"].to_numpy()


@pytest.mark.parametrize("kind", ["2,1", "3,1"])
def test_icc_and_its_interval_are_those_of_psych(kind: str) -> None:
    found = icc(pd.read_csv(REFERENCE / "readers.csv").to_numpy())[kind]
    assert found.icc == pytest.approx(R["icc"][kind]["icc"], abs=1e-9)
    assert [found.low, found.high] == pytest.approx(R["icc"][kind]["ci95"], abs=1e-9)


def test_icc_is_as_shrout_and_fleiss_printed_it() -> None:
    found = icc(SHROUT_FLEISS)
    assert found["2,1"].icc == pytest.approx(0.29, abs=0.005)
    assert found["3,1"].icc == pytest.approx(0.71, abs=0.005)


def test_a_constant_shift_costs_agreement_and_not_consistency() -> None:
    truth = np.random.default_rng(0).normal(size=20)
    found = icc(np.column_stack([truth, truth + 1]))
    assert found["3,1"].icc == pytest.approx(1, abs=1e-9)
    assert found["2,1"].icc < 0.8
    same = icc(np.column_stack([truth, truth]))
    assert (same["2,1"].icc, same["2,1"].low) == pytest.approx((1, 1), abs=1e-9)


def test_bland_altman_gives_the_mean_difference_and_its_limits() -> None:
    first, second = SHROUT_FLEISS[:, 0], SHROUT_FLEISS[:, 3]
    found = bland_altman(first, second)
    assert found.mean == pytest.approx(1.0, abs=1e-12)
    assert found.upper - found.lower == pytest.approx(2 * 1.96 * np.std(first - second, ddof=1), abs=1e-12)
    assert found.mean_ci[0] < found.mean < found.mean_ci[1]


@pytest.mark.parametrize(
    ("ratings", "message"),
    [([[1, 2]], "at least 2 subjects"), ([[1], [2]], "2 readers"), ([[1, 2], [np.nan, 2]], "1 of 2 subjects"),
     ([[3, 3], [3, 3]], "rated alike")],
)  # fmt: skip
def test_ratings_without_agreement_to_measure_are_refused(ratings: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        icc(np.array(ratings, float))


def test_calibration_is_that_of_rs_glm() -> None:
    found, theirs = calibration(*probabilities()), R["calibration"]
    assert found.brier == pytest.approx(theirs["brier"], abs=1e-12)
    assert found.intercept == pytest.approx(theirs["intercept"], abs=1e-9)
    assert found.slope == pytest.approx(theirs["slope"], abs=1e-9)
    assert found.counts.sum() == 183
    assert found.predicted @ found.counts / 183 == pytest.approx(probabilities()[1].mean(), abs=1e-12)


@pytest.mark.parametrize(
    ("risks", "message"), [([0.2] * 4, "equal"), ([0.1, 0.2, 1.3, 0.4], "0 to 1"), ([0.1, 0.2, 0.8, 0.9], "wholly")]
)
def test_risks_without_a_calibration_are_refused(risks: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        calibration(np.array([False, False, True, True]), np.array(risks))


def test_net_benefit_is_true_positives_less_weighted_false_ones() -> None:
    labels, risks = probabilities()
    curves = decision_curves(labels, {"all": risks}, (0.1, 0.25, 0.5))
    ours = curves[curves["model"] == "all"]["net_benefit"].to_numpy()
    expected = [
        ((risks >= t) & labels).mean() - ((risks >= t) & ~labels).mean() * t / (1 - t) for t in (0.1, 0.25, 0.5)
    ]
    assert ours[:3] == pytest.approx(expected, abs=1e-12)


def test_scores_become_risks_that_are_right_on_the_whole() -> None:
    table = pd.read_csv(REFERENCE / "scores.csv")
    labels = table["label"].to_numpy(bool)
    risks = as_probabilities(labels, table["hu"].to_numpy(float))
    assert risks.mean() == pytest.approx(labels.mean(), abs=1e-9)
    assert np.corrcoef(risks, table["hu"])[0, 1] < -0.9
    with pytest.raises(InputError, match="no probability"):
        decision_curves(labels, {"hu": table["hu"].to_numpy(float)})


def test_a_study_learns_directions_and_cutoffs_from_the_training_set_alone() -> None:
    table = pd.read_csv(REFERENCE / "scores.csv")
    labels, scores = table["label"].to_numpy(bool), {"hu": table["hu"].to_numpy(float)}
    sets = np.where(np.arange(len(labels)) % 3 == 0, "test", "train")
    train, test = study(labels, scores, sets)
    assert (train.name, test.name) == ("train", "test")
    assert train.rows + test.rows == len(labels)
    assert test.points["hu"].threshold == train.predictors.curves["hu"].youden().threshold
    turned = {"hu": np.where(sets == "test", 300 - scores["hu"], scores["hu"])}
    assert study(labels, turned, sets)[1].predictors.curves["hu"].auc < 0.5
    with pytest.raises(InputError, match="set 'test': The label holds 0 alone"):
        study(labels & (sets == "train"), scores, sets)


def test_masks_are_compared_both_ways_in_mm() -> None:
    reference = np.zeros((30, 30, 30), np.uint16)
    reference[10:20, 10:20, 10:20] = 3
    prediction = np.roll(reference, 2, axis=2)
    (row,) = compare_masks(prediction, reference, (0.5, 1.0, 1.0))
    assert row.name == "label 3"
    assert row.dice == pytest.approx(0.8, abs=1e-12)
    assert row.hd95 == pytest.approx(1.0, abs=1e-6)
    assert row.assd == pytest.approx((row.asd + row.asd_back) / 2, abs=1e-6)
    both = compare_masks(prediction, np.where(reference > 0, 4, 0), (1.0, 1.0, 1.0))
    assert [(one.name, one.dice) for one in both] == [("label 3", 0.0), ("label 4", 0.0)]


def test_levels_are_compared_by_body_and_trabecular_bone() -> None:
    labels = np.zeros((20, 20, 20), np.uint16)
    labels[4:14, 4:14, 4:14] = 201
    labels[6:12, 6:12, 6:12] = 202
    found = {row.name: row.dice for row in compare_masks(labels, labels, (1.0, 1.0, 1.0))}
    assert found == {"L1 body": 1.0, "L1 trabecular": 1.0}
