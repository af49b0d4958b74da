"""The way of the work through the panel: segment, review, edit, measure again, shift, report. Buttons are clicked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from OsteoScreenLib.levels import SHELL, label
from OsteoScreenLib.result_folder import OWNED, load_record
from OsteoScreenLib.scene.measured import OUTLINE
from Testing.conftest import TRABECULAR_HU, BoxCase

Wait = Callable[..., None]


def load(panel: Any, case: BoxCase) -> Any:
    import slicer

    from OsteoScreenLib.scene.volumes import add_volume

    node = add_volume(slicer.mrmlScene, case.volume)
    panel.ui.volumeSelector.setCurrentNode(node)
    panel.ui.engineComboBox.currentIndex = panel.ui.engineComboBox.count - 1
    panel.ui.enginePathLineEdit.currentPath = str(case.labels_path)
    return node


@pytest.fixture
def segmented(panel: Any, box_case: BoxCase, wait: Wait) -> Any:
    """The panel after Segment, on four boxes of known HU."""
    load(panel, box_case)
    panel.ui.segmentButton.click()
    wait(lambda: not panel.work.running)
    return panel


@pytest.fixture
def measured(segmented: Any, wait: Wait) -> Any:
    segmented.ui.measureButton.click()
    wait(lambda: not segmented.work.running)
    return segmented


def cells(table: Any) -> list[list[str]]:
    return [[table.item(row, column).text() for column in range(table.columnCount)] for row in range(table.rowCount)]


def edit(panel: Any, level: str) -> None:
    """Take the upper half of a level's trabecular part away, as an eraser does."""
    import slicer.util

    from OsteoScreenLib.scene.review import segment_id

    node, volume = panel.case.segmentation, panel.case.volume
    found = segment_id(node, level, "trabecular")
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(node, found, volume).copy()
    slices = np.flatnonzero(mask.any(axis=(1, 2)))
    mask[slices[len(slices) // 2] :] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, found, volume)


def test_the_input_says_how_the_ct_was_made_and_what_to_bear_in_mind(panel: Any, box_case: BoxCase) -> None:
    assert "Choose a CT" in panel.ui.warningsLabel.text
    assert not panel.ui.segmentButton.enabled
    load(panel, box_case)
    assert "120 kVp" in panel.ui.factsLabel.text
    assert "44 x 40 x 76 voxels" in panel.ui.factsLabel.text
    assert "contrast agent" in panel.ui.warningsLabel.text
    assert panel.ui.segmentButton.enabled


def test_segmenting_adds_outlines_and_goes_to_the_first_vertebra(segmented: Any, box_case: BoxCase) -> None:
    assert np.array_equal(segmented.case.labels(), box_case.labels.voxels)
    assert [row[:2] for row in cells(segmented.ui.reviewTable)] == [[f"L{n}", "○ to review"] for n in range(1, 5)]
    assert segmented.case.level == "L1"
    assert segmented.ui.segmentEditorWidget.currentSegmentID() == "L1_body"
    assert "Found L1, L2, L3, L4" in segmented.ui.statusLabel.text
    assert segmented.ui.segmentationSelector.currentNode() is segmented.case.segmentation


def test_a_case_goes_all_the_way(measured: Any, wait: Wait, tmp_path: Path) -> None:
    """Segment, measure, edit a mask, stale row, measure again, shift levels, report."""
    panel = measured
    before = {row["level"]: row["trabecular_mean_hu"] for row in panel.measure.rows}
    assert before == pytest.approx(TRABECULAR_HU, abs=0.01)
    assert cells(panel.ui.measureTable)[1][:4] == ["L2", "170", "170", "–"]

    edit(panel, "L2")
    wait(lambda: panel.measure.rows[1][OUTLINE] == "edited since", 10)
    assert [row[-1] for row in cells(panel.ui.measureTable)] == ["as measured", "✎ edited since", *["as measured"] * 2]
    assert cells(panel.ui.reviewTable)[1][1] == "✎ edited"
    assert panel.ui.measureButton.text == "Measure 1 edited again"

    panel.ui.measureButton.click()
    wait(lambda: not panel.work.running)
    after = {row["level"]: row for row in panel.measure.rows}
    assert after["L2"]["shell_mean_hu"] < 400 - 1
    assert after["L2"]["trabecular_volume_ml"] < 0.6 * after["L1"]["trabecular_volume_ml"]
    assert all(row[OUTLINE] == "as measured" for row in after.values())

    panel.goTo("L1")
    panel.ui.acceptButton.click()
    panel.ui.shiftDownButton.click()
    assert [row[:3] for row in cells(panel.ui.reviewTable)] == [
        ["L2", "✓ accepted", "L1"], ["L3", "✎ edited", "L2"], ["L4", "○ to review", "L3"], ["L5", "○ to review", "L4"],
    ]  # fmt: skip
    assert [row[0] for row in cells(panel.ui.measureTable)] == ["L2", "L3", "L4", "L5"]
    assert all(row[OUTLINE] == "as measured" for row in panel.measure.rows)

    panel.ui.caseFolderPathLineEdit.currentPath = str(tmp_path / "case")
    panel.ui.saveCaseButton.click()
    wait(lambda: not panel.work.running, 300)
    assert panel.ui.statusLabel.text == f"Saved in {tmp_path / 'case'}."
    assert {path.name for path in (tmp_path / "case").iterdir()} == set(OWNED)
    assert panel.ui.openReportButton.enabled
    record = load_record(tmp_path / "case")
    assert [row["level"] for row in record.measurements] == ["L2", "L3", "L4"]
    assert set(record.notes) >= {
        "Edited by hand: L3.", "Accepted on review: L2.", "The level names were shifted by hand.",
    }  # fmt: skip
    signed, edited, *_ = record.review
    assert (signed.level, signed.proposed_level, signed.status, signed.dice) == ("L2", "L1", "accepted", 1.0)
    assert signed.decision.who
    assert signed.decision.seconds is not None
    assert (edited.status, edited.dice, edited.assd) == ("edited", 1.0, 0.0)  # the hand was in its trabecular part


def test_live_rows_follow_the_hand(measured: Any, wait: Wait) -> None:
    measured.ui.liveCheckBox.checked = True
    before = measured.measure.rows[3]["trabecular_volume_ml"]
    edit(measured, "L4")
    wait(lambda: measured.measure.rows[3]["trabecular_volume_ml"] < 0.6 * before, 60)
    wait(lambda: not measured.work.running)
    assert measured.measure.rows[3][OUTLINE] == "as measured"


def test_a_signature_gives_scores_until_the_outlines_change(measured: Any, wait: Wait, tmp_path: Path) -> None:
    from OsteoScreenLib.signature.rad_score import RadScore, Settings, write

    name = "original_firstorder_Mean"
    model = RadScore(
        label="low", roi="trabecular", features=(name,), means=(0.0,), scales=(1.0,), coefficients=(0.01,),
        intercept=-1.0, lambda_=0.1, cutoff=0.0, settings=Settings(), training={},
    )  # fmt: skip
    write(model, tmp_path / "model.json")
    assert not measured.ui.radScoreButton.enabled
    measured.ui.signaturePathLineEdit.currentPath = str(tmp_path / "model.json")
    measured.ui.radScoreButton.click()
    wait(lambda: not measured.work.running, 300)
    rows = cells(measured.ui.radScoreTable)
    assert [row[:2] for row in rows] == [[f"L{n}", "trabecular"] for n in range(1, 5)], measured.ui.statusLabel.text
    scores = [float(row[2]) for row in rows]
    assert scores == sorted(scores, reverse=True), "the means fall from L1 to L4"
    edit(measured, "L2")
    wait(lambda: measured.ui.radScoreTable.rowCount == 0, 10)


def test_a_row_leads_to_its_vertebra(measured: Any) -> None:
    measured.ui.measureTable.cellClicked.emit(2, 0)
    assert measured.case.level == "L3"
    assert measured.ui.segmentEditorWidget.currentSegmentID() == "L3_body"
    measured.ui.partComboBox.currentIndex = 1
    assert measured.ui.segmentEditorWidget.currentSegmentID() == "L3_trabecular"
    measured.ui.nextButton.click()
    assert measured.case.level == "L4"
    measured.ui.nextButton.click()
    assert measured.case.level == "L1"
    measured.ui.previousButton.click()
    assert measured.case.level == "L4"


def test_decisions_are_taken_and_taken_back(segmented: Any) -> None:
    segmented.goTo("L3")
    segmented.ui.rejectButton.click()
    assert cells(segmented.ui.reviewTable)[2][1] == "✗ rejected"
    assert segmented.ui.reviewLabel.text == "1 of 4 decided"
    segmented.ui.reopenButton.click()
    assert segmented.ui.reviewLabel.text == "0 of 4 decided"


def test_a_shift_that_cannot_be_is_refused_in_words(segmented: Any) -> None:
    for _ in range(3):
        segmented.ui.shiftDownButton.click()
    assert "S1 is the lowest" in segmented.ui.reviewLabel.text
    assert segmented.review.levels == ["L3", "L4", "L5", "S1"]


def test_cancelling_leaves_the_scene_as_it_was_and_no_process(panel: Any, box_case: BoxCase, wait: Wait) -> None:
    import slicer

    load(panel, box_case)
    panel.ui.engineComboBox.currentIndex = 0
    before = slicer.mrmlScene.GetNumberOfNodes()
    panel.ui.segmentButton.click()
    process, folder = psutil.Process(panel.work.worker._process.pid), panel.work.folder
    assert not panel.ui.segmentButton.enabled
    for _ in range(20):
        slicer.app.processEvents()
    panel.ui.cancelButton.click()
    assert not process.is_running()
    assert not folder.exists()
    assert slicer.mrmlScene.GetNumberOfNodes() == before
    assert panel.ui.statusLabel.text == "Cancelled. Nothing was written."
    assert panel.ui.segmentButton.enabled


def test_closing_the_scene_ends_the_work(panel: Any, box_case: BoxCase) -> None:
    import slicer

    load(panel, box_case)
    panel.ui.engineComboBox.currentIndex = 0
    panel.ui.segmentButton.click()
    process = psutil.Process(panel.work.worker._process.pid)
    slicer.mrmlScene.Clear(False)
    assert not process.is_running()
    assert not panel.work.running
    assert panel.ui.reviewTable.rowCount == 0


def test_an_engine_that_cannot_read_its_file_says_so(panel: Any, box_case: BoxCase, wait: Wait, tmp_path: Path) -> None:
    load(panel, box_case)
    (tmp_path / "broken.nii.gz").write_bytes(b"no image")
    panel.ui.enginePathLineEdit.currentPath = str(tmp_path / "broken.nii.gz")
    panel.ui.segmentButton.click()
    wait(lambda: not panel.work.running)
    assert "broken.nii.gz" in panel.ui.statusLabel.text
    assert panel.case.segmentation is None


def test_a_second_run_leaves_edited_outlines_alone(measured: Any, wait: Wait) -> None:
    import slicer

    edit(measured, "L2")
    first = measured.case.segmentation
    edited = measured.case.labels()
    wait(lambda: measured.measure.rows[1][OUTLINE] == "edited since", 10)
    measured.ui.segmentButton.click()
    wait(lambda: not measured.work.running)
    assert measured.case.segmentation is not first
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 2
    measured.ui.segmentationSelector.setCurrentNode(first)
    assert np.array_equal(measured.case.labels(), edited)
    assert (edited == label("L2", SHELL)).sum() > (measured.case.labels() == label("L1", SHELL)).sum()
    assert len(measured.measure.rows) == 4


def test_another_ct_comes_with_its_own_outlines_or_none(segmented: Any, box_case: BoxCase) -> None:
    import slicer

    from OsteoScreenLib.scene.volumes import add_volume

    first, outlines = segmented.case.volume, segmented.case.segmentation
    other = add_volume(slicer.mrmlScene, box_case.volume)
    other.SetName("other")
    segmented.ui.volumeSelector.setCurrentNode(other)
    assert segmented.case.segmentation is None
    assert segmented.ui.reviewTable.rowCount == 0
    segmented.ui.segmentationSelector.setCurrentNode(outlines)
    assert "made over 'boxes'" in segmented.ui.warningsLabel.text
    segmented.ui.volumeSelector.setCurrentNode(first)
    assert segmented.case.segmentation is outlines
    assert "made over" not in segmented.ui.warningsLabel.text


def test_a_cohort_becomes_plots(panel: Any, tmp_path: Path) -> None:
    import slicer

    rng = np.random.default_rng(0)
    labels = np.arange(80) % 2
    rows = [f"{y},{y + rng.normal():.4f},{y + 2 * rng.normal():.4f}" for y in labels]
    (tmp_path / "cohort.csv").write_text("low,hu,score\n" + "\n".join(rows) + "\n")
    panel.ui.cohortPathLineEdit.currentPath = str(tmp_path / "cohort.csv")
    assert not panel.ui.evaluateButton.enabled
    panel.ui.labelComboBox.currentIndex = 0
    for row in (1, 2):
        panel.ui.scoresListWidget.item(row).setSelected(True)
    panel.ui.evaluateButton.click()
    assert panel.ui.cohortLabel.text.startswith("all rows, hu: AUC 0.")
    assert slicer.app.layoutManager().layout == slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpPlotView
    assert slicer.modules.plots.logic().shown[-1].GetTitle() == "cohort all rows ROC"
    panel.ui.labelComboBox.currentIndex = 1
    panel.ui.evaluateButton.click()
    assert "labels are 1 and 0" in panel.ui.cohortLabel.text


def test_a_detection_is_shown_filtered_and_hidden(measured: Any) -> None:
    from OsteoScreenLib.detection.grouping import vote
    from OsteoScreenLib.result import Detection, ModelUse, SliceBox

    panel = measured
    boxes = [SliceBox(n, (-20, -20, -40.0 * n), (20, 20, -40.0 * n), (0.1, 0.2, 0.6), f"L{n + 1}") for n in range(4)]
    detection = Detection(tuple(boxes), vote(boxes), ModelUse("detect", "0", "", "Made-up boxes"), "cpu")
    panel.detect.onDetected(panel.case.segmentation, detection)
    assert cells(panel.ui.detectTable)[1] == ["L2", "osteoporosis", "67%", "1", "1"]
    assert "Made-up boxes" in panel.ui.statusLabel.text or "made-up boxes" in panel.ui.statusLabel.text
    panel.ui.detectTable.cellClicked.emit(2, 0)
    assert panel.case.level == "L3"
    panel.ui.confidenceSpinBox.value = 0.7
    frames = panel.case.segmentation.GetNthNodeReference("OsteoScreen.detection", 4)
    assert frames.GetPolyData().GetNumberOfCells() == 0
    panel.ui.boxesCheckBox.checked = False
    assert not frames.GetDisplayNode().GetVisibility()


def test_the_detector_looks_along_the_outlines(measured: Any, wait: Wait) -> None:
    """The section is there where a detector is installed; a made-up CT of boxes shows it nothing that is a body."""
    from OsteoScreenPanel.dependencies import has_model

    shown = measured.ui.detectCollapsibleButton.qobject.isHidden()
    assert shown != has_model("detect")
    if not has_model("detect"):
        pytest.skip("no detector is shipped yet")
    measured.ui.detectButton.click()
    wait(lambda: not measured.work.running, 300)
    assert measured.detect.levels or "No vertebral body" in measured.ui.statusLabel.text


def test_the_self_test_passes(module: Any) -> None:
    module.OsteoScreenTest().runTest()
