"""The commands on boxes of known HU: what they write and what they say."""

import json
import os
import signal
from pathlib import Path

import pandas as pd
import pytest
import SimpleITK as sitk
import torch

from OsteoScreenLib import RESEARCH_USE
from OsteoScreenLib.annotation.seg_nrrd import read_segmentation
from OsteoScreenLib.cli import main
from OsteoScreenLib.image_file import write_labels
from OsteoScreenLib.levels import SCREENED
from OsteoScreenLib.models import save_model
from OsteoScreenLib.scene.bundle import ViewerMissingError
from OsteoScreenLib.volume import Volume
from Testing.conftest import TRABECULAR_HU, BoxCase


def screen(case: BoxCase, output: Path, *more: str) -> int:
    return main(["screen", str(case.ct_path), "-o", str(output), "--engine", str(case.labels_path), *more])


def test_screen_prints_the_levels_and_the_reports_place(
    box_case: BoxCase, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert screen(box_case, tmp_path / "out") == 0
    said = capfd.readouterr()
    assert said.err == ""
    for level, hu in TRABECULAR_HU.items():
        assert f"{level}  trabecular  {hu:.0f} HU" in said.out
    assert f"Report: {tmp_path / 'out' / 'report.html'}" in said.out
    assert RESEARCH_USE in said.out


def test_screen_json_is_one_object_and_nothing_else(
    box_case: BoxCase, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert screen(box_case, tmp_path / "out", "--json") == 0
    said = capfd.readouterr()
    assert said.err == ""
    assert said.out.count("\n") == 1
    found = json.loads(said.out)
    assert {row["level"]: row["trabecular_mean_hu"] for row in found["measurements"]} == pytest.approx(TRABECULAR_HU)
    assert found["output"] == str(tmp_path / "out")
    assert found["research_use"] == RESEARCH_USE
    assert json.loads((tmp_path / "out" / "result.json").read_text()).items() <= found.items()


def test_without_slicer_core_the_scene_is_left_out_and_that_is_said(
    box_case: BoxCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def missing(*_: object) -> None:
        raise ViewerMissingError

    monkeypatch.setattr("OsteoScreenLib.screening.save_scene", missing)
    assert screen(box_case, tmp_path / "out") == 0
    assert "scene.mrb was left out" in capfd.readouterr().out
    assert not (tmp_path / "out" / "scene.mrb").exists()


def test_ctrl_c_leaves_nothing_and_exits_130(
    box_case: BoxCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import OsteoScreenLib.screening as screening

    segment = screening.segment

    def pressed(*arguments: object, **options: object) -> object:
        os.kill(os.getpid(), signal.SIGINT)
        return segment(*arguments, **options)

    monkeypatch.setattr(screening, "segment", pressed)
    assert screen(box_case, tmp_path / "out") == 130
    assert capfd.readouterr() == ("", "osteoscreen: Cancelled. Nothing was written.\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["labels.seg.nrrd", "labels.nii.gz", "labels.mha"])
def test_segment_writes_the_label_map(
    name: str, box_case: BoxCase, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / name
    assert main(["segment", str(box_case.ct_path), "-o", str(output), "--engine", str(box_case.labels_path)]) == 0
    if name.endswith(".seg.nrrd"):
        voxels = read_segmentation(output).voxels
    else:
        voxels = sitk.GetArrayFromImage(sitk.ReadImage(str(output)))
    assert (voxels == box_case.labels.voxels).all()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert all(level in capfd.readouterr().out for level in SCREENED[:1])


def segment(case: BoxCase, output: Path, *more: str) -> int:
    return main(["segment", str(case.ct_path), "-o", str(output), "--engine", str(case.labels_path), *more])


def test_segment_compares_with_a_reference(
    box_case: BoxCase, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    reference = tmp_path / "reference.seg.nrrd"
    assert segment(box_case, reference) == 0
    capfd.readouterr()
    assert segment(box_case, tmp_path / "out.nii.gz", "--compare", str(reference)) == 0
    said = capfd.readouterr().out
    for title in ("Dice", "ASD mm", "ASSD mm", "HD95 mm", "trabecular"):
        assert title in said
    assert said.count("1.000") == 2 * 2 * len(SCREENED)
    assert segment(box_case, tmp_path / "out.nii.gz", "--compare", str(box_case.labels_path), "--json") == 0
    found = json.loads(capfd.readouterr().out)
    assert found["levels"] == list(SCREENED)
    first = {"level": "L1", "part": "body", "dice": 1.0, "asd": 0.0, "assd": 0.0, "hd95": 0.0, "inside": 1.0}
    assert found["comparison"][0] == first


@pytest.mark.parametrize("name", ["other.nii.gz", "other.seg.nrrd"])
def test_segment_refuses_a_reference_on_another_grid(
    name: str, box_case: BoxCase, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    matrix = box_case.labels.ijk_to_ras.copy()
    matrix[:3, 3] += 0.7
    write_labels(Volume(box_case.labels.voxels, matrix), tmp_path / name)
    assert segment(box_case, tmp_path / "out.nii.gz", "--compare", str(tmp_path / name)) == 2
    said = capfd.readouterr()
    assert said.err.count("\n") == 1
    assert "does not lie on the voxel grid" in said.err
    assert not (tmp_path / "out.nii.gz").exists()


def test_an_engine_that_is_not_there_says_what_to_fetch(
    box_case: BoxCase, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for engine, says in (
        (f"nnunet:{tmp_path}", "not an nnU-Net v2 model folder"),
        (f"monai:{tmp_path}", "a MONAI bundle folder has it"),
    ):
        output = tmp_path / "out.nii.gz"
        assert main(["segment", str(box_case.ct_path), "-o", str(output), "--engine", engine]) == 2
        assert says in capfd.readouterr().err
        assert not output.exists()


def test_measure_writes_a_row_per_level(box_case: BoxCase, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "hu.csv"
    assert main(["measure", str(box_case.ct_path), str(box_case.labels_path), "-o", str(output)]) == 0
    rows = pd.read_csv(output).set_index("level")
    assert rows.trabecular_mean_hu.to_dict() == pytest.approx(TRABECULAR_HU, abs=0.01)
    assert set(rows.gate) == {"open"}
    said = capfd.readouterr().out.splitlines()
    assert said[-1] == f"{', '.join(SCREENED)}: {output}"
    assert any(line.startswith("Note: The header does not say whether contrast agent") for line in said)


def test_models_are_listed_and_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OSTEOSCREEN_MODELS", str(tmp_path))
    card = save_model(
        tmp_path / "tiny",
        {"weight": torch.zeros(3)},
        version="1.0.0",
        task="nothing",
        architecture="none",
        parameters={},
        trained_on="zeros",
        measured={},
        intended_use="tests",
        licence="Apache-2.0",
        sources=[],
    )
    assert main(["models", "list"]) == 0
    assert "tiny 1.0.0" in capfd.readouterr().out
    assert main(["models", "list", "--json"]) == 0
    assert {**card.model_dump(mode="json"), "in_use": False} in json.loads(capfd.readouterr().out)["models"]
    assert main(["models", "verify", "tiny"]) == 0
    assert card.sha256 in capfd.readouterr().out
    (tmp_path / "tiny" / "model.safetensors").write_bytes(b"altered")
    assert main(["models", "verify"]) == 2
    assert "SHA-256" in capfd.readouterr().err


def test_measure_takes_what_segment_writes(box_case: BoxCase, tmp_path: Path) -> None:
    assert segment(box_case, tmp_path / "out.seg.nrrd") == 0
    tables = []
    for n, labels in enumerate((tmp_path / "out.seg.nrrd", box_case.labels_path)):
        assert main(["measure", str(box_case.ct_path), str(labels), "-o", str(tmp_path / f"{n}.csv")]) == 0
        tables.append((tmp_path / f"{n}.csv").read_text())
    assert tables[0] == tables[1]
