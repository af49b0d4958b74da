"""A case goes from the panel into a dataset, comes back to be reviewed, and goes out again, each in a worker."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from OsteoScreenLib.annotation.adding import NewMask, add_case
from OsteoScreenLib.annotation.dataset import open_dataset
from OsteoScreenLib.annotation.reopened import reopened
from OsteoScreenLib.annotation.review import Decision, Review, accepted, begun, looked_at
from OsteoScreenLib.levels import label
from OsteoScreenLib.result import ModelUse, Segmentation
from OsteoScreenLib.segmentation_json import to_json
from OsteoScreenLib.volume import Volume
from OsteoScreenLib.worker import Worker
from Testing.annotation.tiny_cases import grown, tiny_case

PROPOSED = Segmentation(
    tiny_case()[1], (), "OsteoScreen", "cpu", (ModelUse("refine", "1.0", "a" * 64, "Phantoms"),)
)  # fmt: skip


def done(folder: Path, task: str, *inputs: object, **parameters: object) -> object:
    """Do a task in a worker and return its result, or its error."""
    volume, labels = inputs or (None, None)
    worker = Worker.start(task, parameters, volume, labels, folder)
    end = time.monotonic() + 300
    while not (state := worker.poll()).finished:
        assert time.monotonic() < end, worker.log
        time.sleep(0.1)
    return state.error or worker.result()


def accepted_by(review: Review, who: str) -> Review:
    for record in review:
        review = accepted(review, record.level, Decision(who=who))
    return review


def test_a_case_waits_is_corrected_and_goes_out(tmp_path: Path) -> None:
    volume, labels = tiny_case()
    data = str(tmp_path / "data")
    first = done(
        tmp_path / "1", "keep", volume, labels.voxels, dataset=data, segmentation=to_json(PROPOSED), patient="A"
    )
    assert (first.new_case, first.new_mask, first.reviewed) == (True, True, False)
    error = done(tmp_path / "2", "export", dataset=data, format="coco")
    assert error.startswith("No case in")

    ct, proposed = reopened(open_dataset(data).cases[0])
    assert proposed.proposal is None
    assert proposed.models[0].name == "refine"
    after = grown(proposed.labels)
    review = accepted_by(looked_at(begun(proposed.labels.voxels), after.voxels), "Reader A")
    corrected = replace(proposed, labels=after, review=review, proposal=proposed.labels)
    second = done(tmp_path / "3", "keep", ct, after.voxels, dataset=data, segmentation=to_json(corrected))
    assert (second.case, second.new_case, second.new_mask, second.reviewed) == (first.case, False, True, True)
    (case,) = open_dataset(data).cases
    assert [mask.record.role for mask in case.masks] == ["proposal", "reader"]
    assert case.current.record.reader == "Reader A"
    assert case.current.record.made_from == (case.proposal.id,)
    assert case.current.record.models == (f"refine 1.0 {'a' * 12}",)
    assert np.array_equal(case.read()[1].voxels, onto(ct, after))

    made = done(tmp_path / "4", "export", dataset=data, format="nnunet", into=str(tmp_path / "out"))
    assert (made.cases, made.left_out) == (1, 0)
    assert made.folder == tmp_path / "out" / "Dataset100_Spine"
    assert (made.folder / "dataset.json").is_file()
    error = done(tmp_path / "5", "export", dataset=data, format="nnunet", into=str(tmp_path / "out"))
    assert "is there already" in error


def onto(ct: Volume, labels: Volume) -> np.ndarray:
    assert np.array_equal(ct.ijk_to_ras, labels.ijk_to_ras)
    return labels.voxels


def test_an_unfinished_correction_comes_back_as_one(tmp_path: Path) -> None:
    volume, labels = tiny_case()
    after = grown(labels)
    review = looked_at(begun(labels.voxels), after.voxels)
    proposal = NewMask(labels, "proposal", engine="OsteoScreen")
    add_case(tmp_path / "data", volume, NewMask(after, review=review), proposal=proposal)
    (case,) = open_dataset(tmp_path / "data").cases
    assert not case.reviewed
    _, found = reopened(case)
    assert (found.labels.voxels == label("L1", 1)).sum() > (found.proposal.voxels == label("L1", 1)).sum()


@pytest.mark.parametrize(
    ("task", "given", "said"),
    [
        ("export", {"format": "bids"}, "is no dataset"),
        ("fine_tune", {"output": "new"}, "is no dataset"),
    ],
)
def test_where_there_is_no_dataset_it_says_so(task: str, given: dict[str, str], said: str, tmp_path: Path) -> None:
    assert said in done(tmp_path / "work", task, dataset=str(tmp_path / "none"), **given)
