"""The detection job on boxes of known place, with a detector that sees what is bright."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from OsteoScreenLib.bone_status import NAMES
from OsteoScreenLib.cli import main
from OsteoScreenLib.detecting import FILES, NONE_OUTLINED, detect_case
from OsteoScreenLib.detection.dsnet import Boxes
from OsteoScreenLib.errors import AnatomyError, Cancelled
from OsteoScreenLib.evaluation.boxes import intersection_over_union
from OsteoScreenLib.findings import Finding, Measure, Severity
from OsteoScreenLib.image_file import write_image
from OsteoScreenLib.levels import SCREENED, body_mask
from OsteoScreenLib.result import ModelUse, Segmentation
from OsteoScreenLib.segmentation.engines import segment
from OsteoScreenLib.segmentation.levels_along import FoundLine
from OsteoScreenLib.segmentation.spine import SpineLine
from OsteoScreenLib.volume import Volume, grid
from Testing.conftest import TRABECULAR_HU, BoxCase

BRIGHT_HU = 70.0


class _Network:
    def to(self, device: str) -> "_Network":
        return self


def _by_brightness(network: _Network, images: np.ndarray, device: str) -> list[Boxes]:
    """Find what is brighter than water, and call it by its HU: normal, osteopenia below 155, osteoporosis below 125."""
    found = []
    for image in images:
        hu = image[0] * 800 - 200
        rows, columns = np.nonzero(hu > BRIGHT_HU)
        if len(rows) < 200:
            found.append(Boxes(np.zeros((0, 4), np.float32), np.zeros((0, 3), np.float32)))
            continue
        inside = float(np.median(hu[rows, columns]))
        corners = np.float32([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]])
        scores = np.float32([[0.8, 0.1, 0.0], [0.1, 0.8, 0.1], [0.0, 0.1, 0.8]])
        found.append(Boxes(corners, scores[[0 if inside > 155 else 1 if inside > 125 else 2]]))
    return found


@pytest.fixture(autouse=True)
def bright(monkeypatch: pytest.MonkeyPatch, box_case: BoxCase) -> None:
    use = ModelUse("detect", "1.0", "a" * 64, "Brightness alone (a test).")
    points = np.array([[0.0, -13.0, z] for z in np.arange(-140.0, -300.0, -5)])
    line = SpineLine(points, (-169.0 - points[:, 2]) / 36)
    monkeypatch.setattr("OsteoScreenLib.detection.detect.load_detector", lambda: (use, _Network()))
    monkeypatch.setattr("OsteoScreenLib.detection.dsnet.predict", _by_brightness)
    monkeypatch.setattr(
        "OsteoScreenLib.detecting.levels_along", lambda *_: FoundLine(line, "cpu", (), ("Found by hand.",))
    )
    monkeypatch.setattr("OsteoScreenLib.detecting.segment", _nothing)


def _nothing(*_: object, **__: object) -> Segmentation:
    raise AnatomyError("No vertebral body of L1-L4 was found.")


@pytest.mark.parametrize("masks", [True, False], ids=["by its masks", "along the spine"])
def test_each_vertebra_is_found_in_its_place(masks: bool, box_case: BoxCase, tmp_path: Path) -> None:
    found = detect_case(box_case.ct_path, tmp_path / "out", labels=box_case.labels_path if masks else None)
    assert [one.level for one in found.vertebrae] == list(SCREENED)
    for one in found.vertebrae:
        k, j, i = np.nonzero(body_mask(box_case.labels.voxels, one.level))
        ends = box_case.volume.to_ras(np.array([[i.min() - 0.5, j.min() - 0.5, k.min() - 0.5],
                                                [i.max() + 0.5, j.max() + 0.5, k.max() + 0.5]]))  # fmt: skip
        overlap = intersection_over_union(np.array([[*one.low, *one.high]]), ends.reshape(1, 6))
        assert overlap[0, 0] > 0.75
        hu = TRABECULAR_HU[one.level]
        assert one.status == NAMES[0 if hu > 155 else 1 if hu > 125 else 2]
        assert one.agreeing / one.slices >= 0.6
    assert ({"Found by hand.", NONE_OUTLINED} <= set(found.notes)) is not masks


def test_without_masks_our_own_outlines_give_the_levels_and_their_doubts(
    box_case: BoxCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outlined = segment(box_case.volume, box_case.labels_path)
    unsure = tuple(replace(one, confidence=0.8) for one in outlined.findings)
    short = Finding("level names", Severity.CAUTION, "Too little spine.", (Measure.NAMES,))
    one_end = replace(short, severity=Severity.NOTE, text="Counted from one end.")
    own = replace(outlined, findings=unsure, doubts=(short, one_end), notes=("A note.",))
    monkeypatch.setattr("OsteoScreenLib.detecting.segment", lambda *_, **__: own)
    found = detect_case(box_case.ct_path, tmp_path / "out")
    masks = detect_case(box_case.ct_path, tmp_path / "masks", labels=box_case.labels_path)
    assert found.boxes == masks.boxes
    assert found.notes == (
        "A note.",
        "L1, L2, L3, L4: The level names are uncertain (confidence 80%): check them.",
        "Too little spine.",
    )


def test_the_folder_holds_boxes_in_mm_voxels_and_pixels(box_case: BoxCase, tmp_path: Path) -> None:
    found = detect_case(box_case.ct_path, tmp_path / "out", labels=box_case.labels_path)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(FILES)
    boxes = pd.read_csv(tmp_path / "out" / "boxes.csv")
    assert len(boxes) == len(found.boxes)
    corners = box_case.volume.to_ras(boxes[["i_low", "j_low", "k_low"]].to_numpy())
    assert corners == pytest.approx(boxes[["r_low_mm", "a_low_mm", "s_low_mm"]].to_numpy(), abs=1e-3)
    assert (boxes.r_high_mm - boxes.r_low_mm).tolist() == pytest.approx([44] * len(boxes), abs=4)
    coco = json.loads((tmp_path / "out" / "boxes.json").read_text())
    assert [one["bbox"][2] * 1.25 for one in coco["annotations"]] == pytest.approx(
        (boxes.r_high_mm - boxes.r_low_mm).tolist(), abs=0.01
    )
    assert {one["name"] for one in coco["categories"]} == set(NAMES)
    assert "brightness alone" in coco["info"]["description"]
    assert (tmp_path / "out" / "slices.png").read_bytes().startswith(b"\x89PNG")


def test_the_command_says_votes_training_and_research_use(
    box_case: BoxCase, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["detect", str(box_case.ct_path), "-o", str(tmp_path / "out"), "--labels", str(box_case.labels_path)]
    assert main(arguments) == 0
    said = capfd.readouterr().out
    assert said.startswith("L1  normal")
    assert "trained on brightness alone" in said
    assert "not a T-score" in said
    assert "Research use only" in said
    assert main([*arguments, "--json"]) == 0
    plain = json.loads(capfd.readouterr().out)
    assert [row["level"] for row in plain["vertebrae"]] == list(SCREENED)
    assert plain["vertebrae"][0]["normal"] > 0.5


def test_an_image_without_lumbar_bodies_gives_no_boxes_and_says_so(tmp_path: Path) -> None:
    water = grid(np.array([0.0, -13.0, -220.0]), (60, 60, 90), 2.0)
    hu = np.full(water.voxels.shape, -1000, np.int16)
    hu[:, 5:55, 5:55] = 20
    write_image(water.with_voxels(hu), tmp_path / "water.nii.gz")
    with pytest.raises(AnatomyError, match="No vertebral body of L1-L4 is seen"):
        detect_case(tmp_path / "water.nii.gz", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_line_that_ends_above_the_lumbar_spine_is_refused(
    box_case: BoxCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chest = SpineLine(np.array([[0.0, 0, 50], [0, 0, -50]]), np.array([-7.0, -3.0]))
    monkeypatch.setattr("OsteoScreenLib.detecting.levels_along", lambda *_: FoundLine(chest, "cpu", (), ()))
    with pytest.raises(AnatomyError, match="does not show L1-L4"):
        detect_case(box_case.ct_path, tmp_path / "out")


def test_cancelling_leaves_the_folder_as_it_was(box_case: BoxCase, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "boxes.csv").write_text("mine")
    calls = iter(range(100))
    with pytest.raises(Cancelled):
        detect_case(box_case.ct_path, tmp_path / "out", cancelled=lambda: next(calls) == 2)
    assert [path.read_text() for path in (tmp_path / "out").iterdir()] == ["mine"]


def test_turning_the_grid_does_not_move_the_boxes(box_case: BoxCase, tmp_path: Path) -> None:
    """The same patient on a grid with its axes in another order and flipped: boxes within a pixel in RAS."""
    first = detect_case(box_case.ct_path, tmp_path / "a", labels=None)
    volume = box_case.volume
    matrix = volume.ijk_to_ras[:, [1, 2, 0, 3]].copy()
    last = volume.voxels.shape[0] - 1
    matrix[:3, 3] += matrix[:3, 1] * last
    matrix[:3, 1] *= -1
    turned = Volume(np.ascontiguousarray(volume.voxels.transpose(2, 0, 1)[:, ::-1]), matrix, volume.acquisition)
    write_image(turned, tmp_path / "turned.nii.gz")
    second = detect_case(tmp_path / "turned.nii.gz", tmp_path / "b", labels=None)
    for one, other in zip(first.vertebrae, second.vertebrae, strict=True):
        assert (one.level, one.status) == (other.level, other.status)
        assert [*one.low, *one.high] == pytest.approx([*other.low, *other.high], abs=1.3)
