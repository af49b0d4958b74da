"""Feature selection, against values that caret and randomForest printed (reference/)."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.signature.select import constant, correlated, correlations, most_important, not_representative

REFERENCE = Path(__file__).parent / "reference"
R = json.loads((REFERENCE / "reference.json").read_text(encoding="utf-8"))
TABLE = pd.read_csv(REFERENCE / "clustered.csv")
COUNT, CUTOFF = {"few": 60, "many": 120, "many_at_0.8": 120}, {"few": 0.9, "many": 0.9, "many_at_0.8": 0.8}
CALLS = [(which, way) for which, ways in R["correlated"].items() for way in ways]


@pytest.mark.parametrize(("which", "way"), CALLS)
def test_the_features_dropped_are_those_of_caret_in_its_order(which: str, way: str) -> None:
    table = TABLE.iloc[:, : COUNT[which]]
    exact = {"default": None, "exact": True, "fast": False}[way]
    assert correlated(table.to_numpy(), list(table), CUTOFF[which], exact) == R["correlated"][which][way]


@pytest.mark.parametrize("method", [correlated, not_representative])
def test_nothing_left_correlates_beyond_the_cutoff(method) -> None:
    dropped = method(TABLE.to_numpy(), list(TABLE), 0.9)
    left = TABLE.drop(columns=dropped).corr().abs().to_numpy(copy=True)
    np.fill_diagonal(left, 0)
    assert 0 < len(dropped) < TABLE.shape[1]
    assert left.max() <= 0.9


def test_each_cluster_keeps_exactly_one_representative() -> None:
    rng = np.random.default_rng(0)
    first, second, alone = rng.normal(size=(3, 50))
    X = np.column_stack([first + 0.3 * rng.normal(size=50), first, -first + 0.3 * rng.normal(size=50), second, alone])
    assert not_representative(X, ["a", "middle", "c", "d", "e"], 0.85) == ["a", "c"]


def test_correlations_are_those_of_numpy() -> None:
    assert correlations(TABLE.to_numpy(), list(TABLE)) == pytest.approx(np.corrcoef(TABLE.to_numpy().T), abs=1e-12)


def test_constant_features_are_named() -> None:
    assert constant(np.array([[1.0, 2, 3], [1, 5, 3]]), ["a", "b", "c"]) == ["a", "c"]


def test_the_forest_finds_most_of_what_rs_forest_finds() -> None:
    table = pd.read_csv(REFERENCE / "wide.csv")
    features = table.filter(regex=r"^f\d")
    found = most_important(features.to_numpy(), table["label"].to_numpy(), list(features), 15, trees=200, seed=0)
    assert len(set(found) & set(R["forest"]["order"][:15])) >= 12
    assert set(found[:3]) <= set(R["forest"]["order"][:6])


@pytest.mark.parametrize(("value", "message"), [(np.nan, "'b' has missing"), (7.0, "'b' has one value")])
def test_features_that_correlate_with_nothing_are_refused_by_name(value: float, message: str) -> None:
    X = np.random.default_rng(0).normal(size=(20, 3))
    X[:, 1] = value
    with pytest.raises(InputError, match=message):
        correlated(X, ["a", "b", "c"])
