from pathlib import Path

import pytest

from OsteoScreenLib.annotation import queue as queues
from OsteoScreenLib.annotation.adding import NewMask, add_case
from OsteoScreenLib.annotation.checking import check
from OsteoScreenLib.annotation.dataset import Dataset, open_dataset
from OsteoScreenLib.annotation.index import write_index
from OsteoScreenLib.annotation.queue import look_at_all, queue
from OsteoScreenLib.models import find, read_card
from OsteoScreenLib.result import ModelUse, VertebraFinding
from OsteoScreenLib.segmentation.second_look import SecondLook
from Testing.annotation.tiny_cases import tiny_case


def named(confidence: float) -> tuple[VertebraFinding, ...]:
    return tuple(VertebraFinding(level, one, True, (0.0, 0, 0)) for level, one in (("L1", confidence), ("L2", 1.0)))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Five proposals in different doubt, added in the order sure, names, boxes, lost, unknown; and a reviewed case."""
    folder = tmp_path_factory.mktemp("queue") / "dataset"
    known = [
        {"findings": named(1.0), "detected": (("L1", 0.8), ("L2", 0.9))},
        {"findings": named(0.75), "detected": (("L1", 0.8), ("L2", 0.9))},
        {"findings": named(0.98), "detected": (("L1", 0.35), ("L2", 0.9))},
        {"findings": named(0.6), "detected": (("L1", 0.8), ("L2", 0.0))},
        {},
    ]
    for seed, facts in enumerate(known):
        volume, labels = tiny_case(seed)
        add_case(folder, volume, NewMask(labels, "proposal", engine="st-unet", **facts))
    volume, labels = tiny_case(9)
    add_case(folder, volume, NewMask(labels, reader="A"))
    write_index(folder)
    return open_dataset(folder)


def test_unreviewed_cases_come_by_doubt_and_each_says_why(dataset: Dataset) -> None:
    waiting = queue(dataset)
    order = sorted((case for case in dataset.cases if not case.reviewed), key=lambda case: case.record.added)
    assert [order.index(one.case) for one in waiting] == [3, 2, 1, 0, 4]
    lost, boxes, names, sure, unknown = waiting
    assert lost.score == 1.0
    assert "L2 is outlined, but the detector saw no such vertebra" in lost.reasons[0]
    assert "L1: 60% sure" in lost.reasons[1]
    assert "detector's box of L1" in boxes.reasons[0]
    assert "35%" in boxes.reasons[0]
    assert boxes.score == pytest.approx(1 - (1 - 0.5) * (1 - 0.04), abs=1e-3)
    assert names.reasons == ("the names of its levels are uncertain (L1: 75% sure)",)
    assert names.score == pytest.approx(0.5)
    assert (sure.score, unknown.score) == (0.0, 0.0)
    assert "nobody looked again" in unknown.reasons[0]


def test_a_second_look_weighs_by_blur_and_by_difference(dataset: Dataset) -> None:
    order = sorted((case.id for case in dataset.cases if not case.reviewed), key=lambda one: one)
    looks = {one: {"L1": SecondLook(0.1, 0.99)} for one in order}
    looks[order[0]] = {"L1": SecondLook(0.9, 0.97), "L2": SecondLook(0.1, 0.99)}
    looks[order[1]] = {"L1": SecondLook(0.2, 0.99), "L2": SecondLook(0.2, 0.6)}
    found = {one.case.id: one for one in queue(dataset, looks)}
    assert any("outline of L1 is blurred (entropy 0.90" in text for text in found[order[0]].reasons)
    assert any("outlines L2 differently now (Dice 0.60)" in text for text in found[order[1]].reasons)


def test_a_look_is_taken_once_for_each_mask_and_model(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    card = read_card(find("refine"))
    seen = []

    def look_twice(volume, labels, *_: object):
        seen.append(volume.name)
        return {"L1": SecondLook(0.4, 0.9)}, ModelUse(card.name, card.version, card.sha256, "")

    monkeypatch.setattr(queues, "look_twice", look_twice)
    first = look_at_all(dataset)
    assert len(seen) == len(first) == 5
    assert look_at_all(dataset) == first
    assert len(seen) == 5
    next(Path(dataset.folder / "doubts").iterdir()).write_text("{")
    assert look_at_all(dataset) == first
    assert len(seen) == 6
    assert check(dataset.folder).problems == ()
