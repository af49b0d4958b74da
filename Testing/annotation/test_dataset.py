import shutil
from collections import Counter

import numpy as np
import pytest

from OsteoScreenLib.annotation.adding import NewMask, add_case
from OsteoScreenLib.annotation.dataset import case_id, open_dataset
from OsteoScreenLib.annotation.index import as_text, read_index, rows, write_index
from OsteoScreenLib.annotation.review import Decision, accepted, begun, rejected
from OsteoScreenLib.annotation.splitting import assign_splits, planned_splits
from OsteoScreenLib.errors import InputError, LabelMapError
from OsteoScreenLib.levels import body_mask, levels_in
from OsteoScreenLib.volume import Volume
from Testing.annotation.tiny_cases import grown, tiny_case


def test_what_is_added_comes_back_with_what_is_known_of_it(tmp_path) -> None:
    volume, labels = tiny_case()
    add_case(tmp_path / "d", volume, NewMask(labels), patient="Ada")
    (case,) = open_dataset(tmp_path / "d").cases
    again, mask = case.read()
    np.testing.assert_array_equal(again.voxels, volume.voxels)
    np.testing.assert_array_equal(mask.voxels, labels.voxels)
    np.testing.assert_allclose(again.ijk_to_ras, volume.ijk_to_ras, atol=1e-9)
    assert (case.record.kvp, case.record.sex, case.record.age) == (120.0, "F", "60-69")
    assert again.acquisition.kvp == 120.0
    assert case.reviewed
    assert case.split is None


def test_the_same_again_is_there_once_and_another_mask_of_it_beside(tmp_path) -> None:
    volume, labels = tiny_case()
    first = add_case(tmp_path, volume, NewMask(labels, "proposal"), patient="Ada")
    again = add_case(tmp_path, volume, NewMask(labels, "proposal"), patient="Ada")
    assert (first.new_case, again.new_case, again.new_mask) == (True, False, False)
    flipped = volume.window((slice(None),) * 3)
    turned = np.diag([1.0, 1, -1, 1])
    turned[2, 3] = volume.voxels.shape[0] - 1
    flipped = Volume(volume.voxels[::-1], volume.ijk_to_ras @ turned)
    more = grown(labels)
    other = add_case(tmp_path, flipped, NewMask(flipped.with_voxels(more.voxels[::-1]), reader="B"), patient="Ada")
    assert (other.new_case, other.new_mask) == (False, True)
    (case,) = open_dataset(tmp_path).cases
    assert [mask.record.role for mask in case.masks] == ["proposal", "reader"]
    np.testing.assert_array_equal(case.read()[1].voxels, more.voxels)
    np.testing.assert_array_equal(case.read(case.proposal)[1].voxels, labels.voxels)


def test_a_correction_remembers_its_proposal_and_rejected_levels_are_not_read(tmp_path) -> None:
    volume, labels = tiny_case()
    better = grown(labels)
    signed = Decision("B", "2026-01-02T03:04:05+00:00", 61.5, "0.1.0", ("refine 0.4",))
    review = rejected(accepted(begun(labels.voxels), "L1", signed), "L2", signed)
    added = add_case(tmp_path, volume, NewMask(better, reader="B", review=review), proposal=NewMask(labels, "proposal"))
    case = open_dataset(tmp_path).cases[0]
    assert case.current.id == added.mask_id
    assert case.current.record.made_from == (case.proposal.id,)
    assert case.current.record.review == review
    assert levels_in(case.read()[1].voxels) == ["L1"]
    assert not body_mask(case.read()[1].voxels, "L2").any()


def test_a_proposal_is_not_learned_from_until_all_of_it_is_decided(tmp_path) -> None:
    volume, labels = tiny_case()
    assert not add_case(tmp_path, volume, NewMask(labels, "proposal")).case.reviewed
    review = accepted(accepted(begun(labels.voxels), "L1"), "L2")
    assert add_case(tmp_path, volume, NewMask(labels, "proposal", review=review)).case.reviewed
    assert not add_case(tmp_path, volume, NewMask(labels, reader="B", review=begun(labels.voxels))).case.reviewed
    assert add_case(tmp_path, volume, NewMask(labels, "adjudicated", reader="C")).case.reviewed


def test_one_line_says_what_cannot_be_added(tmp_path) -> None:
    volume, labels = tiny_case()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("x")
    with pytest.raises(InputError, match="holds other files"):
        add_case(tmp_path / "other", volume, NewMask(labels))
    with pytest.raises(LabelMapError, match="10 \\* vertebra"):
        add_case(tmp_path / "d", volume, NewMask(labels.with_voxels(labels.voxels // 10)))
    off = Volume(labels.voxels, np.eye(4))
    with pytest.raises(LabelMapError, match="grid"):
        add_case(tmp_path / "d", volume, NewMask(off))
    with pytest.raises(InputError, match="reader"):
        add_case(tmp_path / "d", volume, NewMask(labels, reader="B^\n"))
    assert open_dataset(tmp_path / "d").cases == ()
    add_case(tmp_path / "d", volume, NewMask(labels), patient="Ada")
    with pytest.raises(InputError, match="another patient"):
        add_case(tmp_path / "d", volume, NewMask(labels), patient="Eve")


def test_a_patient_has_one_pseudonym_in_a_dataset_and_another_one_elsewhere(tmp_path) -> None:
    cases = [tiny_case(seed) for seed in range(3)]
    one = [add_case(tmp_path / "a", *_with(case), patient=who).case for case, who in zip(cases, "AAB", strict=True)]
    there = add_case(tmp_path / "b", *_with(cases[0]), patient="A").case
    assert one[0].patient == one[1].patient != one[2].patient
    assert there.patient != one[0].patient
    assert there.id == one[0].id


def _with(case: tuple[Volume, Volume]) -> tuple[Volume, NewMask]:
    return case[0], NewMask(case[1])


def test_what_is_no_dataset_or_a_damaged_one_is_told_in_one_line(tmp_path) -> None:
    with pytest.raises(InputError, match="no dataset"):
        open_dataset(tmp_path)
    case = add_case(tmp_path / "d", *_with(tiny_case())).case
    (case.folder / "case.json").write_text("{}")
    with pytest.raises(InputError, match="is damaged"):
        open_dataset(tmp_path / "d")
    record = case.record.model_copy(update={"sex": "M"})
    (case.folder / "case.json").write_text(record.text().replace(record.digest, case.record.digest))
    with pytest.raises(InputError, match="was changed"):
        open_dataset(tmp_path / "d")
    (case.folder / "case.json").unlink()
    with pytest.raises(InputError, match="cannot be read"):
        open_dataset(tmp_path / "d")
    (tmp_path / "d" / "dataset.json").write_text("?")
    with pytest.raises(InputError, match="another version"):
        open_dataset(tmp_path / "d")


def test_the_index_is_made_from_the_folders(tmp_path) -> None:
    for seed in range(3):
        add_case(tmp_path, *_with(tiny_case(seed)))
    dataset = write_index(tmp_path)
    assert read_index(tmp_path) == [as_text(row) for row in rows(dataset)]
    assert [row["case"] for row in read_index(tmp_path)] == [case.id for case in dataset.cases]
    (tmp_path / "index.csv").unlink()
    (tmp_path / "cases" / ".osteoscreen-half").mkdir()
    assert len(write_index(tmp_path).cases) == len(read_index(tmp_path)) == 3


def test_splits_are_by_patient_stratified_and_stay_when_cases_are_added(tmp_path) -> None:
    add_made_up(tmp_path, range(40))
    dataset = open_dataset(tmp_path)
    assert all(case.split is None for case in dataset.cases)
    planned = planned_splits(dataset)
    first = assign_splits(dataset)
    assert first == planned
    counts = Counter(first.values())
    assert (counts["validation"], counts["test"]) == (6, 6)
    by_sex = Counter((case.record.sex, case.split) for case in open_dataset(tmp_path).cases)
    assert {by_sex[sex, split] for sex in "FM" for split in ("validation", "test")} == {3}
    add_made_up(tmp_path, range(40, 60))
    after = assign_splits(open_dataset(tmp_path))
    assert len(after) == 60
    assert {patient: after[patient] for patient in first} == first
    assert Counter(after.values())["test"] == 9
    with pytest.raises(InputError, match="nothing to learn from"):
        planned_splits(dataset, 0.5, 0.5)


def add_made_up(folder, numbers: range) -> None:
    """Add cases of as many patients, every second of them a woman, by copying the folder of one case."""
    volume, labels = tiny_case()
    source = add_case(folder / "source", volume, NewMask(labels)).case
    for number in numbers:
        name = f"{number:016x}"
        changes = {"id": name, "patient": f"p{number:012x}", "sex": "FM"[number % 2]}
        place = folder / "cases" / name
        shutil.copytree(source.folder, place)
        record = source.record.model_copy(update=changes)
        (place / "case.json").write_text(record.text())
    if not (folder / "dataset.json").exists():
        shutil.copy(folder / "source" / "dataset.json", folder)


def test_a_case_is_named_after_its_voxels_in_whatever_type_and_order() -> None:
    hu = np.random.default_rng(5).integers(-1000, 1000, (60, 64, 68)).astype(np.int16)
    flips = np.diag([-1.0, -1.0, 1.0, 1.0])
    flips[:2, 3] = hu.shape[2] - 1, hu.shape[1] - 1
    same = [Volume(hu, np.eye(4)), Volume(hu.astype(np.float32), np.eye(4)), Volume(hu[:, ::-1, ::-1], flips)]
    names = {case_id(one) for one in same * 2}
    assert len(names) == 1
    assert case_id(Volume(hu + np.float32(0.25), np.eye(4))) not in names
