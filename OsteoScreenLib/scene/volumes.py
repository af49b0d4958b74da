"""A `Volume` as a vtkMRMLScalarVolumeNode, and back."""

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.plain_json import from_text
from OsteoScreenLib.volume import Acquisition, Volume

if TYPE_CHECKING:
    import slicer

BONE_WINDOW = (1800.0, 400.0)
"""Width and level in HU."""

ACQUISITION = "OsteoScreen.Acquisition"
"""The attribute of a volume node that holds how the CT was made."""


def right_handed(volume: Volume) -> Volume:
    """Return the same image with its k axis reversed if its i, j, k form a left-handed system in RAS.

    Slicer turns every left-handed volume so when it reads one, because volume rendering and surfaces need it; a node
    made here must be as it will be when the scene is opened again.
    """
    if np.linalg.det(volume.ijk_to_ras[:3, :3]) > 0:
        return volume
    last = volume.voxels.shape[0] - 1
    flip = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, last], [0, 0, 0, 1]])
    return replace(volume, voxels=volume.voxels[::-1], ijk_to_ras=volume.ijk_to_ras @ flip)


def add_volume(scene: "slicer.vtkMRMLScene", volume: Volume) -> "slicer.vtkMRMLScalarVolumeNode":
    """Add a CT to the scene as a scalar volume node, right-handed, shown in a bone window."""
    import slicer
    import slicer.util

    volume = right_handed(volume)
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", volume.name)
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(volume.ijk_to_ras))
    slicer.util.updateVolumeFromArray(node, _storable(volume.voxels))
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetAutoWindowLevel(False)
    display.SetWindowLevel(*BONE_WINDOW)
    if volume.acquisition:
        keep_acquisition(node, volume.acquisition)
    return node


def keep_acquisition(node: "slicer.vtkMRMLScalarVolumeNode", acquisition: Acquisition) -> None:
    """Store with a volume node, and with its scene, how the CT was made."""
    node.SetAttribute(ACQUISITION, json.dumps(asdict(acquisition)))


def acquisition_of(node: "slicer.vtkMRMLScalarVolumeNode") -> Acquisition | None:
    """Return how a volume node's CT was made, or None where nobody has stored it."""
    text = node.GetAttribute(ACQUISITION)
    return from_text(text, Acquisition, "How the CT was made") if text else None


def volume_from_node(node: "slicer.vtkMRMLScalarVolumeNode") -> Volume:
    """Return a volume node's voxels (a view, axes k, j, i), geometry, and how it was made."""
    import slicer.util

    return Volume(slicer.util.arrayFromVolume(node), ijk_to_ras_of(node), acquisition_of(node), node.GetName())


def ijk_to_ras_of(node: "slicer.vtkMRMLVolumeNode") -> np.ndarray:
    """Return a volume node's 4x4 ijk_to_ras in mm."""
    import slicer.util
    from vtkmodules.vtkCommonMath import vtkMatrix4x4

    matrix = vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def _storable(voxels: np.ndarray) -> np.ndarray:
    """Return voxels in a type that VTK shows and NRRD keeps: native byte order, no 64-bit integers, bool or float16."""
    narrower = {"?": np.uint8, "e": np.float32, "l": np.int32, "q": np.int32, "L": np.uint32, "Q": np.uint32}
    dtype = np.dtype(narrower.get(voxels.dtype.char, voxels.dtype.newbyteorder("=")))
    return np.ascontiguousarray(voxels, dtype=dtype)
