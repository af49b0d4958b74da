"""A case that a hand corrects: masks, decisions, names and numbers stay together, also in a scene opened later."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from OsteoScreenLib.annotation.review import Status
from OsteoScreenLib.annotation.segments import segment_named
from OsteoScreenLib.detection.grouping import vote
from OsteoScreenLib.errors import InputError, LabelMapError
from OsteoScreenLib.findings import DENSITY, Finding, Measure, Severity
from OsteoScreenLib.levels import SHELL, label
from OsteoScreenLib.measurement.hounsfield import AnteriorRoi, measure
from OsteoScreenLib.result import Detection, ModelUse, ScreeningResult, SliceBox
from OsteoScreenLib.scene.bundle import save_bundle
from OsteoScreenLib.scene.detected import detection_of, show_detection
from OsteoScreenLib.scene.findings import TABLE, findings_of, show_findings, usable_levels
from OsteoScreenLib.scene.measured import (
    CHART,
    OUTLINE,
    mark_stale,
    measurements_of,
    show_measurements,
    to_measure,
)
from OsteoScreenLib.scene.parameters import SEGMENTATION, VOLUME, choose, chosen, parameter_node
from OsteoScreenLib.scene.review import (
    centre_of,
    jump_to,
    our_segments,
    review_of,
    segment_id,
    set_status,
    shift_levels,
)
from OsteoScreenLib.scene.tables import rows_of
from OsteoScreenLib.scene.views import add_slice_views
from OsteoScreenLib.scene.volumes import add_volume, volume_from_node
from OsteoScreenLib.scene.working_case import add_segmented, ct_of, labels_now, outlines_over, segmentation_now

if TYPE_CHECKING:
    import slicer

Nodes = tuple["slicer.vtkMRMLSegmentationNode", "slicer.vtkMRMLScalarVolumeNode"]
METAL = Finding("metal", Severity.CLOSED, "Metal lies in the body.", DENSITY, ("L2",))
NOISE = Finding("noise", Severity.NOTE, "Noise in soft tissue 12 HU.")
BOXES = tuple(SliceBox(0, (-20.0, -15.0, 0.0), (20.0, 15.0, 0.0), (0.2, 0.6, 0.1), level) for level in ("L2", None))
VOTES = Detection(BOXES, vote(BOXES), ModelUse("detect", "0", "", "boxes"), "cpu")
NETWORK = ModelUse("refine", "1.0", "0" * 64, "Synthetic CT")


@pytest.fixture
def nodes(scene: "slicer.vtkMRMLScene", result: ScreeningResult) -> Nodes:
    volume = add_volume(scene, result.volume)
    proposal = replace(result.segmentation, engine="st-unet", models=(NETWORK,), notes=("A note.",))
    return add_segmented(scene, proposal, volume), volume


def measured(nodes: Nodes, levels: list[str] | None = None) -> None:
    node, volume_node = nodes
    ct, labels = ct_of(volume_node), labels_now(*nodes)
    levels = levels or to_measure(node, labels)
    on_grid = ct.with_voxels(labels)
    rois = {level: ellipse(node, level) for level in levels}
    show_measurements(node, measure(ct, on_grid, levels, rois), rois, labels)


def ellipse(node: "slicer.vtkMRMLSegmentationNode", level: str) -> AnteriorRoi:
    return AnteriorRoi(level, tuple(centre_of(node, level)), (-1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (6.0, 3.5))


def paint(node: "slicer.vtkMRMLSegmentationNode", level: str) -> None:
    """Paint what one stroke on a level's body would: a few voxels of its layer."""
    from vtkmodules.util.numpy_support import vtk_to_numpy

    segment = node.GetSegmentation().GetSegment(segment_id(node, level))
    image = segment.GetRepresentation("Binary labelmap")
    values = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
    place = np.argwhere(values == segment.GetLabelValue())[0]
    values[place[0], 2:6, place[2]] = segment.GetLabelValue()
    image.Modified()


def rows(node: "slicer.vtkMRMLSegmentationNode") -> dict[str, dict]:
    return {row["level"]: row for row in rows_of(measurements_of(node))}


def test_numbers_are_the_librarys_and_hang_on_their_segmentation(nodes: Nodes) -> None:
    measured(nodes)
    ct = ct_of(nodes[1])
    truth = measure(ct, ct.with_voxels(labels_now(*nodes))).set_index("level")
    for level, row in rows(nodes[0]).items():
        assert row["trabecular_mean_hu"] == pytest.approx(truth.trabecular_mean_hu[level], abs=1e-9)
        assert row[OUTLINE] == "as measured"
    assert list(rows(nodes[0])) == ["L1", "L2", "L3", "L4"]
    assert nodes[0].GetNodeReference(CHART).GetNthPlotSeriesNode(0).GetTableNode() is measurements_of(nodes[0])


def test_an_edit_makes_its_row_stale_until_it_is_measured_again(nodes: Nodes) -> None:
    node, volume_node = nodes
    measured(nodes)
    assert mark_stale(node, labels_now(*nodes)) == []
    before = rows(node)
    paint(node, "L2")
    assert mark_stale(node, labels_now(*nodes)) == ["L2"]
    assert [row[OUTLINE] for row in rows(node).values()] == ["as measured", "edited since", *["as measured"] * 2]
    assert to_measure(node, labels_now(*nodes)) == ["L2"]
    table = measurements_of(node)
    measured(nodes)
    assert measurements_of(node) is table
    after = rows(node)
    assert after["L2"]["body_volume_ml"] > before["L2"]["body_volume_ml"]
    assert all(row[OUTLINE] == "as measured" for row in after.values())
    assert all(after[level] == pytest.approx(before[level], nan_ok=True) for level in ("L1", "L3", "L4"))
    assert volume_node.GetScene().GetNumberOfNodesByClass("vtkMRMLMarkupsClosedCurveNode") == 4


def test_the_review_follows_the_masks_and_slicers_own_status(nodes: Nodes) -> None:
    from vtkmodules.vtkCommonCore import reference

    node, _ = nodes
    set_status(node, "L1", Status.ACCEPTED)
    set_status(node, "L4", Status.REJECTED)
    paint(node, "L2")
    found = segmentation_now(*nodes)
    assert [str(one.status) for one in review_of(node)] == ["accepted", "edited", "to review", "rejected"]
    tags = {}
    for _, vtk_segment, segment in our_segments(node):
        tag = reference("")
        vtk_segment.GetTag("Segmentation.Status", tag)
        tags[segment.level.name] = tag.get()
    assert tags == {"L1": "completed", "L2": "inprogress", "L3": "notstarted", "L4": "flagged"}
    assert [one.level for one in found.findings] == ["L1", "L2", "L3"]
    assert [one.confidence for one in found.findings] == [0.9] * 3
    assert found.models == (NETWORK,)
    assert found.notes[:4] == (
        "A note.", "Edited by hand: L2.", "Accepted on review: L1.", "Rejected on review: L4.",
    )  # fmt: skip


def test_a_shift_renames_everything_and_touches_no_voxel(nodes: Nodes, result: ScreeningResult) -> None:
    from vtkmodules.vtkCommonCore import reference

    node, _ = nodes
    measured(nodes)
    before, labels = rows(node), labels_now(*nodes)
    ids = node.GetSegmentation().GetSegmentIDs()
    set_status(node, "L1", Status.ACCEPTED)
    show_findings(node, (METAL, NOISE))
    show_detection(node, VOTES)
    assert usable_levels(node, ["L1", "L2"], Measure.FEATURES) == ["L1"]
    with pytest.raises(InputError, match="Metal lies in the body"):
        usable_levels(node, ["L2"], Measure.FEATURES)
    shift_levels(node, 1)
    assert findings_of(node) == (replace(METAL, levels=("L3",)), NOISE)
    assert [row["levels"] for row in rows_of(node.GetNodeReference(TABLE))] == ["L3", "all"]
    assert [one.level for one in detection_of(node).vertebrae] == ["L3"]
    assert {box.level for box in detection_of(node).boxes} == {"L3", None}
    after = labels_now(*nodes)
    assert np.array_equal(after, np.where(labels > 0, labels + 10, 0))
    assert node.GetSegmentation().GetSegmentIDs() == ids
    for _, vtk_segment, segment in our_segments(node):
        tag = reference("")
        assert vtk_segment.GetTag("TerminologyEntry", tag)
        assert tag.get() == segment_named(segment.name).terminology
        assert vtk_segment.GetColor() == pytest.approx(segment.color, abs=1e-6)
    assert mark_stale(node, after) == []
    assert to_measure(node, after) == []
    assert list(rows(node)) == ["L2", "L3", "L4", "L5"]
    assert rows(node)["L2"]["trabecular_mean_hu"] == before["L1"]["trabecular_mean_hu"]
    assert [one.level for one in review_of(node)] == ["L2", "L3", "L4", "L5"]
    assert review_of(node)[0].status is Status.ACCEPTED
    assert node.GetScene().GetFirstNodeByName("L5 anterior ROI") is not None
    assert node.GetScene().GetFirstNodeByName("L1 anterior ROI") is None
    found = segmentation_now(*nodes)
    assert [one.confidence for one in found.findings] == [1.0] * 4
    assert "The level names were shifted by hand." in found.notes
    shift_levels(node, 1)
    with pytest.raises(LabelMapError, match="S1"):
        shift_levels(node, 1)
    assert [one.level for one in review_of(node)] == ["L3", "L4", "L5", "S1"]


def test_a_level_that_is_cleared_takes_its_row_along(nodes: Nodes) -> None:
    node, _ = nodes
    measured(nodes)
    for part in ("body", "trabecular"):
        node.GetSegmentation().RemoveSegment(segment_id(node, "L3", part))
    assert mark_stale(node, labels_now(*nodes)) == ["L3"]
    measured(nodes, ["L1"])
    assert list(rows(node)) == ["L1", "L2", "L4"]
    assert node.GetScene().GetNumberOfNodesByClass("vtkMRMLMarkupsClosedCurveNode") == 3


def test_views_jump_to_the_middle_of_a_body(nodes: Nodes, result: ScreeningResult) -> None:
    scene = nodes[1].GetScene()
    add_slice_views(scene, nodes[1], np.zeros(3), 250)
    centre = centre_of(nodes[0], "L3")
    expected = {one.level: one.centre for one in result.segmentation.findings}["L3"]
    assert centre == pytest.approx(expected, abs=2.5)
    jump_to(scene, centre)
    for n in range(3):
        matrix = scene.GetNthNodeByClass(n, "vtkMRMLSliceNode").GetSliceToRAS()
        assert [matrix.GetElement(row, 3) for row in range(3)] == pytest.approx(centre, abs=1e-6)
    assert centre_of(nodes[0], "T1") is None


def test_masks_that_a_hand_drew_are_a_case_too(scene: "slicer.vtkMRMLScene", result: ScreeningResult) -> None:
    from OsteoScreenLib.scene.segmentations import add_segmentation

    volume = add_volume(scene, result.volume)
    node = add_segmentation(scene, result.segmentation.labels, volume, "mine")
    found = segmentation_now(node, volume)
    assert found.engine == "masks by hand"
    assert [one.level for one in found.findings] == ["L1", "L2", "L3", "L4"]
    assert len(review_of(node)) == 4


def test_a_ct_that_a_transform_moves_is_refused(nodes: Nodes) -> None:
    transform = nodes[1].GetScene().AddNewNodeByClass("vtkMRMLLinearTransformNode")
    nodes[1].SetAndObserveTransformNodeID(transform.GetID())
    with pytest.raises(InputError, match="transform"):
        ct_of(nodes[1])
    nodes[0].SetAndObserveTransformNodeID(transform.GetID())
    with pytest.raises(InputError, match="moves 'case 1 vertebrae'"):
        labels_now(*nodes)


def test_outlines_that_are_surfaces_are_read_as_masks(nodes: Nodes) -> None:
    node, volume = nodes
    before = labels_now(*nodes)
    node.CreateClosedSurfaceRepresentation()
    node.GetSegmentation().SetSourceRepresentationName("Closed surface")
    node.GetSegmentation().RemoveRepresentation("Binary labelmap")
    after = labels_now(*nodes)
    assert 2 * ((after > 0) & (before > 0)).sum() / ((after > 0).sum() + (before > 0).sum()) > 0.8
    assert outlines_over(volume) == [node]


REOPEN = """
import json, sys
from OsteoScreenLib.scene.bundle import load_bundle, new_scene
from OsteoScreenLib.scene.measured import CHART, ROIS, mark_stale, measurements_of
from OsteoScreenLib.scene.parameters import SEGMENTATION, VOLUME, chosen, parameter_node
from OsteoScreenLib.scene.review import review_of
from OsteoScreenLib.scene.tables import rows_of
from OsteoScreenLib.scene.working_case import ct_of, labels_now, segmentation_now

with new_scene() as scene:
    load_bundle(scene, sys.argv[1])
    node, volume = chosen(scene, SEGMENTATION), chosen(scene, VOLUME)
    print(json.dumps({
        "engine": parameter_node(scene).GetParameter("engine"),
        "review": [[one.level, one.status, one.edited] for one in review_of(node)],
        "stale": mark_stale(node, labels_now(node, volume)),
        "rows": [row["level"] for row in rows_of(measurements_of(node))],
        "rois": node.GetNumberOfNodeReferences(ROIS),
        "chart": node.GetNodeReference(CHART).GetNthPlotSeriesNode(0).GetTableNode().GetID(),
        "table": measurements_of(node).GetID(),
        "models": [one.name for one in segmentation_now(node, volume).models],
        "kvp": ct_of(volume).acquisition.kvp,
    }))
"""


def test_a_new_process_goes_on_where_the_scene_was_left(
    scene: "slicer.vtkMRMLScene", nodes: Nodes, tmp_path: Path
) -> None:
    from OsteoScreenLib.scene.volumes import keep_acquisition
    from OsteoScreenLib.volume import Acquisition

    node, volume = nodes
    measured(nodes)
    keep_acquisition(volume, Acquisition(kvp=100.0, notes=("mended",)))
    assert volume_from_node(volume).acquisition == Acquisition(kvp=100.0, notes=("mended",))
    shift_levels(node, -1)
    set_status(node, "T12", Status.ACCEPTED)
    paint(node, "L2")
    mark_stale(node, labels_now(*nodes))
    choose(scene, VOLUME, volume)
    choose(scene, SEGMENTATION, node)
    assert chosen(scene, SEGMENTATION) is node
    assert parameter_node(scene) is parameter_node(scene)
    parameter_node(scene).SetParameter("engine", "nnunet:C:\\models; two")
    save_bundle(scene, tmp_path / "scene.mrb")
    run = subprocess.run(
        [sys.executable, "-c", REOPEN, str(tmp_path / "scene.mrb")],
        capture_output=True, text=True, timeout=120, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found["engine"] == "nnunet:C:\\models; two"
    assert found["review"][0] == ["T12", "accepted", False]
    assert found["stale"] == ["L2"]
    assert found["rows"] == ["T12", "L1", "L2", "L3"]
    assert found["rois"] == 4
    assert found["chart"] == found["table"]
    assert found["models"] == ["refine"]
    assert found["kvp"] == 100.0


def test_the_trabecular_part_alone_counts_as_an_edit(nodes: Nodes) -> None:
    from vtkmodules.util.numpy_support import vtk_to_numpy

    node, _ = nodes
    measured(nodes)
    image = node.GetSegmentation().GetSegment("L1_trabecular").GetRepresentation("Binary labelmap")
    values = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
    place = tuple(np.argwhere(values == 20)[0])
    values[place] = 0
    labels = labels_now(*nodes)
    assert labels[place] == label("L1", SHELL)
    assert mark_stale(node, labels) == ["L1"]
