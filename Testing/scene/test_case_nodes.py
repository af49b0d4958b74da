from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from OsteoScreenLib.errors import LabelMapError
from OsteoScreenLib.levels import BY_NAME
from OsteoScreenLib.result import ScreeningResult
from OsteoScreenLib.scene.case import add_case
from OsteoScreenLib.scene.folders import item_of
from OsteoScreenLib.scene.volumes import add_volume

if TYPE_CHECKING:
    import slicer


@pytest.fixture
def hierarchy(scene: "slicer.vtkMRMLScene") -> "slicer.vtkMRMLSubjectHierarchyNode":
    import slicer

    return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)


def test_tables_hold_numbers_and_words(scene: "slicer.vtkMRMLScene", result: ScreeningResult) -> None:
    import slicer.util

    frame = slicer.util.dataframeFromTable(add_case(scene, result).measurements)
    assert frame["level"].tolist() == ["L1", "L2", "L3", "L4"]
    assert frame["trabecular_mean_hu"].to_numpy() == pytest.approx([151.25, 140.5, np.nan, 99.0], nan_ok=True)
    assert frame["complete"].tolist() == ["yes", "yes", "yes", "no"]


def test_each_ellipse_is_a_closed_curve_where_it_was_measured(
    scene: "slicer.vtkMRMLScene", result: ScreeningResult
) -> None:
    import slicer.util

    nodes = add_case(scene, result)
    assert list(nodes.rois) == ["L1", "L2", "L3", "L4"]
    for level, curve in nodes.rois.items():
        roi = result.rois[level]
        offsets = slicer.util.arrayFromMarkupsCurvePoints(curve) - np.asarray(roi.centre)
        x, y = offsets @ roi.lateral / 6.0, offsets @ roi.anterior / 3.5
        assert np.hypot(x, y) == pytest.approx(1, abs=0.01)
        assert np.abs(offsets @ np.cross(roi.lateral, roi.anterior)).max() < 1e-3
        assert curve.GetLocked()
        assert curve.GetDisplayNode().GetSelectedColor() == pytest.approx(BY_NAME[level].color, abs=1e-6)


def test_the_chart_shows_the_trabecular_means(scene: "slicer.vtkMRMLScene", result: ScreeningResult) -> None:
    nodes = add_case(scene, result)
    series = nodes.chart.GetNthPlotSeriesNode(0)
    assert series.GetTableNode().GetID() == nodes.measurements.GetID()
    assert (series.GetLabelColumnName(), series.GetYColumnName()) == ("level", "trabecular_mean_hu")


def test_the_case_is_one_folder_beside_its_ct(
    scene: "slicer.vtkMRMLScene", result: ScreeningResult, hierarchy: "slicer.vtkMRMLSubjectHierarchyNode"
) -> None:
    ct = add_volume(scene, result.volume)
    study = hierarchy.CreateStudyItem(hierarchy.GetSceneItemID(), "study")
    hierarchy.SetItemParent(item_of(scene, ct), study)
    nodes = add_case(scene, result, ct)
    assert nodes.volume is ct
    assert scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 1
    assert hierarchy.GetItemParent(nodes.folder) == study
    for node in (nodes.segmentation, nodes.measurements, nodes.features, nodes.chart, *nodes.rois.values()):
        assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) == nodes.folder


def test_a_second_run_leaves_the_first_as_it_is(scene: "slicer.vtkMRMLScene", result: ScreeningResult) -> None:
    first = add_case(scene, result)
    before = first.segmentation.GetMTime()
    second = add_case(scene, result, first.volume)
    assert second.segmentation.GetID() != first.segmentation.GetID()
    assert second.folder != first.folder
    assert first.segmentation.GetMTime() == before


def test_a_case_without_vertebrae_leaves_the_scene_as_it_is(
    scene: "slicer.vtkMRMLScene", result: ScreeningResult
) -> None:
    nothing = result.volume.with_voxels(np.zeros(result.volume.voxels.shape, dtype=np.uint16))
    before = scene.GetNumberOfNodes()
    with pytest.raises(LabelMapError):
        add_case(scene, replace(result, segmentation=replace(result.segmentation, labels=nothing)))
    assert scene.GetNumberOfNodes() == before
