"""Every name that the module uses exists in Slicer 5.12, by its own sources (`slicer_shim/slicer_5_12.json`)."""

import ast
import json

import pytest

from Testing.slicer_shim.find_names import NAMES, in_qt, of_slicer
from Testing.slicer_shim.used_names import MODULE, UI, used_names

pytest.importorskip("PySide6.QtWidgets", reason="PySide6 is not installed (extra 'test')")
pytest.importorskip("slicer", reason="slicer-core is not installed (extra 'viewer')")


def test_names_of_slicer_and_ctk_are_in_their_sources() -> None:
    known = json.loads(NAMES.read_text(encoding="utf-8"))["names"]
    used = set(filter(of_slicer, used_names()))
    assert len(used) > 50
    assert used - set(known) == set(), "look them up: python -m Testing.slicer_shim.find_names SLICER CTK"
    assert set(known) - used == set(), "no longer used: python -m Testing.slicer_shim.find_names SLICER CTK"


def test_names_of_mrml_are_in_slicer_core() -> None:
    import slicer

    used = [name for name in used_names() if name.startswith("vtk") and not of_slicer(name)]
    assert len(used) > 10
    for name in used:
        owner, member = name.split(".")
        assert hasattr(getattr(slicer, owner), member), name


def test_names_of_qt_are_in_qt() -> None:
    from PySide6 import QtCore, QtGui, QtWidgets

    for name in used_names():
        if name.startswith("qt."):
            assert any(hasattr(library, name[3:]) for library in (QtCore, QtGui, QtWidgets)), name
        elif name.startswith("Q"):
            owner, member = name.split(".")
            assert in_qt(owner, member) or hasattr(getattr(QtGui, owner), member), name


def test_every_widget_that_the_code_names_is_in_the_ui_file() -> None:
    in_file = set(UI.read_text(encoding="utf-8").split('"'))
    for path in MODULE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("self.ui", "ui", "self.panel.ui"):
                assert node.attr in in_file, f"{path.name}: {node.attr}"
