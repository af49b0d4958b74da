"""``osteoscreen dataset`` from the first case to the export, and what it says to what it cannot take."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from OsteoScreenLib.cli import main
from OsteoScreenLib.image_file import write_image, write_labels
from OsteoScreenLib.screening import screen
from Testing.annotation.tiny_cases import grown, tiny_case
from Testing.conftest import BoxCase


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Three tiny CTs with their masks, and a second reader's mask of the first, as files."""
    (tmp_path / "files").mkdir()
    found = {}
    for n in range(3):
        volume, labels = tiny_case(n)
        for name, image, write in (("ct", volume, write_image), ("mask", labels, write_labels)):
            path = tmp_path / "files" / f"{name}{n}.nii.gz"
            write(image, path)
            found[f"{name}{n}"] = str(path)
    path = tmp_path / "files" / "other0.nii.gz"
    write_labels(grown(tiny_case(0)[1]), path)
    return {**found, "other0": str(path)}


def dataset(*words: str) -> int:
    return main(["dataset", *words])


def test_from_the_first_case_to_the_export(
    files: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "dataset")
    pairs = [files[name] for n in range(3) for name in (f"ct{n}", f"mask{n}")]
    assert dataset("add", *pairs, "-d", folder, "--reader", "A") == 0
    assert [line.split()[2] for line in capfd.readouterr().out.splitlines()] == ["new"] * 3
    assert dataset("add", files["ct0"], files["other0"], "-d", folder, "--reader", "B", "--json") == 0
    (added,) = json.loads(capfd.readouterr().out)["added"]
    assert added["new"]
    assert dataset("agreement", folder, "--json") == 0
    found = json.loads(capfd.readouterr().out)
    assert (found["readers"], found["cases"], found["vertebrae"]) == (["A", "B"], 1, 2)
    assert min(one["dice"] for one in found["readings"]) < 1
    assert dataset("agreement", folder, "-o", str(tmp_path / "readings.csv")) == 0
    assert (tmp_path / "readings.csv").read_text().count("\n") == 5
    assert dataset("add", files["ct0"], files["mask0"], "-d", folder, "--reader", "C", "--adjudicated") == 0
    capfd.readouterr()

    assert dataset("split", folder, "--test", "0.34", "--validation", "0.33", "--json") == 0
    counts = json.loads(capfd.readouterr().out)["counts"]
    assert sum(one["patients"] for one in counts.values()) == 3
    assert dataset("list", folder) == 0
    said = capfd.readouterr().out
    assert "adjudicated" in said
    assert "3 cases of 3 patients; 3 reviewed." in said
    assert dataset("check", folder) == 0
    assert "nothing that identifies" in capfd.readouterr().out
    for kind, name in (("nnunet", "Dataset001_Spine"), ("monai", "monai"), ("coco", "coco"), ("bids", "bids")):
        assert dataset("export", folder, "--format", kind, "-o", str(tmp_path / name)) == 0
        assert "3 cases: " in capfd.readouterr().out
        assert any((tmp_path / name).iterdir())
    assert dataset("next", folder, "--quick") == 0
    assert "0 of 3 cases wait for a review." in capfd.readouterr().out
    (tmp_path / "dataset" / "index.csv").unlink()
    assert dataset("rebuild", folder) == 0
    assert "3 cases" in capfd.readouterr().out


def test_a_result_is_a_proposal_that_waits_with_its_reasons(
    box_case: BoxCase, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    screen(box_case.ct_path, tmp_path / "Name^Given", engine=box_case.labels_path)
    folder = str(tmp_path / "dataset")
    assert dataset("add", str(tmp_path / "Name^Given"), "-d", folder) == 0
    assert dataset("add", str(box_case.ct_path), str(tmp_path / "Name^Given"), "-d", folder) == 0
    first, again = capfd.readouterr().out.splitlines()
    assert first.split()[:2] == again.split()[:2]
    assert (first.split()[2], again.split()[2]) == ("new", "there")
    assert dataset("next", folder, "--quick", "--json") == 0
    found = json.loads(capfd.readouterr().out)
    assert found["waiting"] == 1
    assert found["next"][0]["why"]
    assert dataset("check", folder) == 0
    assert dataset("export", folder, "--format", "bids", "-o", str(tmp_path / "bids")) == 2
    assert "nothing to export" in capfd.readouterr().err


def no_mask(files: dict[str, str], folder: Path) -> list[str]:
    return ["add", files["ct0"], "-d", str(folder)]


def missing_file(files: dict[str, str], folder: Path) -> list[str]:
    return ["add", files["ct0"] + "x", files["mask0"], "-d", str(folder)]


def mask_as_ct(files: dict[str, str], folder: Path) -> list[str]:
    return ["add", files["mask0"], files["mask0"], "-d", str(folder)]


def damaged_mask(files: dict[str, str], folder: Path) -> list[str]:
    path = Path(files["mask0"])
    path.write_bytes(path.read_bytes()[:200])
    return ["add", files["ct0"], files["mask0"], "-d", str(folder)]


def both_roles(files: dict[str, str], folder: Path) -> list[str]:
    return ["add", files["ct0"], files["mask0"], "-d", str(folder), "--adjudicated", "--as-proposal"]


def proposal_of_two(files: dict[str, str], folder: Path) -> list[str]:
    pairs = [files["ct0"], files["mask0"], files["ct1"], files["mask1"]]
    return ["add", *pairs, "-d", str(folder), "--proposal", files["mask0"]]


def bad_reader(files: dict[str, str], folder: Path) -> list[str]:
    return ["add", files["ct0"], files["mask0"], "-d", str(folder), "--reader", "<b>"]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (no_mask, "no label map follows it"),
        (missing_file, "does not exist"),
        (mask_as_ct, "is not a CT in HU"),
        (damaged_mask, "damaged"),
        (both_roles, "either adjudicated or a proposal"),
        (proposal_of_two, "add them one by one"),
        (bad_reader, "reader"),
    ],
)
def test_what_cannot_be_added_is_one_line_and_leaves_no_case(
    make: Callable, said: str, files: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert dataset(*make(files, tmp_path / "dataset")) == 2
    err = capfd.readouterr().err
    assert err.count("\n") == 1
    assert said in err
    assert not list((tmp_path / "dataset").rglob("*.nrrd"))


@pytest.mark.parametrize(
    "words",
    [
        ("list",), ("check",), ("split",), ("rebuild",), ("next", "--quick"), ("agreement",),
        ("export", "--format", "bids", "-o", "out"),
    ],
)  # fmt: skip
def test_a_folder_that_is_no_dataset_is_told(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert dataset(words[0], str(tmp_path), *words[1:]) == 2
    assert "is no dataset of OsteoScreen" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_dataset_is_refused_by_check_with_what_and_where(
    files: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "dataset"
    dataset("add", files["ct0"], files["mask0"], "-d", str(folder))
    next(folder.glob("cases/*/ct.nrrd")).unlink()
    capfd.readouterr()
    assert dataset("check", str(folder)) == 2
    said = capfd.readouterr()
    assert "ct.nrrd is missing" in said.out
    assert said.err.count("\n") == 1
