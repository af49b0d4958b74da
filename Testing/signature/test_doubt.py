"""How far a rad-score is believed: intervals, probabilities that come true, features unlike training by name."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from OsteoScreenLib.cli import main
from OsteoScreenLib.errors import InputError
from OsteoScreenLib.evaluation.calibration import calibration
from OsteoScreenLib.signature import rad_score
from OsteoScreenLib.signature.doubt import INSIDE, UNKNOWN, Doubt, learn_doubt, outside, row_in_words
from Testing.signature.cohorts import as_table, cohort

FAST = rad_score.Settings(trees=40, keep=10, folds=5)


def columns(model: rad_score.RadScore, data: object) -> np.ndarray:
    return data.X[:, [data.names.index(name) for name in model.features]]


@pytest.fixture(scope="module")
def model() -> rad_score.RadScore:
    return rad_score.with_doubt(rad_score.fit(cohort(), FAST), cohort())


def test_the_interval_holds_the_score_and_narrows_with_more_patients(model: rad_score.RadScore) -> None:
    data = cohort()
    table = rad_score.scores(model, columns(model, data), None, pd.DataFrame(index=range(len(data.y))))
    inside = (table.rad_score_low <= table.rad_score) & (table.rad_score <= table.rad_score_high)
    assert inside.mean() > 0.95
    more = cohort(240)
    wide = rad_score.with_doubt(rad_score.fit(more, FAST), more)
    low, high = wide.doubt.interval(columns(wide, data))
    assert np.median(high - low) < 0.7 * np.median(table.rad_score_high - table.rad_score_low)


def test_calibrated_probabilities_come_true_on_new_patients(model: rad_score.RadScore) -> None:
    new = cohort(400, seed=1)
    calibrated = model.doubt.probability(model.score(columns(model, new)))
    assert calibrated.mean() == pytest.approx(new.y.mean(), abs=0.05)
    assert calibration(new.y, calibrated).slope == pytest.approx(1, abs=0.25)


def test_features_unlike_training_are_named_the_three_worst_first() -> None:
    doubt = Doubt(lows=(0.0,) * 5, highs=(1.0,) * 5, draws=((0.0,) * 6,), calibration=None)
    X = np.array([[0.5] * 5, [1.0, 3.0, -4.0, 2.0, 9.0]])
    said = outside(doubt, ("a", "b", "c", "d", "e"), (1.0, 1.0, 2.0, 1.0, 1.0), X)
    assert said == [INSIDE, "4 of 5 outside: e (+8.0 SD), b (+2.0 SD), c (-2.0 SD)"]


def test_training_rows_lie_in_their_own_range(model: rad_score.RadScore) -> None:
    data = cohort()
    table = rad_score.scores(model, columns(model, data), None, pd.DataFrame(index=range(len(data.y))))
    assert set(table.training_range) == {INSIDE}


def test_a_signature_without_doubt_says_so() -> None:
    data = cohort()
    old = rad_score.fit(data, FAST)
    table = rad_score.scores(old, columns(old, data), None, pd.DataFrame(index=range(len(data.y))))
    assert set(table.training_range) == {UNKNOWN}
    assert table.rad_score_low.isna().all()
    assert row_in_words(table.iloc[0])[2] == UNKNOWN


def test_it_survives_its_file_and_comes_out_alike(model: rad_score.RadScore, tmp_path: Path) -> None:
    rad_score.write(model, tmp_path / "model.json")
    assert rad_score.read(tmp_path / "model.json") == model
    assert rad_score.with_doubt(rad_score.fit(cohort(), FAST), cohort()) == model


def test_too_few_patients_are_refused() -> None:
    with pytest.raises(InputError, match="Too few patients"):
        learn_doubt(np.zeros((4, 2)), np.array([True, True, False, False]), None, 0.1, 3)


def test_apply_writes_intervals_and_says_what_lies_outside(
    model: rad_score.RadScore, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rad_score.write(model, tmp_path / "model.json")
    table = as_table(cohort())
    table.loc[0, model.features[0]] = 1e3
    table.to_csv(tmp_path / "features.csv", index=False)
    scores = tmp_path / "scores.csv"
    assert (
        main(["signature", "apply", str(tmp_path / "model.json"), str(tmp_path / "features.csv"), "-o", str(scores)])
        == 0
    )
    assert "Caution: 1 rows have features outside" in capfd.readouterr().out
    found = pd.read_csv(scores)
    assert found.training_range[0].startswith(f"1 of {len(model.features)} outside: {model.features[0]} (+")
    assert found.rad_score_low[1] < found.rad_score_high[1]
