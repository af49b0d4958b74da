"""``osteoscreen evaluate`` as a program meets it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from OsteoScreenLib.cli import main

REFERENCE = Path(__file__).parents[1] / "signature" / "reference"
SCORES = REFERENCE / "scores.csv"
R = json.loads((REFERENCE / "reference.json").read_text(encoding="utf-8"))


def test_roc_prints_one_json_object_with_what_proc_gives(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "roc", str(SCORES), "--label", "label", "--scores", "body,trabecular,hu", "--json"]) == 0
    printed = json.loads(capfd.readouterr().out)
    assert set(printed) == {"scores", "delong"}
    assert set(printed["delong"]) == {"body~trabecular", "body~hu", "trabecular~hu"}
    for name, found in printed["scores"].items():
        theirs = R["roc"]["auto"][name]
        assert set(found) == {"auc", "ci95", "direction", "youden"}
        assert [found["auc"], *found["ci95"]] == pytest.approx([theirs["auc"], *theirs["ci95"]], abs=1e-9)
        assert found["direction"] == theirs["direction"]
        assert found["youden"] == pytest.approx(theirs["youden"], abs=1e-9)
    for pair, found in printed["delong"].items():
        assert found == pytest.approx(R["delong"][pair], abs=1e-9)


def test_roc_without_json_prints_tables(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "roc", str(SCORES), "--label", "label", "--scores", "body, perfect"]) == 0
    printed = capfd.readouterr().out
    assert "0.885" in printed
    assert "body ~ perfect" in printed
    assert "Note: perfect" in printed


@pytest.mark.parametrize(
    ("change", "scores", "message"),
    [
        (lambda t: t.assign(label=1), "body", "no 0"),
        (lambda t: t.assign(label="maybe"), "body", "maybe"),
        (lambda t: t.assign(body=2.5), "body", "same value in every row"),
        (lambda t: t.assign(body=t["body"].where(t.index > 2)), "body", "3 of 183 rows"),
        (lambda t: t.assign(label=t["label"].where(t.index > 2)), "body", "no label in 3 of 183"),
        (lambda t: t.assign(body="high"), "body", "'high' where a number"),
        (lambda t: t, "body,nothing", "no column 'nothing'"),
        (lambda t: t, "body,body", "named twice"),
        (lambda t: t, ",", "at least one"),
        (lambda t: t.iloc[:0], "body", "no rows"),
    ],
)
def test_what_cannot_be_evaluated_is_said_in_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], change, scores: str, message: str
) -> None:
    path = tmp_path / "scores.csv"
    change(pd.read_csv(SCORES)).to_csv(path, index=False)
    assert main(["evaluate", "roc", str(path), "--label", "label", "--scores", scores, "--json"]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1


def test_rows_without_a_value_are_left_out_on_request(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    table = pd.read_csv(SCORES)
    table.loc[:2, "body"] = np.nan
    table.to_csv(tmp_path / "holes.csv", index=False)
    table.iloc[3:].to_csv(tmp_path / "whole.csv", index=False)
    printed = []
    for name, more in (("holes", ["--drop-missing"]), ("whole", [])):
        call = ["evaluate", "roc", str(tmp_path / f"{name}.csv"), "--label", "label", "--scores", "body,hu", "--json"]
        assert main([*call, *more]) == 0
        printed.append(capfd.readouterr().out)
    assert printed[0] == printed[1]
