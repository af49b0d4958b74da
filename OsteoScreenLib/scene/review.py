"""The review of a case on its segmentation node: decisions, names of levels, and where to look."""

import getpass
import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib import __version__
from OsteoScreenLib.annotation import review as decisions
from OsteoScreenLib.annotation.packed import pack, unpack
from OsteoScreenLib.annotation.review import Decision, Review, Status
from OsteoScreenLib.annotation.segments import LAYERS, Segment, segment_named
from OsteoScreenLib.levels import BY_NAME
from OsteoScreenLib.scene.detected import rename_detection
from OsteoScreenLib.scene.findings import rename_findings
from OsteoScreenLib.scene.measured import rename_measurements

if TYPE_CHECKING:
    from collections.abc import Iterator

    import slicer

REVIEW = "OsteoScreen.Review"
"""The attribute of a segmentation node that holds its review."""

PROPOSAL = "OsteoScreen.Proposal"
"""The attribute of a segmentation node that holds the masks it began with."""

FACTS = "OsteoScreen.Segmentation"
"""The attribute of a segmentation node that says what made it (`segmentation_json`)."""

READER = "OSTEOSCREEN_READER"
"""The environment variable that says by which name a person signs; without it, the name of the account."""

_SLICERS = {
    Status.TO_REVIEW: "notstarted",
    Status.EDITED: "inprogress",
    Status.ACCEPTED: "completed",
    Status.REJECTED: "flagged",
}
"""What 3D Slicer's segment tables call each status; they show it, too."""


def review_of(node: "slicer.vtkMRMLSegmentationNode") -> Review:
    """Return the review of a segmentation as it was last kept; empty where none has begun."""
    text = node.GetAttribute(REVIEW)
    return decisions.from_json(text) if text else ()


def keep_review(node: "slicer.vtkMRMLSegmentationNode", review: Review) -> None:
    """Store a review with its segmentation, and each status with the segments."""
    import slicer

    if review == review_of(node) and node.GetAttribute(REVIEW):
        return
    node.SetAttribute(REVIEW, decisions.to_json(review))
    tag = slicer.vtkSlicerSegmentationsModuleLogic.GetStatusTagName()
    for _, vtk_segment, segment in our_segments(node):
        for record in review:
            if record.level == segment.level.name:
                vtk_segment.SetTag(tag, _SLICERS[record.status])


def look_again(node: "slicer.vtkMRMLSegmentationNode", labels: np.ndarray) -> Review:
    """Bring the review up to the masks as they are now (`working_case.labels_now`), and return it."""
    before = review_of(node)
    if not before:
        return begin_review(node, labels)
    review = decisions.looked_at(before, labels)
    keep_review(node, review)
    return review


def begin_review(node: "slicer.vtkMRMLSegmentationNode", labels: np.ndarray) -> Review:
    """Take the masks as they are for the proposal, all of which is to be reviewed, and return the review."""
    node.SetAttribute(PROPOSAL, pack(labels))
    review = decisions.begun(labels)
    keep_review(node, review)
    return review


def proposal_of(node: "slicer.vtkMRMLSegmentationNode") -> np.ndarray | None:
    """Return the label map (uint16, k, j, i) that the review began with; None where an older version began it."""
    text = node.GetAttribute(PROPOSAL)
    return unpack(text) if text else None


def set_status(
    node: "slicer.vtkMRMLSegmentationNode", level: str, status: Status, seconds: float | None = None
) -> Review:
    """Accept, reject or reopen a level, and return the review; a decision is signed, with the `seconds` it took.

    Raises `LabelMapError` if there is no such level.
    """
    decide = {Status.ACCEPTED: decisions.accepted, Status.REJECTED: decisions.rejected}.get(status)
    before = review_of(node)
    review = decide(before, level, _signed(node, seconds)) if decide else decisions.reopened(before, level)
    keep_review(node, review)
    return review


def _signed(node: "slicer.vtkMRMLSegmentationNode", seconds: float | None) -> Decision:
    models = json.loads(node.GetAttribute(FACTS) or "{}").get("models", [])
    return Decision(
        who=os.environ.get(READER) or getpass.getuser(),
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=seconds,
        software=__version__,
        models=tuple(f"{model['name']} {model['version']}" for model in models),
    )


def shift_levels(node: "slicer.vtkMRMLSegmentationNode", by: int) -> Review:
    """Rename all levels by one down (1: L1 becomes L2) or up (-1), with colours, terms, numbers, votes and findings.

    No voxel is touched, and the IDs of segments stay. Raises `LabelMapError`, having changed nothing, where a level
    would leave the table.
    """
    import slicer

    before = review_of(node)
    found = list(our_segments(node))
    levels = [segment.level.name for _, _, segment in found]
    names = decisions.renamed(dict.fromkeys([*(record.level for record in before), *levels]), by)
    modifying = node.StartModify()
    for segment_id, vtk_segment, segment in found:
        renamed = Segment(BY_NAME[names[segment.level.name]], segment.part)
        vtk_segment.SetName(renamed.name)
        vtk_segment.SetColor(*renamed.color)
        vtk_segment.SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), renamed.terminology)
        _rename_item(node, segment_id, renamed.name)
    rename_measurements(node, names)
    rename_detection(node, names)
    rename_findings(node, names)
    review = decisions.with_names(before, names)
    keep_review(node, review)
    node.EndModify(modifying)
    return review


def our_segments(node: "slicer.vtkMRMLSegmentationNode") -> "Iterator[tuple[str, slicer.vtkSegment, Segment]]":
    """Yield ID, segment and what it stands for, of each segment named as ours."""
    segmentation = node.GetSegmentation()
    for segment_id in segmentation.GetSegmentIDs():
        vtk_segment = segmentation.GetSegment(segment_id)
        segment = segment_named(vtk_segment.GetName())
        if segment is not None:
            yield segment_id, vtk_segment, segment


def segment_id(node: "slicer.vtkMRMLSegmentationNode", level: str, part: str = LAYERS[0]) -> str | None:
    """Return the ID of a level's body or trabecular segment, or None. It need not be like its name."""
    wanted = Segment(BY_NAME[level], part).name
    return next((one for one, _, segment in our_segments(node) if segment.name == wanted), None)


def centre_of(node: "slicer.vtkMRMLSegmentationNode", level: str) -> np.ndarray | None:
    """Return the middle of a level's body in RAS mm, or None where it has no voxels."""
    body = segment_id(node, level)
    centre = node.GetSegmentCenterRAS(body) if body else None
    return None if centre is None else np.asarray(centre)


def jump_to(scene: "slicer.vtkMRMLScene", ras: np.ndarray) -> None:
    """Centre every slice view on a point in RAS mm."""
    for n in range(scene.GetNumberOfNodesByClass("vtkMRMLSliceNode")):
        scene.GetNthNodeByClass(n, "vtkMRMLSliceNode").JumpSliceByCentering(*ras)


def _rename_item(node: "slicer.vtkMRMLSegmentationNode", segment_id: str, name: str) -> None:
    import slicer

    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(node.GetScene())
    items: list[int] = []
    hierarchy.GetItemChildren(hierarchy.GetItemByDataNode(node), items, True)
    for item in items:
        if hierarchy.GetItemAttribute(item, node.GetSegmentIDAttributeName()) == segment_id:
            hierarchy.SetItemName(item, name)
