"""What a face remembers in the scene: the nodes it works on and its settings, in one vtkMRMLScriptedModuleNode."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import slicer

MODULE = "OsteoScreen"

VOLUME, SEGMENTATION = "volume", "segmentation"
"""Roles of nodes: the CT, and the segmentation that is being reviewed."""


def parameter_node(scene: "slicer.vtkMRMLScene") -> "slicer.vtkMRMLScriptedModuleNode":
    """Return the scene's parameter node, made where there is none: the one that 3D Slicer keeps for a module."""
    node = scene.GetSingletonNode(MODULE, "vtkMRMLScriptedModuleNode")
    if node is None:
        node = scene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
        node.UnRegister(None)
        node.SetSingletonTag(MODULE)
        node.SetModuleName(MODULE)
        node.SetName(MODULE)
        node = scene.AddNode(node)
    return node


def chosen(scene: "slicer.vtkMRMLScene", role: str) -> "slicer.vtkMRMLNode | None":
    """Return the node in a role, or None."""
    return parameter_node(scene).GetNodeReference(role)


def choose(scene: "slicer.vtkMRMLScene", role: str, node: "slicer.vtkMRMLNode | None") -> None:
    """Put a node, or none, into a role."""
    parameter_node(scene).SetNodeReferenceID(role, node.GetID() if node else None)
