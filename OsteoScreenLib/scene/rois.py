"""The anterior ellipse of each level as a closed curve."""

from typing import TYPE_CHECKING

from OsteoScreenLib.levels import BY_NAME

if TYPE_CHECKING:
    import slicer

    from OsteoScreenLib.measurement.hounsfield import AnteriorRoi


def add_roi(scene: "slicer.vtkMRMLScene", roi: "AnteriorRoi") -> "slicer.vtkMRMLMarkupsClosedCurveNode":
    """Add an ellipse to the scene as a closed curve in the level's colour, locked, since it was measured as it is."""
    import slicer.util

    node = scene.AddNewNodeByClass("vtkMRMLMarkupsClosedCurveNode", "anterior ROI")
    slicer.util.updateMarkupsControlPointsFromArray(node, roi.outline(32))
    node.SetLocked(True)
    node.SetFixedNumberOfControlPoints(True)
    node.CreateDefaultDisplayNodes()
    name_roi(node, roi.level)
    display = node.GetDisplayNode()
    display.SetGlyphScale(0.3)
    display.SetPointLabelsVisibility(False)
    display.SetPropertiesLabelVisibility(False)
    return node


def name_roi(node: "slicer.vtkMRMLMarkupsClosedCurveNode", level: str) -> None:
    """Give an ellipse the name and colour of a level."""
    node.SetName(f"{level} anterior ROI")
    display, color = node.GetDisplayNode(), BY_NAME[level].color
    display.SetColor(*color)
    display.SetSelectedColor(*color)
