"""Detections in the scene: a box per vertebra, frames that the slice views cut, a table, all in the case's folder."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from OsteoScreenLib.bone_status import NAMES, STATUSES
from OsteoScreenLib.detection.grouping import vote
from OsteoScreenLib.result import Detection, ModelUse, ScreeningResult, SliceBox
from OsteoScreenLib.scene.bundle import load_bundle, new_scene, save_bundle
from OsteoScreenLib.scene.case import add_case
from OsteoScreenLib.scene.detected import detection_nodes, detection_of, set_boxes_visible, show_detection
from OsteoScreenLib.scene.volumes import add_volume
from OsteoScreenLib.scene.working_case import add_segmented

if TYPE_CHECKING:
    import slicer

SCORES = {"L1": (0.7, 0.2, 0.1), "L2": (0.1, 0.6, 0.2), "L3": (0.1, 0.2, 0.6)}


@pytest.fixture
def detected(result: ScreeningResult) -> ScreeningResult:
    """The case with three boxes on each of L1-L3, and one that belongs nowhere."""
    boxes = [
        SliceBox(3 * n + m, (-20.0, -15.0, -40.0 * n + 3 * m), (22.0, 17.0, -40.0 * n + 3 * m), scores, level)
        for n, (level, scores) in enumerate(SCORES.items())
        for m in range(3)
    ]
    boxes.append(SliceBox(0, (60.0, -15.0, 0.0), (80.0, 17.0, 0.0), (0.4, 0.1, 0.0)))
    return replace(result, detection=Detection(tuple(boxes), vote(boxes), ModelUse("detect", "0", "", "boxes"), "cpu"))


def test_each_vertebra_has_a_box_that_says_its_status(scene: "slicer.vtkMRMLScene", detected: ScreeningResult) -> None:
    boxes = add_case(scene, detected).detection.boxes
    assert [node.GetName() for node in boxes.values()] == ["L1 normal 70%", "L2 osteopenia 67%", "L3 osteoporosis 67%"]
    for node, status, one in zip(boxes.values(), STATUSES, detected.detection.vertebrae, strict=True):
        assert np.array(node.GetCenter()) - np.array(node.GetSize()) / 2 == pytest.approx(one.low)
        assert np.array(node.GetCenter()) + np.array(node.GetSize()) / 2 == pytest.approx(one.high)
        assert node.GetDisplayNode().GetSelectedColor() == pytest.approx(status.color, abs=1e-6)
        assert node.GetLocked()


def test_an_axial_plane_cuts_a_frame_in_the_rectangle_of_its_slice(
    scene: "slicer.vtkMRMLScene", detected: ScreeningResult
) -> None:
    from vtkmodules.vtkCommonDataModel import vtkPlane
    from vtkmodules.vtkFiltersCore import vtkCutter

    frames = add_case(scene, detected).detection.slices
    assert list(frames) == list(SCORES)
    assert all(node.GetDisplayNode().GetVisibility2D() for node in frames.values())
    plane, cutter = vtkPlane(), vtkCutter()
    plane.SetOrigin(0, 0, -40 + 3)
    plane.SetNormal(0, 0, 1)
    cutter.SetCutFunction(plane)
    cutter.SetInputData(frames["L2"].GetPolyData())
    cutter.Update()
    assert cutter.GetOutput().GetBounds() == pytest.approx((-20, 22, -15, 17, -37, -37))
    assert cutter.GetOutput().GetNumberOfLines() == 4


def test_all_lies_in_the_folder_and_comes_back_from_a_file(
    scene: "slicer.vtkMRMLScene", detected: ScreeningResult, tmp_path: Path
) -> None:
    import slicer
    import slicer.util

    nodes = add_case(scene, detected)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    items = [hierarchy.GetItemByDataNode(node) for node in nodes.detection.all]
    assert {hierarchy.GetItemParent(item) for item in items} == {nodes.folder}
    frame = slicer.util.dataframeFromTable(nodes.detection.table)
    assert frame["status"].tolist() == list(NAMES)
    assert frame["slices"].tolist() == [3, 3, 3]
    save_bundle(scene, tmp_path / "case.mrb")
    with new_scene() as other:
        load_bundle(other, tmp_path / "case.mrb")
        for node in nodes.detection.all:
            assert other.GetFirstNodeByName(node.GetName()).GetClassName() == node.GetClassName()
        back = other.GetFirstNodeByName("L2 boxes on slices").GetPolyData().GetBounds()
        assert back == pytest.approx(nodes.detection.slices["L2"].GetPolyData().GetBounds())


def test_a_case_without_detections_is_as_before(scene: "slicer.vtkMRMLScene", result: ScreeningResult) -> None:
    assert add_case(scene, result).detection is None
    assert scene.GetNumberOfNodesByClass("vtkMRMLMarkupsROINode") == 0


def test_a_detection_hangs_on_its_segmentation_and_is_filtered_and_hidden(
    scene: "slicer.vtkMRMLScene", detected: ScreeningResult, tmp_path: Path
) -> None:
    volume = add_volume(scene, detected.volume)
    node = add_segmented(scene, detected.segmentation, volume)
    assert detection_of(node) is None
    show_detection(node, detected.detection)
    nodes = show_detection(node, detected.detection, confidence=0.65)
    assert detection_of(node) == detected.detection
    assert len(detection_nodes(node)) == len(nodes.all) == 7
    assert scene.GetNumberOfNodesByClass("vtkMRMLMarkupsROINode") == 3
    frames = {level: one.GetPolyData().GetNumberOfCells() for level, one in nodes.slices.items()}
    assert frames == {"L1": 12, "L2": 0, "L3": 0}
    set_boxes_visible(node, False)
    assert not any(one.GetDisplayNode().GetVisibility() for one in [*nodes.boxes.values(), *nodes.slices.values()])
    save_bundle(scene, tmp_path / "scene.mrb")
    with new_scene() as again:
        load_bundle(again, tmp_path / "scene.mrb")
        back = again.GetFirstNodeByClass("vtkMRMLSegmentationNode")
        assert detection_of(back) == detected.detection
        assert len(detection_nodes(back)) == 7
