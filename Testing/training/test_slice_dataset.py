"""Datasets of slices: what is written comes back, patients stay whole, and what cannot be learned from is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from OsteoScreenLib.bone_status import NAMES, status_of
from OsteoScreenLib.detection.slices import PIXEL_MM, SIZE
from OsteoScreenLib.errors import InputError
from OsteoScreenLib.evaluation.boxes import compare_boxes
from OsteoScreenLib.phantoms.t_score import RANGES, bone_of, random_t_score
from OsteoScreenLib.training.case_slices import write_case_slices
from OsteoScreenLib.training.detection import LabelledBoxes, varied
from OsteoScreenLib.training.slice_dataset import (
    ANNOTATIONS,
    NewSlice,
    description_of,
    read_found,
    read_slices,
    split_patients,
    write_slices,
)
from OsteoScreenLib.training.slice_samples import LEAST_MM2, MARGIN, bodies_in, slice_patient
from Testing.conftest import BoxCase

BOX = (10.0, 12.0, 30.0, 20.0)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Ten slices of five patients, of whom one has nothing on the second slice."""
    rng = np.random.default_rng(0)
    slices = [NewSlice(rng.random((3, 64, 72)), f"p{n // 2}", [] if n == 9 else [(BOX, n // 2 % 3)]) for n in range(10)]
    assert write_slices(tmp_path / "set", {"description": "Noise only"}, slices) == 10
    return tmp_path / "set"


def _changed(dataset: Path, change) -> Path:
    path = dataset / ANNOTATIONS
    whole = json.loads(path.read_text())
    change(whole)
    path.write_text(json.dumps(whole))
    return dataset


def test_what_is_written_comes_back(dataset: Path) -> None:
    slices = read_slices(dataset)
    assert [one.patient for one in slices] == [f"p{n // 2}" for n in range(10)]
    assert slices[0].boxes.tolist() == [[10, 12, 40, 32]]
    assert [one.labels.tolist() for one in slices] == [[n // 2 % 3] for n in range(9)] + [[]]
    expected = np.random.default_rng(0).random((3, 64, 72))
    assert slices[0].pixels() == pytest.approx(expected, abs=0.5 / 255 + 1e-6)
    assert description_of(dataset) == "Noise only"
    assert read_slices(dataset / ANNOTATIONS)[3].number == 4


def test_t_scores_decide_by_the_who(dataset: Path, tmp_path: Path) -> None:
    _changed(dataset, lambda whole: [one.update(name="vertebra") for one in whole["categories"]])
    with pytest.raises(InputError, match="category 'vertebra'"):
        read_slices(dataset)
    table = tmp_path / "t.csv"
    table.write_text("patient,t_score\np0,-0.9\np1,-1.0\np2,-1.1\np3,-2.5\np4,-3\n")
    labels = [one.labels.tolist() for one in read_slices(dataset, table)]
    assert labels == [[0], [0], [0], [0], [1], [1], [2], [2], [2], []]
    table.write_text("patient,t_score\np0,-0.9\n")
    with pytest.raises(InputError, match="no T-score of patient 'p1'"):
        read_slices(dataset, table)


def test_no_patient_is_on_both_sides(dataset: Path) -> None:
    learned, held_out = split_patients(read_slices(dataset), seed=3)
    assert {one.patient for one in learned}.isdisjoint({one.patient for one in held_out})
    assert (len(learned), len(held_out)) == (8, 2)
    again, _ = split_patients(read_slices(dataset), seed=3)
    assert [one.number for one in again] == [one.number for one in learned]
    with pytest.raises(InputError, match="at least two"):
        split_patients(learned[:1], seed=0)


@pytest.mark.parametrize(("change", "expected"), [
    (lambda whole: whole["images"][3].pop("patient"), "field 'patient'"),
    (lambda whole: whole.pop("categories"), "lacks 'categories'"),
    (lambda whole: whole["annotations"][0].update(bbox=[1, 2, 0, 4]), "no width"),
    (lambda whole: whole["annotations"][0].update(image_id=99), "lacks 99"),
])  # fmt: skip
def test_what_cannot_be_learned_from_is_refused(dataset: Path, change, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        read_slices(_changed(dataset, change))


def test_a_file_that_is_no_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Cannot read"):
        read_slices(tmp_path / "absent.json")
    for text, expected in (("{", "not JSON"), ("[]", "no object"), ("{}", "lacks 'categories'")):
        (tmp_path / "set.json").write_text(text)
        with pytest.raises(InputError, match=expected):
            read_slices(tmp_path / "set.json")


def test_detections_of_others_are_read_from_cocos_results(dataset: Path, tmp_path: Path) -> None:
    slices = read_slices(dataset)
    rows = [
        {"image_id": one.number, "category_id": int(label) + 1, "bbox": list(BOX), "score": 0.9}
        for one in slices for label in one.labels
    ]  # fmt: skip
    path = tmp_path / "found.json"
    path.write_text(json.dumps(rows))
    truth = [LabelledBoxes(one.boxes, one.labels) for one in slices]
    assert compare_boxes(read_found(path, slices), truth, len(NAMES), average_precision=False).acc == 1
    path.write_text(json.dumps({"annotations": rows}))
    assert compare_boxes(read_found(path, slices), truth, len(NAMES), average_precision=False).acc == 1
    for change, expected in (({"image_id": 77}, "77"), ({"category_id": 4}, "category_id 4"), ({"bbox": 3}, "results")):
        path.write_text(json.dumps([{**rows[0], **change}]))
        with pytest.raises(InputError, match=expected):
            read_found(path, slices)


def test_training_cuts_mirrors_and_keeps_the_boxes_on_the_bodies() -> None:
    image = np.zeros((3, 80, 90), np.float32)
    image[:, 40:60, 30:70] = 1
    boxes, labels = np.float32([[30, 40, 70, 60]]), np.array([2])
    for seed in range(20):
        seen, moved, kept = varied(image, boxes, labels, np.random.default_rng(seed))
        assert seen.shape == (3, 64, 72)
        if not len(moved):
            continue
        assert kept.tolist() == [2]
        row, column = np.nonzero(seen[0] > 0.5)
        assert moved[0].tolist() == [column.min(), row.min(), column.max() + 1, row.max() + 1]


def test_a_phantom_patient_shows_bodies_where_the_boxes_are() -> None:
    patient = slice_patient(np.random.default_rng(5), 6, disease=0.0)
    assert patient.hu.shape == (6, SIZE + 2 * MARGIN, SIZE + 2 * MARGIN)
    assert patient.status == status_of(patient.t_score)
    found = [(n, body) for n, bodies in enumerate(patient.bodies) for body in bodies]
    assert len(found) >= 3
    for n, body in found:
        x, y, width, height = body.box
        assert body.level in ("T12", "L1", "L2", "L3", "L4", "L5")
        assert 30 < width * PIXEL_MM < 70
        assert width * height * PIXEL_MM**2 >= LEAST_MM2
        inside = patient.hu[n, int(y) + 3 : int(y + height) - 3, int(x) + 3 : int(x + width) - 3]
        assert np.percentile(inside, 95) > 100


def test_grazed_bodies_are_not_asked_for() -> None:
    labels = np.zeros((50, 50), np.uint16)
    labels[5:45, 5:45], labels[46:48, 5:45] = 201, 211
    (body,) = bodies_in(labels, 1.0)
    assert (body.level, body.box) == ("L1", (5, 5, 40, 40))


def test_density_and_cortex_follow_the_t_score_and_overlap() -> None:
    rng = np.random.default_rng(0)
    drawn = [(status_of(t), bone_of(t, rng)) for t in (random_t_score(rng) for _ in range(600))]
    hu = [[bone.trabecular["L2"] for status, bone in drawn if status == n] for n in range(3)]
    cortex = [[bone.cortex_mm for status, bone in drawn if status == n] for n in range(3)]
    assert [len(values) for values in hu] == pytest.approx([200] * 3, abs=40)
    assert np.mean(hu[0]) > np.mean(hu[1]) + 30 > np.mean(hu[2]) + 60
    assert np.mean(cortex[0]) > np.mean(cortex[1]) > np.mean(cortex[2])
    # The best line between neighbours is wrong in one of ten or more: nobody can be right always.
    for better, worse in ((0, 1), (1, 2)):
        lines = np.arange(20, 260)
        wrong = [(np.mean(np.array(hu[better]) < x) + np.mean(np.array(hu[worse]) >= x)) / 2 for x in lines]
        assert 0.1 < min(wrong) < 0.35
    assert all(low < high for low, high in RANGES)


def test_slices_of_ones_own_cases_carry_the_masks_boxes_and_the_whos_status(box_case: BoxCase, tmp_path: Path) -> None:
    table = box_case.ct_path.parent / "cases.csv"
    rows = [f"{box_case.ct_path.name},{box_case.labels_path.name},{who},{t}" for who, t in (("a", -3.0), ("b", -1.5))]
    table.write_text("\n".join(["ct,labels,patient,t_score", *rows]))
    count = write_case_slices(tmp_path / "set", table)
    slices = read_slices(tmp_path / "set")
    assert len(slices) == count > 40
    assert {(one.patient, label) for one in slices for label in one.labels.tolist()} == {("a", 2), ("b", 1)}
    sizes = np.concatenate([one.boxes[:, 2:] - one.boxes[:, :2] for one in slices]) * PIXEL_MM
    assert sizes == pytest.approx(np.broadcast_to([44, 32], sizes.shape), abs=2.6)
    middle = slices[0].boxes[0].reshape(2, 2).mean(0)
    assert middle == pytest.approx([(SIZE + 2 * MARGIN) / 2] * 2, abs=2)
