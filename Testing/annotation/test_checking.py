import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from OsteoScreenLib.annotation.adding import NewMask, add_case
from OsteoScreenLib.annotation.checking import check
from OsteoScreenLib.annotation.dataset import open_dataset
from OsteoScreenLib.annotation.index import write_index
from OsteoScreenLib.errors import InputError
from OsteoScreenLib.image_file import write_image, write_labels
from OsteoScreenLib.volume import Volume
from Testing.annotation.tiny_cases import tiny_case


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("three") / "dataset"
    for seed in range(3):
        volume, labels = tiny_case(seed)
        add_case(folder, volume, NewMask(labels, reader="R1"), proposal=NewMask(labels, "proposal"), patient=f"P{seed}")
    write_index(folder)
    return folder


@pytest.fixture
def dataset(three: Path, tmp_path: Path) -> Path:
    shutil.copytree(three, tmp_path / "dataset")
    return tmp_path / "dataset"


def test_a_sound_dataset_has_no_problems(dataset: Path) -> None:
    assert check(dataset).problems == ()
    with pytest.raises(InputError, match="no dataset"):
        check(dataset.parent)


def _flip_a_byte(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[-20] ^= 0xFF
    path.write_bytes(raw)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _other_ct(path: Path) -> None:
    write_image(tiny_case(9)[0], path)


def _moved_ct(path: Path) -> None:
    volume = tiny_case(0)[0]
    write_image(Volume(volume.voxels, np.diag([1.0, 1, 1, 1])), path)


def _moved_labels(path: Path) -> None:
    labels = tiny_case(0)[1]
    write_labels(Volume(labels.voxels, np.diag([1.0, 1, 1, 1])), path)


@pytest.mark.parametrize(
    ("file", "harm", "kind"),
    [
        ("ct.nrrd", _flip_a_byte, "damage"),
        ("ct.nrrd", _cut, "damage"),
        ("ct.nrrd", Path.unlink, "damage"),
        ("ct.nrrd", _other_ct, "damage"),
        ("ct.nrrd", _moved_ct, "geometry"),
        ("case.json", _cut, "damage"),
        ("case.json", lambda path: path.write_text(path.read_text().replace('"0.1.0"', '"0.1.1"')), "damage"),
        ("case.json", Path.unlink, "damage"),
        ("masks/*/labels.seg.nrrd", _flip_a_byte, "damage"),
        ("masks/*/labels.seg.nrrd", _cut, "damage"),
        ("masks/*/labels.seg.nrrd", Path.unlink, "damage"),
        ("masks/*/labels.seg.nrrd", _moved_labels, "geometry"),
        ("masks/*/mask.json", _cut, "damage"),
        ("masks/*/mask.json", Path.unlink, "damage"),
        ("masks", shutil.rmtree, "damage"),
        ("ct.nrrd", lambda path: path.with_name("Familyname^D.nii").write_text("x"), "stranger"),
        ("ct.nrrd", lambda path: (path.parent.parent / ".osteoscreen-abc").mkdir(), "leftover"),
        ("ct.nrrd", lambda path: (path.parents[2] / "index.csv").unlink(), "index"),
        ("ct.nrrd", lambda path: (path.parents[2] / "notes.txt").write_text("x"), "stranger"),
    ],
)
def test_each_kind_of_damage_is_found_and_named(dataset: Path, file: str, harm: Callable, kind: str) -> None:
    case = sorted((dataset / "cases").iterdir())[0]
    harm(next(case.glob(file)))
    found = check(dataset).problems
    assert kind in {one.kind for one in found}
    assert all("\n" not in one.text for one in found)
    if kind in ("damage", "geometry"):
        assert all(case.name in f"{one.place} {one.text}" for one in found if one.kind == kind)


def test_one_patient_under_two_names_is_found_and_worse_in_two_splits(dataset: Path) -> None:
    volume, labels = tiny_case(0)
    noisy = volume.voxels.copy()
    noisy[10] += 1
    add_case(dataset, volume.with_voxels(noisy), NewMask(labels), patient="P0 again")
    write_index(dataset)
    (found,) = check(dataset).problems
    assert found.kind == "duplicate"
    assert "look alike" in found.text
    pair = [case.patient for case in open_dataset(dataset).cases if case.id in found.place]
    (dataset / "splits").mkdir()
    for patient, split in zip(pair, ("train", "test"), strict=True):
        (dataset / "splits" / patient).write_text(split)
    write_index(dataset)
    (found,) = check(dataset).problems
    assert found.kind == "split"
    assert "train and test" in found.text or "test and train" in found.text


def test_a_second_reconstruction_of_the_same_patient_is_no_copy(dataset: Path) -> None:
    volume, labels = tiny_case(0)
    add_case(dataset, volume.with_voxels(volume.voxels + np.int16(1)), NewMask(labels), patient="P0")
    write_index(dataset)
    assert check(dataset).problems == ()


def test_a_split_that_says_something_else_is_told(dataset: Path) -> None:
    patient = open_dataset(dataset).cases[0].patient
    (dataset / "splits").mkdir()
    (dataset / "splits" / patient).write_text("training")
    (found,) = [one for one in check(dataset).problems if one.kind == "damage"]
    assert "train, validation or test" in found.text
