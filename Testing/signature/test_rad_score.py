"""The rad-score: what it is made of, what it is not made of, and how it travels."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from OsteoScreenLib.cli import main
from OsteoScreenLib.errors import InputError, ModelError
from OsteoScreenLib.signature import rad_score
from OsteoScreenLib.signature.harmonise import fit_combat
from OsteoScreenLib.signature.labelled_features import join_labels, read_rows, take_features
from OsteoScreenLib.signature.lasso import cross_validate
from OsteoScreenLib.splits import draw_folds, held_out
from Testing.signature.cohorts import as_table, cohort

FAST = rad_score.Settings(trees=40, keep=10, folds=5)


@pytest.fixture(scope="module")
def fitted() -> rad_score.RadScore:
    return rad_score.fit(cohort(), FAST)


def test_the_score_is_the_linear_predictor_on_the_features_own_scale(fitted: rad_score.RadScore) -> None:
    data = cohort()
    X = data.X[:, [data.names.index(name) for name in fitted.features]]
    assert fitted.score(X) == pytest.approx(fitted.intercept + X @ np.array(fitted.coefficients), abs=1e-12)
    assert fitted.means == pytest.approx(X.mean(0), abs=1e-9)
    assert fitted.scales == pytest.approx(X.std(0), abs=1e-9)


def test_what_tells_is_kept_and_copies_and_constants_are_not(fitted: rad_score.RadScore) -> None:
    assert "f1" in fitted.features
    assert len({"f0", "f2"} & set(fitted.features)) == 1
    assert "f3" not in fitted.features
    assert fitted.training["counts"]["not_constant"] == 39
    assert fitted.training["counts"]["not_redundant"] == 38
    assert fitted.training["counts"]["into_lasso"] == 10
    assert next(iter(fitted.weights)) in ("f0", "f1", "f2")


def test_without_selection_the_chain_is_the_lasso_alone() -> None:
    data = cohort()
    model = rad_score.fit(data, rad_score.Settings(correlation=1.0, keep=0, folds=5, lambda_rule="1se"))
    folds = draw_folds(data.y, 5, data.groups, 0)
    lasso = cross_validate(np.delete(data.X, 3, axis=1), data.y, folds)
    intercept, coef = lasso.coefficients(lasso.lambda_1se)
    assert model.intercept == pytest.approx(intercept, abs=1e-9)
    assert model.coefficients == pytest.approx(coef[coef != 0], abs=1e-9)


def test_a_signature_survives_its_file(fitted: rad_score.RadScore, tmp_path: Path) -> None:
    rad_score.write(fitted, tmp_path / "model.json")
    assert rad_score.read(tmp_path / "model.json") == fitted
    assert {"features", "means", "scales", "coefficients", "lambda", "cutoff", "settings", "training"} <= set(
        json.loads((tmp_path / "model.json").read_text())
    )


@pytest.mark.parametrize(
    "text", ["", "{}", '{"kind": "something"}', json.dumps({"features": ["a"], "coefficients": []})]
)
def test_what_is_no_signature_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(ModelError, match="not a rad-score") as caught:
        rad_score.read(tmp_path / "model.json")
    assert "\n" not in str(caught.value)


def test_the_same_seed_gives_the_same_signature(fitted: rad_score.RadScore) -> None:
    assert rad_score.fit(cohort(), FAST) == fitted


def test_a_split_by_patient_holds_out_whole_patients() -> None:
    data = cohort()
    test, warnings = held_out("patient", data.y, data.groups, 0.3, 0)
    assert not set(data.groups[test]) & set(data.groups[~test])
    assert test.mean() == pytest.approx(0.3, abs=0.05)
    assert data.y[test].mean() == pytest.approx(data.y[~test].mean(), abs=0.1)
    assert not warnings


def test_the_papers_split_keeps_the_classes_and_warns_of_patients_on_both_sides() -> None:
    data = cohort()
    test, (warning,) = held_out("paper", data.y, data.groups, 0.3, 0)
    assert test.sum() == 36
    assert data.y[test].mean() == pytest.approx(data.y.mean(), abs=0.02)
    both = len(set(data.groups[test]) & set(data.groups[~test]))
    assert warning.startswith(f"{both} patients have rows in both")


@pytest.mark.parametrize("batch", [[], ["--batch", "scanner"]], ids=["plain", "harmonised"])
def test_nothing_is_learned_from_rows_held_out(
    batch: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = cohort(scanners=True)
    table = as_table(data).assign(scanner=data.batches)
    test, _ = held_out("patient", data.y, data.groups, 0.3, 0)
    spoiled = table.copy()
    spoiled.loc[test, list(data.names)] = spoiled.loc[test, list(data.names)] * -9 + 100
    models = []
    for name, rows in (("plain", table), ("spoiled", spoiled)):
        rows.to_csv(tmp_path / f"{name}.csv", index=False)
        call = ["signature", "fit", str(tmp_path / f"{name}.csv"), "--label", "osteoporosis", "--split", "patient"]
        call += ["-o", str(tmp_path / f"{name}.json"), "--trees", "20", "--keep", "10", "--folds", "5", *batch]
        assert main(call) == 0, capfd.readouterr().err
        models.append((tmp_path / f"{name}.json").read_bytes())
    assert models[0] == models[1]


def test_fit_and_apply_agree_and_keep_the_other_columns(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    features, model, scores = tmp_path / "features.csv", tmp_path / "model.json", tmp_path / "scores.csv"
    as_table(cohort()).assign(level="L1").to_csv(features, index=False)
    call = ["signature", "fit", str(features), "--label", "osteoporosis", "--group", "patient", "-o", str(model)]
    call += ["--trees", "40", "--keep", "10", "--folds", "5", "--scores", str(tmp_path / "fitted.csv")]
    assert main(call) == 0
    assert main(["signature", "apply", str(model), str(features), "-o", str(scores), "--prefix", "body_"]) == 0
    found, at_fit = pd.read_csv(scores), pd.read_csv(tmp_path / "fitted.csv")
    assert found["body_rad_score"].to_numpy() == pytest.approx(at_fit["rad_score"].to_numpy(), abs=1e-9)
    odds = np.exp(found["body_rad_score"])
    assert found["body_probability"].to_numpy() == pytest.approx((odds / (1 + odds)).to_numpy(), abs=1e-12)
    assert set(found["body_positive"]) == {0, 1}
    assert {"patient", "level", "osteoporosis"} <= set(found)
    assert at_fit["rad_score"].corr(at_fit["osteoporosis"]) > 0.5


def test_combat_takes_out_a_scanner_and_refuses_one_it_does_not_know() -> None:
    rng = np.random.default_rng(0)
    batches = np.repeat(np.array(["A", "B"], dtype=object), 100)
    truth = rng.normal(size=(200, 30))
    X = truth.copy()
    X[100:] = 2.5 * X[100:] + rng.normal(3, 1, size=30)
    done = fit_combat(X, batches)
    Z = done.apply(X, batches)
    assert np.abs(Z[:100].mean(0) - Z[100:].mean(0)).max() < 0.1 < np.abs(X[:100].mean(0) - X[100:].mean(0)).max()
    assert Z[:100].std(0) / Z[100:].std(0) == pytest.approx(np.ones(30), abs=0.1)
    assert done.apply(X[:5], batches[:5]) == pytest.approx(Z[:5], abs=1e-12)
    with pytest.raises(InputError, match="'C' was not in training, which had A, B"):
        done.apply(X[:1], np.array(["C"], dtype=object))


def test_combat_as_kept_is_combat_as_the_package_does_it() -> None:
    from combatlearn import ComBat

    rng = np.random.default_rng(1)
    batches = np.array(["A", "B", "C"], dtype=object)[np.arange(60) % 3]
    X = rng.normal(100, 5, size=(60, 8)) + 4 * (np.arange(60) % 3)[:, None]
    theirs = ComBat(batch=pd.Series(batches), method="fortin").fit_transform(pd.DataFrame(X)).to_numpy()
    assert fit_combat(X, batches).apply(X, batches) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize(
    ("batches", "message"), [(["A"] * 40, "one scanner"), (["A"] * 38 + ["B"] * 2, "'B' has 2 training rows")]
)
def test_scanners_that_cannot_be_compared_are_refused(batches: list[str], message: str) -> None:
    X = np.random.default_rng(0).normal(size=(40, 4))
    with pytest.raises(InputError, match=message):
        fit_combat(X, np.array(batches, dtype=object))


def test_radiomics_columns_are_the_features_where_there_are_any() -> None:
    rows = {"case": ["a", "b"], "level": "L1", "t_score": [-3.0, 0.0], "label": [1, 0], "log": "ok"}
    table = pd.DataFrame(rows | {"original_firstorder_Mean": [1.0, 2], "wavelet-LLH_glcm_Id": [3.0, 4]})
    taken = take_features(table, "label")
    assert taken.data.names == ("original_firstorder_Mean", "wavelet-LLH_glcm_Id")
    assert taken.data.groups.tolist() == ["a", "b"]
    assert "t_score" in taken.others
    assert take_features(table[["t_score", "label", "case"]], "label").data.names == ("t_score",)


def test_features_that_a_row_lacks_are_left_out_with_a_note() -> None:
    table = as_table(cohort())
    table.loc[3, "f5"] = np.nan
    table.loc[4, "f6"] = np.inf
    taken = take_features(table, "osteoporosis")
    assert not {"f5", "f6"} & set(taken.data.names)
    assert taken.notes == ("2 of 40 features are missing or infinite in some row and left out.",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.assign(osteoporosis=0), "no 1"),
        (lambda t: t.assign(osteoporosis=[1] * 4 + [0] * 116), "2 patients with cases cannot be spread over 10"),
        (lambda t: t[["patient", "osteoporosis"]], "no columns of features"),
        (lambda t: t.drop(columns="osteoporosis"), "no column 'osteoporosis'"),
        (
            lambda t: t.assign(**{f"f{n}": t[f"f{n}"].where(t.index != 5) for n in range(40)}),
            "Row 7 has no feature at all",
        ),
        (lambda t: t.assign(patient=t["patient"].where(t.index > 0)), "'patient' is empty in 1"),
        (lambda t: t.assign(**{f"f{n}": 1.0 for n in range(40)}), "constant"),
        (lambda t: t.assign(roi=["body", "trabecular"] * 60), "several regions"),
    ],
)
def test_what_cannot_be_fitted_is_said_in_one_line(
    change, message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    change(as_table(cohort())).to_csv(tmp_path / "features.csv", index=False)
    call = ["signature", "fit", str(tmp_path / "features.csv"), "--label", "osteoporosis"]
    assert main([*call, "-o", str(tmp_path / "model.json")]) == 2
    err = capfd.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "model.json").exists()


def test_labels_may_lie_in_a_table_of_their_own() -> None:
    features = pd.DataFrame({"case": ["a", "a", "b"], "level": ["L1", "L2", "L1"], "f": [1.0, 2, 3]})
    joined = join_labels(features, pd.DataFrame({"case": ["b", "a"], "osteoporosis": [1, 0]}))
    assert joined["osteoporosis"].tolist() == [0, 0, 1]
    for labels, message in (
        ({"case": ["a"], "osteoporosis": [1]}, "no row for 1 of 3"),
        ({"case": ["a", "a", "b"], "osteoporosis": [1, 0, 1]}, "two rows of the same case"),
        ({"name": ["a"], "osteoporosis": [1]}, "shares no column"),
    ):
        with pytest.raises(InputError, match=message):
            join_labels(features, pd.DataFrame(labels))


def test_a_region_is_chosen_by_name(tmp_path: Path) -> None:
    pd.DataFrame({"roi": ["body", "trabecular"], "f": [1, 2]}).to_csv(tmp_path / "t.csv", index=False)
    assert read_rows(tmp_path / "t.csv", "trabecular")["f"].tolist() == [2]
    with pytest.raises(InputError, match="no rows of the region 'shell'"):
        read_rows(tmp_path / "t.csv", "shell")
