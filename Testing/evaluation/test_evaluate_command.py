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


def test_a_report_holds_tables_figures_and_weights_for_train_and_test(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    table = pd.read_csv(SCORES).assign(set=np.where(np.arange(183) % 3 == 0, "test", "train"))
    table.to_csv(tmp_path / "scores.csv", index=False)
    call = ["evaluate", "roc", str(tmp_path / "scores.csv"), "--label", "label", "--scores", "body,hu,<b>"]
    table.rename(columns={"coarse": "<b>"}).to_csv(tmp_path / "scores.csv", index=False)
    assert main([*call, "--by", "set", "-o", str(tmp_path / "report"), "--json"]) == 0
    assert set(json.loads(capfd.readouterr().out)["sets"]) == {"train", "test"}
    made = {path.name for path in (tmp_path / "report").iterdir()}
    assert made == {"report.html", "roc.svg", "decision_curves.svg", "calibration.svg"}
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    for text in ("Research use only", "body against hu", "train: 122 rows", "test: 61 rows", "&lt;b&gt;"):
        assert text in page
    assert "<b>" not in page
    assert "http" not in page.replace("http-equiv", "")


def test_agreement_and_decision_curves_print_json(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "agreement", str(REFERENCE / "readers.csv"), "--readers", "a,b,c", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["icc"]["2,1"]["icc"] == pytest.approx(R["icc"]["2,1"]["icc"], abs=1e-9)
    assert set(found["bland_altman"]) == {"a~b", "a~c", "b~c"}
    path = str(REFERENCE / "probabilities.csv")
    assert main(["evaluate", "dca", path, "--label", "label", "--scores", "probability", "--json"]) == 0
    curves = json.loads(capfd.readouterr().out)
    assert set(curves["net_benefit"]) == {"all", "none", "probability"}
    assert len(curves["thresholds"]) == len(curves["net_benefit"]["probability"]) == 99


def test_overlap_compares_two_files(box_case, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "overlap", str(box_case.labels_path), str(box_case.labels_path), "--json"]) == 0
    found = json.loads(capfd.readouterr().out)["labels"]
    assert found["L1 body"] == {"dice": 1.0, "asd": 0.0, "asd_back": 0.0, "assd": 0.0, "hd95": 0.0}
    assert len(found) == 8
    assert main(["evaluate", "overlap", str(box_case.ct_path), str(box_case.labels_path)]) == 2
    assert "label map" in capfd.readouterr().err
