"""``osteoscreen cohort`` as a person calls it: real screening in real workers, and what is refused before it starts."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from OsteoScreenLib.cli import main
from OsteoScreenLib.image_file import write_image
from OsteoScreenLib.phantoms import make_phantom
from OsteoScreenLib.result_folder import load_record
from Testing.cohorts.conftest import images


def test_a_good_case_among_bad_ones(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    phantom = make_phantom(9_500_000, (120, 110, 90), (2.2, 2.2, 2.5))
    write_image(phantom.volume, tmp_path / "good.nii.gz")
    (tmp_path / "cut.nii.gz").write_bytes((tmp_path / "good.nii.gz").read_bytes()[:10_000])
    write_image(phantom.volume.with_voxels(np.abs(phantom.volume.voxels)), tmp_path / "mr.nii.gz")
    manifest = tmp_path / "cohort.csv"
    rows = [f"case-{one},{one}.nii.gz,north" for one in ("good", "cut", "mr", "gone")]
    manifest.write_text("\n".join(["case,input,site", *rows]) + "\n")
    output = tmp_path / "out"
    assert main(["cohort", str(manifest), "-o", str(output), "--workers", "1", "--json"]) == 2
    said = capfd.readouterr()
    assert json.loads(said.out) == {"cases": 4, "finished": 1, "failed": 3, "output": str(output)}
    assert said.err == ""
    failures = pd.read_csv(output / "failures.csv").set_index("case").message
    assert "damaged or cut short" in failures["case-cut"]
    assert "is not a CT in HU" in failures["case-mr"]
    assert "does not exist" in failures["case-gone"]
    rows = pd.read_parquet(output / "tables" / "measurements")
    assert sorted(rows.level) == ["L1", "L2", "L3", "L4"]
    assert pd.read_parquet(output / "tables" / "features").shape[0] == 8
    case = output / "cases" / "case-good"
    assert not (case / "scene.mrb").exists()
    assert "good.nii" not in (case / "report.html").read_text() + (case / "result.json").read_text()
    assert load_record(case).provenance.input_name == "case-good"
    assert set(pd.read_csv(output / "cases.csv").site) == {"north"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--workers", "500"], "would get"),
        (["--memory", "4000"], "this machine has"),
        (["--engine", "labels.nii.gz"], "not one case's label map"),
        (["--site", "none.json"], "cannot be read"),
        (["--ray", "127.0.0.1:1"], "There is no Ray cluster at '127.0.0.1:1'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    images(tmp_path / "in", "a")
    assert main(["cohort", str(tmp_path / "in"), "-o", str(tmp_path / "out"), *options]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out" / "cases").exists()
