"""Which of several segmentations of one CT is seen."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import slicer


def hide(node: "slicer.vtkMRMLSegmentationNode") -> None:
    """Hide a segmentation and what hangs on it, such as ellipses and boxes; nothing is removed."""
    node.SetDisplayVisibility(False)
    for role in range(node.GetNumberOfNodeReferenceRoles()):
        name = node.GetNthNodeReferenceRole(role)
        for n in range(node.GetNumberOfNodeReferences(name)):
            other = node.GetNthNodeReference(name, n)
            if other is not None and name.startswith("OsteoScreen") and other.IsA("vtkMRMLDisplayableNode"):
                other.SetDisplayVisibility(False)
