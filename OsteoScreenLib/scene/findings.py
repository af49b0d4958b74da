"""What speaks against the numbers of a case, in the scene: one table, kept with the segmentation."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.findings import Findings, Measure, closing, with_levels
from OsteoScreenLib.plain_json import from_text
from OsteoScreenLib.scene.folders import put_beside
from OsteoScreenLib.scene.tables import add_table, fill_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd
    import slicer

FACTS, TABLE = "OsteoScreen.Findings", "OsteoScreen.findings"
"""The attribute of a segmentation node that holds its findings, and the role of the table that shows them."""


def add_findings(scene: "slicer.vtkMRMLScene", findings: Findings, name: str) -> "slicer.vtkMRMLTableNode":
    """Add findings to the scene as a table; `name` is the case's."""
    return add_table(scene, _rows(findings), f"{name} quality")


def findings_of(node: "slicer.vtkMRMLSegmentationNode") -> Findings:
    """Return what was found when a segmentation was last measured; empty where it never was."""
    return from_text(node.GetAttribute(FACTS) or "[]", Findings, "What was found in the case")


def show_findings(node: "slicer.vtkMRMLSegmentationNode", findings: Findings) -> "slicer.vtkMRMLTableNode":
    """Keep findings with their segmentation and show them in place of former ones."""
    node.SetAttribute(FACTS, json.dumps([asdict(one) for one in findings]))
    table = node.GetNodeReference(TABLE)
    if table is None:
        table = add_findings(node.GetScene(), findings, node.GetName())
        node.SetNodeReferenceID(TABLE, table.GetID())
        put_beside(node.GetScene(), node, table)
    else:
        fill_table(table, _rows(findings))
    return table


def usable_levels(node: "slicer.vtkMRMLSegmentationNode", levels: "Iterable[str]", measure: Measure) -> list[str]:
    """Return the levels whose gate is open for a measure, as far as they were looked at.

    Raises `InputError` with the reason where none is.
    """
    findings, levels = findings_of(node), list(levels)
    usable = [level for level in levels if not closing(findings, measure, level)]
    if levels and not usable:
        raise InputError(f"No {measure} of any level are to be used. {closing(findings, measure, levels[0])[0].text}")
    return usable


def rename_findings(node: "slicer.vtkMRMLSegmentationNode", names: "Mapping[str, str]") -> None:
    """Give findings the new names of their levels."""
    if node.GetNodeReference(TABLE) is not None:
        show_findings(node, with_levels(findings_of(node), dict(names)))


def _rows(findings: Findings) -> "pd.DataFrame":
    import pandas as pd

    columns = ("severity", "check", "levels", "measures", "finding")
    rows = [
        (str(one.severity), one.check, ", ".join(one.levels) or "all", ", ".join(one.measures), one.text)
        for one in findings
    ]
    return pd.DataFrame(rows, columns=columns)
