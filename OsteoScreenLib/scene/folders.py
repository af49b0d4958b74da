"""The case's folder in the subject hierarchy.

Slicer's desktop application makes an item for every node by itself; slicer-core does not, so each is made here
where it is missing, with the owner plugin that the desktop application would have chosen.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import slicer

_OWNERS = {
    "vtkMRMLScalarVolumeNode": "Volumes",
    "vtkMRMLSegmentationNode": "Segmentations",
    "vtkMRMLTableNode": "Tables",
    "vtkMRMLMarkupsClosedCurveNode": "Markups",
    "vtkMRMLMarkupsROINode": "Markups",
    "vtkMRMLModelNode": "Models",
    "vtkMRMLPlotSeriesNode": "Plots",
    "vtkMRMLPlotChartNode": "Plots",
}


def add_folder(scene: "slicer.vtkMRMLScene", name: str, beside: "slicer.vtkMRMLNode") -> int:
    """Add a folder next to a node, under the same study or folder, and return its item ID."""
    hierarchy = _hierarchy(scene)
    folder = hierarchy.CreateFolderItem(hierarchy.GetItemParent(item_of(scene, beside)), name)
    hierarchy.SetItemOwnerPluginName(folder, "Folder")
    return folder


def put_in_folder(scene: "slicer.vtkMRMLScene", folder: int, *nodes: "slicer.vtkMRMLNode") -> None:
    """Move nodes into a folder."""
    hierarchy = _hierarchy(scene)
    for node in nodes:
        hierarchy.SetItemParent(item_of(scene, node), folder)


def put_beside(scene: "slicer.vtkMRMLScene", sibling: "slicer.vtkMRMLNode", *nodes: "slicer.vtkMRMLNode") -> None:
    """Move nodes to where another one is."""
    put_in_folder(scene, _hierarchy(scene).GetItemParent(item_of(scene, sibling)), *nodes)


def item_of(scene: "slicer.vtkMRMLScene", node: "slicer.vtkMRMLNode") -> int:
    """Return a node's item ID; if it has none yet, make one, for a segmentation with one below for each segment."""
    hierarchy = _hierarchy(scene)
    item = hierarchy.GetItemByDataNode(node)
    if item == hierarchy.GetInvalidItemID():
        item = hierarchy.CreateItem(hierarchy.GetSceneItemID(), node, _OWNERS[node.GetClassName()])
        if node.IsA("vtkMRMLSegmentationNode"):
            _add_segments(hierarchy, item, node)
    return item


def _add_segments(
    hierarchy: "slicer.vtkMRMLSubjectHierarchyNode", parent: int, node: "slicer.vtkMRMLSegmentationNode"
) -> None:
    import slicer

    virtual = slicer.vtkMRMLSubjectHierarchyConstants.GetSubjectHierarchyVirtualBranchAttributeName()
    for segment_id in node.GetSegmentation().GetSegmentIDs():
        name = node.GetSegmentation().GetSegment(segment_id).GetName()
        item = hierarchy.CreateHierarchyItem(parent, name, virtual)
        hierarchy.SetItemAttribute(item, node.GetSegmentIDAttributeName(), segment_id)
        hierarchy.SetItemOwnerPluginName(item, "Segments")


def _hierarchy(scene: "slicer.vtkMRMLScene") -> "slicer.vtkMRMLSubjectHierarchyNode":
    import slicer

    return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
