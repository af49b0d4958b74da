"""Which names of Slicer, CTK and Qt the module uses, read from its source and its .ui file without running it."""

import ast
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "OsteoScreen"
UI = MODULE / "Resources" / "UI" / "OsteoScreen.ui"

OBJECTS = {
    "slicer.app": "qSlicerApplication",
    "slicer.app.layoutManager()": "qSlicerLayoutManager",
    "slicer.modules.plots.logic()": "vtkSlicerPlotsLogic",
    "slicer.dicomDatabase": "ctkDICOMDatabase",
    "slicer.mrmlScene": "vtkMRMLScene",
    "slicer.util": "slicer.util",
    "SampleData.SampleDataLogic": "SampleData.SampleDataLogic",
}
"""What objects that a script finds in Slicer are made from."""


def used_names() -> set[str]:
    """Return the names as ``Class.member`` or ``module.function``, those of the .ui file's widgets among them.

    ``designer.Class`` stands for what lets a .ui file hold a class.
    """
    found = set(_ui_names())
    classes = {widget.get("name"): widget.get("class") for widget in ElementTree.parse(UI).iter("widget")}
    for path in sorted([*MODULE.rglob("*.py"), *(ROOT / "OsteoScreenLib" / "scene").glob("*.py")]):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "slicer":
                found |= {f"{node.module}.{one.name}" for one in node.names}
            elif isinstance(node, ast.Attribute):
                found |= set(_attribute(node, classes))
            elif isinstance(node, ast.Call):
                found |= set(_connection(node, classes))
    return found


def _attribute(node: ast.Attribute, classes: dict[str, str]) -> Iterator[str]:
    base = _text(node.value)
    if base in OBJECTS:
        yield f"{OBJECTS[base]}.{node.attr}"
    elif base.split(".")[0] in ("qt", "ctk") or re.fullmatch(r"slicer\.\w*(MRML|vtk)\w*", base):
        yield f"{base.removeprefix('qt.').removeprefix('ctk.').removeprefix('slicer.')}.{node.attr}"
    widget = _widget(node.value, classes)
    if widget:
        yield f"{widget}.{node.attr}"


def _connection(node: ast.Call, classes: dict[str, str]) -> Iterator[str]:
    """Yield the signal of ``self.ui.x.connect("signal(type)", slot)``."""
    function = node.func
    if isinstance(function, ast.Attribute) and function.attr == "connect" and node.args:
        owner = _widget(function.value, classes) or OBJECTS.get(_text(function.value))
        signal = node.args[0]
        if owner and isinstance(signal, ast.Constant):
            yield f"{owner}.{signal.value.split('(')[0]}"


def _widget(node: ast.expr, classes: dict[str, str]) -> str | None:
    """Return the class of ``self.ui.x`` or ``ui.x``."""
    name = _text(node).removeprefix("self.")
    return classes.get(name.removeprefix("ui.")) if name.startswith("ui.") else None


def _ui_names() -> Iterator[str]:
    for widget in ElementTree.parse(UI).iter("widget"):
        for known in widget.findall("property"):
            yield f"{widget.get('class')}.{known.get('name')}"
    for custom in ElementTree.parse(UI).iter("customwidget"):
        yield f"designer.{custom.findtext('class')}"


def _text(node: ast.expr) -> str:
    return ast.unparse(node)
