"""A detection that hangs on its segmentation: replaced by the next one, filtered by confidence, shown or hidden."""

from dataclasses import replace
from typing import TYPE_CHECKING

from OsteoScreenLib.detection.detection_json import from_json, to_json
from OsteoScreenLib.result import Detection
from OsteoScreenLib.scene.detections import DetectionNodes, add_detection
from OsteoScreenLib.scene.folders import put_beside

if TYPE_CHECKING:
    from collections.abc import Mapping

    import slicer

FACTS, NODES = "OsteoScreen.Detection", "OsteoScreen.detection"
"""The attribute of a segmentation node that holds what was detected, and the role of the nodes that show it."""

CONFIDENCE = "OsteoScreen.DetectionConfidence"


def detection_of(node: "slicer.vtkMRMLSegmentationNode") -> Detection | None:
    """Return what was detected along a segmentation's bodies, or None where nobody has looked."""
    text = node.GetAttribute(FACTS)
    return from_json(text) if text else None


def show_detection(
    node: "slicer.vtkMRMLSegmentationNode", detection: Detection, confidence: float = 0.0
) -> DetectionNodes:
    """Keep a detection with its segmentation and show it in place of a former one.

    Frames on slices are those of boxes of at least `confidence`; the vertebrae's votes are of all boxes.
    """
    node.SetAttribute(FACTS, to_json(detection))
    node.SetAttribute(CONFIDENCE, str(confidence))
    scene = node.GetScene()
    for one in detection_nodes(node):
        scene.RemoveNode(one)
    node.RemoveNodeReferenceIDs(NODES)
    shown = replace(detection, boxes=tuple(box for box in detection.boxes if box.confidence >= confidence))
    nodes = add_detection(scene, shown, node.GetName())
    for one in nodes.all:
        node.AddNodeReferenceID(NODES, one.GetID())
    put_beside(scene, node, *nodes.all)
    return nodes


def rename_detection(node: "slicer.vtkMRMLSegmentationNode", names: "Mapping[str, str]") -> None:
    """Give boxes and votes the new names of their levels."""
    detection = detection_of(node)
    if detection is None:
        return
    boxes = tuple(replace(box, level=names.get(box.level, box.level)) for box in detection.boxes)
    vertebrae = tuple(replace(one, level=names.get(one.level, one.level)) for one in detection.vertebrae)
    show_detection(node, replace(detection, boxes=boxes, vertebrae=vertebrae), float(node.GetAttribute(CONFIDENCE)))


def detection_nodes(node: "slicer.vtkMRMLSegmentationNode") -> "list[slicer.vtkMRMLNode]":
    """Return the nodes that show a segmentation's detection."""
    found = [node.GetNthNodeReference(NODES, n) for n in range(node.GetNumberOfNodeReferences(NODES))]
    return [one for one in found if one is not None]


def set_boxes_visible(node: "slicer.vtkMRMLSegmentationNode", visible: bool) -> None:
    """Show or hide boxes and frames."""
    for one in detection_nodes(node):
        if one.IsA("vtkMRMLDisplayableNode"):
            one.GetDisplayNode().SetVisibility(visible)
