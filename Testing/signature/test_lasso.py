"""The LASSO against values that glmnet printed (reference/), and what it refuses."""

import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.signature.lasso import CrossValidatedLasso, cross_validate, fit_path

REFERENCE = Path(__file__).parent / "reference"
R = json.loads((REFERENCE / "reference.json").read_text(encoding="utf-8"))["lasso"]
THRESH = {"default": 1e-7, "tight": 1e-13}
TOLERANCE = 1e-9


def data(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    table = pd.read_csv(REFERENCE / f"{name}.csv")
    return table.filter(regex=r"^f\d").to_numpy(float), table["label"].to_numpy(), table["fold"].to_numpy()


@pytest.fixture(scope="module", params=[(name, thresh) for name in R for thresh in THRESH], ids="-".join)
def pair(request: pytest.FixtureRequest) -> tuple[CrossValidatedLasso, dict]:
    name, thresh = request.param
    return cross_validate(*data(name), thresh=THRESH[thresh]), R[name][thresh]


def test_the_path_is_that_of_glmnet(pair: tuple[CrossValidatedLasso, dict]) -> None:
    ours, theirs = pair
    assert ours.lambdas == pytest.approx(theirs["lambdas"], abs=TOLERANCE)
    assert ours.path.deviance_ratio == pytest.approx(theirs["deviance_ratio"], abs=TOLERANCE)
    assert (ours.path.coefs != 0).sum(1).tolist() == theirs["nonzero"]


def test_the_folds_deviance_and_the_lambdas_chosen_are_those_of_cv_glmnet(
    pair: tuple[CrossValidatedLasso, dict],
) -> None:
    ours, theirs = pair
    assert ours.mean_deviance == pytest.approx(theirs["mean_deviance"], abs=TOLERANCE)
    assert ours.se_deviance == pytest.approx(theirs["se_deviance"], abs=TOLERANCE)
    assert ours.lambda_min == pytest.approx(theirs["lambda_min"], abs=TOLERANCE)
    assert ours.lambda_1se == pytest.approx(theirs["lambda_1se"], abs=TOLERANCE)


@pytest.mark.parametrize(
    ("which", "at"), [("coef_min", "lambda_min"), ("coef_1se", "lambda_1se"), ("coef_between", "between")]
)
def test_coefficients_are_those_of_glmnet_at_and_between_lambdas(
    pair: tuple[CrossValidatedLasso, dict], which: str, at: str
) -> None:
    ours, theirs = pair
    intercept, coef = ours.coefficients(theirs[at])
    assert [intercept, *coef] == pytest.approx(theirs[which], abs=TOLERANCE)


def test_a_lambda_beyond_the_path_reads_its_end() -> None:
    path = fit_path(*data("wide")[:2])
    assert (path.coefficients(1e9)[1] == 0).all()
    assert (path.coefficients(0.0)[1] == path.coefs[-1]).all()


def test_scale_and_constant_features_change_nothing() -> None:
    X, y, folds = data("wide")
    plain = cross_validate(X, y, folds)
    other = cross_validate(np.column_stack([X * 1000 + 5, np.full(len(y), 3.0)]), y, folds)
    _, coef = plain.coefficients(plain.lambda_min)
    _, scaled = other.coefficients(other.lambda_min)
    assert scaled[-1] == 0
    assert scaled[:-1] * 1000 == pytest.approx(coef, abs=1e-9)


def test_drawn_folds_hold_whole_groups_and_depend_on_the_seed_alone() -> None:
    X, y, _ = data("wide")
    patients = np.arange(len(y)) // 3
    first, again, other = (cross_validate(X, y, folds=5, groups=patients, seed=seed) for seed in (1, 1, 2))
    assert (first.fold_ids == again.fold_ids).all()
    assert (first.fold_ids != other.fold_ids).any()
    assert all(len(set(first.fold_ids[patients == one])) == 1 for one in np.unique(patients))


def test_the_names_of_folds_mean_nothing() -> None:
    X, y, folds = data("tall")
    named = cross_validate(X, y, np.array([f"part {fold}" for fold in folds]))
    assert named.mean_deviance == pytest.approx(cross_validate(X, y, folds).mean_deviance, abs=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y, f: (X, np.ones_like(y), f), "no 0"),
        (lambda X, y, f: (X, y * 2, f), "0 or 1"),
        (lambda X, y, f: (np.full_like(X, np.nan), y, f), "missing"),
        (lambda X, y, f: (X * 0, y, f), "constant"),
        (lambda X, y, f: (X, y, f[:-1]), "59 fold numbers for 60 rows"),
        (lambda X, y, f: (X, y, f % 2), "at least three folds"),
        (lambda X, y, f: (X, y, np.where(y == 1, 1, f + 1)), "What fold 1 leaves"),
        (lambda X, y, f: (X[:-1], y, f), "do not go together"),
    ],
)
def test_what_cannot_be_learned_from_is_refused_in_one_line(change, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        cross_validate(*change(*data("tall")))
    assert "\n" not in str(caught.value)


def test_a_path_for_ten_folds_takes_little_time() -> None:
    X, y, folds = data("wide")
    cross_validate(X, y, folds)
    started = time.process_time()
    cross_validate(X, y, folds)
    assert time.process_time() - started < 2
