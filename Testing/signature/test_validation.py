"""Nested cross-validation and bootstrap: they find what is there, and nothing where nothing is."""

import json
from pathlib import Path

import numpy as np
import pytest

from OsteoScreenLib.cli import main
from OsteoScreenLib.errors import Cancelled
from OsteoScreenLib.evaluation.roc import auc
from OsteoScreenLib.signature.labelled_features import LabelledFeatures
from OsteoScreenLib.signature.rad_score import Settings, fit, write
from OsteoScreenLib.signature.validation import bootstrap_optimism, nested_cross_validation, scored
from Testing.signature.cohorts import as_table, cohort

FAST = Settings(trees=20, keep=10, folds=5)


def permuted(seed: int = 0) -> LabelledFeatures:
    """Features of the cohort with the labels of other patients."""
    data = cohort(patients=60, features=150, seed=seed)
    of_patient = data.y[::2][np.random.default_rng(seed).permutation(60)]
    return LabelledFeatures(data.names, data.X, np.repeat(of_patient, 2), data.groups)


def test_permuted_labels_give_an_auc_whose_interval_holds_a_half() -> None:
    data = permuted()
    found = nested_cross_validation(data, FAST, folds=5, repeats=2)
    assert found.low < 0.5 < found.high
    assert auc(data.y, scored(fit(data, FAST), data)) > 0.7, "the leak that is looked for would show"


def test_what_tells_is_found_on_patients_held_out() -> None:
    found = nested_cross_validation(cohort(), FAST, folds=5)
    assert found.low > 0.8
    assert found.low < found.auc < found.high
    assert found.fits == 5
    assert found.chosen["f1"] == 5


def test_each_row_is_scored_without_its_patient() -> None:
    data = cohort()
    found = nested_cross_validation(data, FAST, folds=4)
    (folds,) = found.fold_ids
    assert all(len(set(folds[data.groups == one])) == 1 for one in set(data.groups))
    out = folds == 2
    assert found.scores[0, out] == pytest.approx(scored(fit(data.rows(~out), FAST), data.rows(out)), abs=1e-12)


def test_the_bootstrap_shows_the_optimism_of_many_features_on_few_rows() -> None:
    nothing = bootstrap_optimism(permuted(), FAST, resamples=6)
    assert nothing.optimism > 0.1
    assert nothing.corrected == pytest.approx(nothing.apparent - nothing.optimism, abs=1e-12)
    something = bootstrap_optimism(cohort(features=10), FAST, resamples=6)
    assert something.optimism < 0.1
    assert something.corrected > 0.85


def test_a_validation_stops_when_asked() -> None:
    with pytest.raises(Cancelled):
        nested_cross_validation(cohort(), FAST, cancelled=lambda: True)


def test_validate_prints_json_with_the_settings_of_the_model(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = cohort()
    as_table(data).to_csv(tmp_path / "features.csv", index=False)
    write(fit(data, FAST, label="osteoporosis"), tmp_path / "model.json")
    call = ["signature", "validate", str(tmp_path / "model.json"), str(tmp_path / "features.csv"), "--resamples", "2"]
    assert main([*call, "--outer-folds", "3", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["nested"]["auc"] == pytest.approx(nested_cross_validation(data, FAST, 3).auc, abs=1e-9)
    assert found["bootstrap"]["resamples"] == 2
