"""The tissues that HU were calibrated by, as a segmentation of its own, hidden until somebody wants to see it."""

from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.measurement.tissues import TISSUES
from OsteoScreenLib.scene.segmentations import oriented_image
from OsteoScreenLib.volume import Volume

if TYPE_CHECKING:
    import slicer

COLORS = ((0.34, 0.71, 0.91), (0.94, 0.89, 0.26), (0.84, 0.37, 0.00), (0.80, 0.47, 0.65))
"""Of `measurement.tissues.TISSUES`, in their order."""


def add_tissues(scene: "slicer.vtkMRMLScene", places: Volume, name: str) -> "slicer.vtkMRMLSegmentationNode":
    """Add a label map of tissues (`measurement.tissues.Found.places`) to the scene, one segment each, hidden."""
    import slicer

    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    binary = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
    layer = oriented_image(places.voxels, places.ijk_to_ras)
    for value in np.unique(places.voxels[places.voxels > 0]).tolist():
        segment = slicer.vtkSegment()
        segment.SetName(TISSUES[value - 1])
        segment.SetColor(*COLORS[value - 1])
        segment.SetLabelValue(value)
        segment.AddRepresentation(binary, layer)
        node.GetSegmentation().AddSegment(segment, TISSUES[value - 1])
    display = node.GetDisplayNode()
    display.SetVisibility(False)
    display.SetOpacity2DFill(0.4)
    return node
