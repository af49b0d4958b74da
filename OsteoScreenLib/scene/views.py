"""What the slice views of a scene show when it is opened."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import slicer

ORIENTATIONS = {"Red": "Axial", "Yellow": "Sagittal", "Green": "Coronal"}
"""The names that Slicer's layouts give the three slice views."""


def add_slice_views(
    scene: "slicer.vtkMRMLScene", volume_node: "slicer.vtkMRMLScalarVolumeNode", centre: np.ndarray, width: float
) -> None:
    """Add the three slice views to a scene that has none: the CT around a point in RAS mm, `width` mm across."""
    for view, orientation in ORIENTATIONS.items():
        slices = scene.CreateNodeByClass("vtkMRMLSliceNode")
        slices.UnRegister(None)
        slices.SetName(view)
        slices.SetLayoutName(view)
        slices.SetSingletonTag(view)
        slices.SetOrientation(orientation)
        slices.SetFieldOfView(width, width, 1.0)
        slices.JumpSliceByCentering(*centre)
        scene.AddNode(slices)
        layers = scene.CreateNodeByClass("vtkMRMLSliceCompositeNode")
        layers.UnRegister(None)
        layers.SetLayoutName(view)
        layers.SetBackgroundVolumeID(volume_node.GetID())
        scene.AddNode(layers)
