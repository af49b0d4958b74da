from pathlib import Path

import numpy as np
import pytest

from OsteoScreenLib.annotation.adding import NewMask, add_case
from OsteoScreenLib.annotation.dataset import Dataset, open_dataset
from OsteoScreenLib.annotation.interrater import interrater
from OsteoScreenLib.errors import InputError
from OsteoScreenLib.evaluation.agreement import icc
from OsteoScreenLib.levels import body_mask
from Testing.annotation.tiny_cases import grown, tiny_case


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Four cases by reader A, of which B outlined three, and C one."""
    folder = tmp_path_factory.mktemp("readers") / "dataset"
    for seed in range(4):
        volume, labels = tiny_case(seed)
        add_case(folder, volume, NewMask(labels, reader="A"))
        if seed:
            add_case(folder, volume, NewMask(grown(labels) if seed == 1 else labels, reader="B"))
    add_case(folder, volume, NewMask(labels, reader="C"))
    return open_dataset(folder)


def test_vertebrae_of_two_readers_are_compared_one_by_one(dataset: Dataset) -> None:
    found = interrater(dataset, ["A", "B"])
    assert (found.cases, found.vertebrae, len(found.readings)) == (3, 6, 12)
    grown_l1 = [one for one in found.readings if one.level == "L1" and one.part == "body" and one.dice < 1]
    assert len(grown_l1) == 1
    ours, theirs = tiny_case(1)[1], grown(tiny_case(1)[1])
    a, b = body_mask(ours.voxels, "L1").sum(), body_mask(theirs.voxels, "L1").sum()
    assert grown_l1[0].dice == pytest.approx(2 * a / (a + b))
    assert grown_l1[0].second_volume_ml == pytest.approx(b * ours.voxel_volume / 1000)
    assert 0 < grown_l1[0].assd_mm < grown_l1[0].hd95_mm
    assert found.mean("trabecular", "dice") == 1.0


def test_the_icc_is_that_of_the_vertebrae_all_outlined(dataset: Dataset) -> None:
    found = interrater(dataset, ["A", "B"])
    bodies = [one for one in found.readings if one.part == "body"]
    ratings = np.array([[one.first_volume_ml, one.second_volume_ml] for one in bodies])
    assert found.icc["body", "volume_ml"]["2,1"] == icc(ratings)["2,1"]
    assert found.icc["trabecular", "mean_hu"]["2,1"].icc == pytest.approx(1.0)
    assert found.limits["body", "volume_ml"].mean == pytest.approx((ratings[:, 0] - ratings[:, 1]).mean())


def test_what_cannot_be_compared_is_said_in_one_line(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"3 readers \(A, B, C\); name those"):
        interrater(dataset)
    with pytest.raises(InputError, match="at least two"):
        interrater(dataset, ["A"])
    with pytest.raises(InputError, match="No case has masks of all"):
        interrater(dataset, ["A", "D"])


def test_an_adjudicated_mask_counts_and_remembers_what_it_settles(tmp_path: Path) -> None:
    volume, labels = tiny_case()
    readers = [
        add_case(tmp_path, volume, NewMask(one, reader=who)) for one, who in ((labels, "A"), (grown(labels), "B"))
    ]
    settled = add_case(tmp_path, volume, NewMask(labels, "adjudicated", reader="C"))
    assert settled.case.current.id == settled.mask_id
    assert set(settled.case.current.record.made_from) == {one.mask_id for one in readers}
    assert [mask.record.role for mask in settled.case.masks] == ["reader", "reader", "adjudicated"]
    later = add_case(tmp_path, volume, NewMask(grown(labels), reader="A"))
    assert later.case.current.id == settled.mask_id
