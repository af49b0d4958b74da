"""``osteoscreen features`` on boxes: what it writes, says and refuses."""

from pathlib import Path

import pandas as pd
import pytest

from OsteoScreenLib.cli import main
from OsteoScreenLib.levels import SCREENED
from Testing.conftest import BoxCase


@pytest.fixture
def parameters(tmp_path: Path) -> Path:
    path = tmp_path / "parameters.yaml"
    path.write_text("setting: {preCrop: true}\nfeatureClass: {firstorder: [Mean, Kurtosis], glszm: [ZonePercentage]}")
    return path


def test_the_table_has_a_row_for_each_region(
    box_case: BoxCase, parameters: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    given = [str(box_case.ct_path), str(box_case.labels_path), "-o", str(tmp_path / "f.csv")]
    assert main(["features", *given, "--settings", str(parameters), "--stability"]) == 0
    said = capfd.readouterr()
    table = pd.read_csv(tmp_path / "f.csv")
    assert table.columns.tolist() == [
        "case", "level", "roi", "original_firstorder_Kurtosis", "original_firstorder_Mean",
        "original_glszm_ZonePercentage", "log",
    ]  # fmt: skip
    assert table[["level", "roi"]].to_numpy().tolist() == [[level, roi] for level in SCREENED
                                                            for roi in ("body", "trabecular")]  # fmt: skip
    assert said.err == ""
    assert "L1 trabecular: one grey level, so firstorder_Kurtosis NaN in original" in said.out
    agreement = pd.read_csv(tmp_path / "f.stability.csv")
    assert agreement.columns.tolist() == ["roi", "feature", "icc", "regions", "masks"]
    assert len(agreement) == 2 * 3


def test_refusals_are_one_line_and_leave_nothing(
    box_case: BoxCase, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "flat.yaml").write_text("setting: {force2D: true}")
    given = [str(box_case.ct_path), str(box_case.labels_path), "-o", str(tmp_path / "f.csv")]
    assert main(["features", *given, "--settings", str(tmp_path / "flat.yaml")]) == 2
    assert capfd.readouterr().err.startswith("osteoscreen: The parameter file's setting force2D True is not supported")
    assert [path.name for path in tmp_path.iterdir()] == ["flat.yaml"]
