"""What a detector sees, in the scene: a box per vertebra, a frame per slice that the views cut, and a table."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.bone_status import STATUSES
from OsteoScreenLib.detection.slices import SLAB_MM
from OsteoScreenLib.detection.tables import vertebra_table
from OsteoScreenLib.result import DetectedVertebra, Detection, SliceBox
from OsteoScreenLib.scene.tables import add_table

if TYPE_CHECKING:
    import slicer

_COLORS = {status.name: status.color for status in STATUSES}


@dataclass(frozen=True, eq=False)
class DetectionNodes:
    """`boxes` and `slices` by level: the box around a vertebra, and the frames around its body on each slice."""

    boxes: "dict[str, slicer.vtkMRMLMarkupsROINode]"
    slices: "dict[str, slicer.vtkMRMLModelNode]"
    table: "slicer.vtkMRMLTableNode"

    @property
    def all(self) -> "tuple[slicer.vtkMRMLNode, ...]":
        """Every node."""
        return (*self.boxes.values(), *self.slices.values(), self.table)


def add_detection(scene: "slicer.vtkMRMLScene", detection: Detection, name: str) -> DetectionNodes:
    """Add what was detected to the scene; `name` is the case's."""
    own = {one.level: [box for box in detection.boxes if box.level == one.level] for one in detection.vertebrae}
    return DetectionNodes(
        {one.level: _add_box(scene, one) for one in detection.vertebrae},
        {one.level: _add_frames(scene, one, own[one.level]) for one in detection.vertebrae},
        add_table(scene, vertebra_table(detection), f"{name} bone status on slices"),
    )


def _add_box(scene: "slicer.vtkMRMLScene", one: DetectedVertebra) -> "slicer.vtkMRMLMarkupsROINode":
    """Add a vertebra's box, named by status and confidence and coloured by status; locked, as it is not to be moved."""
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", f"{one.level} {one.status} {one.confidence:.0%}")
    low, high = np.array(one.low), np.array(one.high)
    node.SetCenter(*((low + high) / 2).tolist())
    node.SetSize(*(high - low).tolist())
    node.SetLocked(True)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    color = _COLORS[one.status]
    display.SetColor(*color)
    display.SetSelectedColor(*color)
    display.SetFillVisibility(False)
    display.SetHandlesInteractive(False)
    display.SetPointLabelsVisibility(False)
    display.SetPropertiesLabelVisibility(False)
    display.SetVisibility2D(False)
    return node


def _add_frames(
    scene: "slicer.vtkMRMLScene", one: DetectedVertebra, boxes: list[SliceBox]
) -> "slicer.vtkMRMLModelNode":
    """Add the boxes of a vertebra as frames as high as a slice is thick: where a slice view cuts one, it is a line.

    A flat rectangle would lie in the plane of an axial view, which does not cut it then.
    """
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData

    points, walls = vtkPoints(), vtkCellArray()
    for box in boxes:
        (x0, y0, z), (x1, y1, _) = box.low, box.high
        ring = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
        below, above = ([points.InsertNextPoint(x, y, z + side * SLAB_MM / 2) for x, y in ring] for side in (-1, 1))
        for n in range(4):
            walls.InsertNextCell(4, [below[n - 1], below[n], above[n], above[n - 1]])
    shape = vtkPolyData()
    shape.SetPoints(points)
    shape.SetPolys(walls)
    node = scene.AddNewNodeByClass("vtkMRMLModelNode", f"{one.level} boxes on slices")
    node.SetAndObservePolyData(shape)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetColor(*_COLORS[one.status])
    display.SetOpacity(0.5)
    display.SetBackfaceCulling(False)
    display.SetVisibility2D(True)
    display.SetSliceIntersectionThickness(2)
    return node
