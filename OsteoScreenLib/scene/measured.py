"""The numbers of a case in the scene: one table, whose rows say whether they still belong to the masks, and ellipses.

They hang on the segmentation node by references, and so find each other again in a scene that is opened later.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.annotation.digests import mask_digests
from OsteoScreenLib.annotation.staleness import merged, stale_levels, unmeasured_levels
from OsteoScreenLib.levels import BY_NAME, levels_in
from OsteoScreenLib.plain_json import from_text
from OsteoScreenLib.scene.charts import add_bar_chart
from OsteoScreenLib.scene.findings import show_findings
from OsteoScreenLib.scene.folders import put_beside
from OsteoScreenLib.scene.rois import add_roi, name_roi
from OsteoScreenLib.scene.tables import add_table, fill_table, rows_of

if TYPE_CHECKING:
    import pandas as pd
    import slicer

    from OsteoScreenLib.measurement.case import Measured
    from OsteoScreenLib.measurement.hounsfield import AnteriorRoi

TABLE, CHART, ROIS = "OsteoScreen.measurements", "OsteoScreen.chart", "OsteoScreen.rois"
"""Roles of the nodes that a segmentation refers to."""

MASKS = "OsteoScreen.MeasuredMasks"
LEVEL = "OsteoScreen.Level"

OUTLINE, AS_MEASURED, EDITED_SINCE = "outline", "as measured", "edited since"
"""The column that says whether a row still belongs to its mask, and what it says."""


def measurements_of(node: "slicer.vtkMRMLSegmentationNode") -> "slicer.vtkMRMLTableNode | None":
    """Return the table of a segmentation's measurements, or None where nothing has been measured."""
    return node.GetNodeReference(TABLE)


def show_measurements(
    node: "slicer.vtkMRMLSegmentationNode", table: "pd.DataFrame", rois: "Mapping[str, AnteriorRoi]", labels: np.ndarray
) -> "slicer.vtkMRMLTableNode":
    """Put measured rows (`measurement.hounsfield.measure`) and their ellipses into the scene, and return the table.

    `labels` is the label map (`working_case.labels_now`) they were measured on. Rows of the same levels are replaced,
    those of levels that are no longer there removed, and all others kept.
    """
    import pandas as pd

    scene, digests = node.GetScene(), mask_digests(labels)
    table_node, again = measurements_of(node), list(table["level"])
    if table_node is None:
        table_node = add_table(scene, table, f"{node.GetName()} measurements")
        title = f"{node.GetName()} trabecular mean"
        chart, bars = add_bar_chart(
            scene, table_node, labels="level", values="trabecular_mean_hu", title=title, unit="HU"
        )
        node.SetNodeReferenceID(TABLE, table_node.GetID())
        node.SetNodeReferenceID(CHART, chart.GetID())
        put_beside(scene, node, table_node, chart, bars)
    else:
        old = pd.DataFrame(rows_of(table_node)).drop(columns=OUTLINE)
        table = merged(old, table, levels_in(labels))
    measured = {**_measured_masks(table_node), **{level: digests[level] for level in again}}
    measured = {level: measured[level] for level in table["level"]}
    table_node.SetAttribute(MASKS, json.dumps(measured))
    stale = stale_levels(measured, digests)
    outline = [EDITED_SINCE if level in stale else AS_MEASURED for level in table["level"]]
    fill_table(table_node, table.assign(**{OUTLINE: outline}))
    _replace_rois(node, rois, set(again) | (set(BY_NAME) - set(table["level"])))
    return table_node


def show_measured(
    node: "slicer.vtkMRMLSegmentationNode", measured: "Measured", labels: np.ndarray
) -> "slicer.vtkMRMLTableNode":
    """Put what was measured into the scene, findings and all, and return the table (see `show_measurements`)."""
    show_findings(node, measured.findings)
    return show_measurements(node, measured.table, measured.rois, labels)


def show_rad_scores(node: "slicer.vtkMRMLSegmentationNode", table: "pd.DataFrame") -> "slicer.vtkMRMLTableNode":
    """Put rad-scores by level into the scene, always as a new table: they are of the masks as they were then."""
    table_node = add_table(node.GetScene(), table, f"{node.GetName()} rad-scores")
    put_beside(node.GetScene(), node, table_node)
    return table_node


def mark_stale(node: "slicer.vtkMRMLSegmentationNode", labels: np.ndarray) -> list[str]:
    """Mark the rows whose mask has changed since they were measured, and return their levels."""
    return mark_stale_masks(node, mask_digests(labels))


def mark_stale_masks(node: "slicer.vtkMRMLSegmentationNode", digests: Mapping[str, str]) -> list[str]:
    """Do the same where the fingerprints of the masks are known already, by level."""
    table_node = measurements_of(node)
    if table_node is None:
        return []
    stale = stale_levels(_measured_masks(table_node), digests)
    outline = table_node.GetTable().GetColumnByName(OUTLINE)
    said = [EDITED_SINCE if row["level"] in stale else AS_MEASURED for row in rows_of(table_node)]
    if said != [outline.GetValue(row) for row in range(len(said))]:
        for row, words in enumerate(said):
            outline.SetValue(row, words)
        outline.Modified()
        table_node.GetTable().Modified()
        table_node.Modified()
    return stale


def to_measure(node: "slicer.vtkMRMLSegmentationNode", labels: np.ndarray) -> list[str]:
    """Return the levels of a label map that have no number of the mask they have now."""
    table_node = measurements_of(node)
    return unmeasured_levels(_measured_masks(table_node) if table_node else {}, mask_digests(labels))


def rename_measurements(node: "slicer.vtkMRMLSegmentationNode", names: Mapping[str, str]) -> None:
    """Give rows and ellipses the new names of their levels; the numbers stay with their masks."""
    table_node = measurements_of(node)
    if table_node is None:
        return
    column = table_node.GetTable().GetColumnByName("level")
    for row in range(column.GetNumberOfValues()):
        column.SetValue(row, names[column.GetValue(row)])
    column.Modified()
    table_node.GetTable().Modified()
    measured = {names[level]: digest for level, digest in _measured_masks(table_node).items()}
    table_node.SetAttribute(MASKS, json.dumps(measured))
    for curve in _rois(node):
        level = names[curve.GetAttribute(LEVEL)]
        curve.SetAttribute(LEVEL, level)
        name_roi(curve, level)


def _measured_masks(table_node: "slicer.vtkMRMLTableNode") -> dict[str, str]:
    return from_text(table_node.GetAttribute(MASKS) or "{}", dict[str, str], "What the table was measured from")


def _rois(node: "slicer.vtkMRMLSegmentationNode") -> "list[slicer.vtkMRMLMarkupsClosedCurveNode]":
    nodes = [node.GetNthNodeReference(ROIS, n) for n in range(node.GetNumberOfNodeReferences(ROIS))]
    return [curve for curve in nodes if curve is not None]


def _replace_rois(node: "slicer.vtkMRMLSegmentationNode", rois: "Mapping[str, AnteriorRoi]", levels: set[str]) -> None:
    scene = node.GetScene()
    kept = []
    for curve in _rois(node):
        if curve.GetAttribute(LEVEL) in levels:
            scene.RemoveNode(curve)
        else:
            kept.append(curve)
    for level, roi in rois.items():
        curve = add_roi(scene, roi)
        curve.SetAttribute(LEVEL, level)
        put_beside(scene, node, curve)
        kept.append(curve)
    node.RemoveNodeReferenceIDs(ROIS)
    for curve in kept:
        node.AddNodeReferenceID(ROIS, curve.GetID())
