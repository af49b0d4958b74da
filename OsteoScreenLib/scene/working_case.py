"""A case that is being worked on: its segmentation node, which remembers what made it and what a hand did since."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.annotation.review import Review, Status, renamed_by_hand, without_rejected
from OsteoScreenLib.errors import AnatomyError, InputError
from OsteoScreenLib.result import Segmentation
from OsteoScreenLib.scene.folders import add_folder, put_in_folder
from OsteoScreenLib.scene.review import FACTS, begin_review, look_again, proposal_of
from OsteoScreenLib.scene.segmentations import add_segmentation, labels_from_segmentation
from OsteoScreenLib.scene.volumes import right_handed, volume_from_node
from OsteoScreenLib.segmentation_json import from_json, to_json

if TYPE_CHECKING:
    import slicer

    from OsteoScreenLib.volume import Volume


def add_segmented(
    scene: "slicer.vtkMRMLScene", segmentation: Segmentation, volume_node: "slicer.vtkMRMLScalarVolumeNode"
) -> "slicer.vtkMRMLSegmentationNode":
    """Add a segmentation over its CT as a new node, all of it to be reviewed, in a folder of its own beside the CT.

    Where it has a proposal the review begins with that, and what differs from it counts as edited.
    Raises `LabelMapError` if it holds no vertebra; the scene is untouched then.
    """
    node = add_segmentation(scene, segmentation.labels, volume_node, f"{volume_node.GetName()} vertebrae")
    node.SetAttribute(FACTS, to_json(segmentation))
    begin_review(node, right_handed(segmentation.proposal or segmentation.labels).voxels)
    if segmentation.proposal is not None:
        look_again(node, right_handed(segmentation.labels).voxels)
    put_in_folder(scene, add_folder(scene, f"{volume_node.GetName()} OsteoScreen", beside=volume_node), node)
    return node


def ct_of(volume_node: "slicer.vtkMRMLScalarVolumeNode") -> "Volume":
    """Return a volume node's CT. Raises `InputError` where it has no voxels or a transform moves it."""
    image = volume_node.GetImageData()
    if image is None or image.GetPointData().GetScalars() is None:
        raise InputError(f"'{volume_node.GetName()}' holds no image; choose a CT.")
    if volume_node.GetParentTransformNode() is not None:
        raise InputError(f"A transform moves '{volume_node.GetName()}': harden it, or take the CT out of it.")
    return volume_from_node(volume_node)


def labels_now(node: "slicer.vtkMRMLSegmentationNode", volume_node: "slicer.vtkMRMLScalarVolumeNode") -> np.ndarray:
    """Return the masks as they are now, edited or not, as a label map (uint16, k, j, i) on the CT's grid.

    Raises `LabelMapError` if no segment has one of our names, `InputError` where a transform moves the outlines.
    """
    if node.GetParentTransformNode() is not None:
        raise InputError(f"A transform moves '{node.GetName()}': harden it, or take the outlines out of it.")
    return labels_from_segmentation(node, volume_node)


def ct_under(node: "slicer.vtkMRMLSegmentationNode") -> "slicer.vtkMRMLScalarVolumeNode | None":
    """Return the CT that a segmentation was made over, or None where it does not say."""
    return node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole())


def outlines_over(volume_node: "slicer.vtkMRMLScalarVolumeNode") -> "list[slicer.vtkMRMLSegmentationNode]":
    """Return the segmentations in the scene that were made over a CT, the newest last."""
    scene, kind = volume_node.GetScene(), "vtkMRMLSegmentationNode"
    nodes = [scene.GetNthNodeByClass(n, kind) for n in range(scene.GetNumberOfNodesByClass(kind))]
    return [node for node in nodes if ct_under(node) is volume_node]


def segmentation_now(
    node: "slicer.vtkMRMLSegmentationNode", volume_node: "slicer.vtkMRMLScalarVolumeNode"
) -> Segmentation:
    """Return the segmentation as it is now, without rejected levels; notes say what a hand did.

    Raises `AnatomyError` where none of L1-L4 is left.
    """
    from OsteoScreenLib.segmentation.corrected import corrected

    volume = ct_of(volume_node)
    labels = labels_now(node, volume_node)
    review = look_again(node, labels)
    text = node.GetAttribute(FACTS)
    made = from_json(text, volume) if text else Segmentation(volume, (), "masks by hand", "none")
    by_hand = not text or renamed_by_hand(review)
    found = corrected(made, volume, without_rejected(review, labels), by_hand, _by_hand(review))
    proposal = proposal_of(node)
    known = proposal is not None and proposal.shape == volume.voxels.shape
    return replace(found, review=review, proposal=volume.with_voxels(proposal) if known else None)


def facts_now(node: "slicer.vtkMRMLSegmentationNode", volume_node: "slicer.vtkMRMLScalarVolumeNode") -> str | None:
    """Return what is known of the segmentation as it is now (`segmentation_json`), None where it has none of L1-L4."""
    try:
        return to_json(segmentation_now(node, volume_node))
    except AnatomyError:
        return None


def _by_hand(review: Review) -> tuple[str, ...]:
    said = {
        "Edited by hand": [one.level for one in review if one.edited and one.status is not Status.REJECTED],
        "Accepted on review": [one.level for one in review if one.status is Status.ACCEPTED],
        "Rejected on review": [one.level for one in review if one.status is Status.REJECTED],
    }
    notes = tuple(f"{what}: {', '.join(levels)}." for what, levels in said.items() if levels)
    return (*notes, "The level names were shifted by hand.") if renamed_by_hand(review) else notes
