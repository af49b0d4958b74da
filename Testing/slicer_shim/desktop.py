"""``import qt, ctk, slicer`` as in Slicer's Python, for one test process: `start` makes it so."""

import importlib
import os
import sys
import unittest
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from Testing.slicer_shim.pythonqt import Wrapped, WrappedClass, wrap

ROOT = Path(__file__).parents[2]


def start() -> Any:
    """Make ``qt``, ``ctk`` and the parts of ``slicer`` that the wheel lacks importable, with an empty scene."""
    if "qt" in sys.modules:
        return sys.modules["slicer"]
    from Testing.slicer_shim import widgets

    widgets.application()
    sys.modules["qt"], sys.modules["ctk"] = _qt(), _namespace("ctk", widgets.WIDGETS)

    import slicer
    import slicer.util
    from trame_slicer.core import SlicerApp

    core = SlicerApp()
    slicer.app = Application(core)
    slicer.mrmlScene = core.scene
    slicer.modules = Modules(core)
    slicer.dicomDatabase = SimpleNamespace(fileForInstance=lambda uid: "")
    for name, widget in widgets.WIDGETS.items():
        if name.startswith("qMRML"):
            setattr(slicer, name, WrappedClass(widget))
    for name, contents in {"ScriptedLoadableModule": SCRIPTED, "i18n": I18N}.items():
        module = _namespace(f"slicer.{name}", contents, plain=True)
        sys.modules[f"slicer.{name}"] = module
        setattr(slicer, name, module)
    return slicer


def load_module(name: str = "OsteoScreen") -> ModuleType:
    """Import a scripted module as Slicer does for a folder among its additional module paths."""
    slicer = start()
    folder = str(ROOT / name)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    module = importlib.import_module(name)
    parent = SimpleNamespace(path=str(ROOT / name / f"{name}.py"), icon=None)
    setattr(slicer.modules, name.lower(), SimpleNamespace(path=parent.path, parent=parent))
    return module


class Application:
    """The parts of qSlicerApplication that our module uses."""

    applicationName = "Slicer"

    def __init__(self, core: Any) -> None:
        self.core = core
        self.layout = Layout()
        self.temporaryPath = os.environ.get("TMPDIR", "/tmp")

    def testingEnabled(self) -> bool:
        return True

    def layoutManager(self) -> "Layout":
        return self.layout

    def applicationLogic(self) -> Any:
        return self.core.app_logic

    def topLevelWidgets(self) -> list:
        return []

    def processEvents(self) -> None:
        from Testing.slicer_shim import widgets

        widgets.application().processEvents()

    def moduleManager(self) -> Any:
        return SimpleNamespace(connect=lambda *_: None, disconnect=lambda *_: None)


class Layout:
    """The layout manager: remembers the layout, and whether the slices were fitted to what they show."""

    layout: int | None = None
    fitted = False

    def setLayout(self, layout: int) -> None:
        self.layout = layout

    def resetSliceViews(self) -> None:
        self.fitted = True


class Modules:
    """``slicer.modules``: those that our module asks, with the wheel's own logics."""

    def __init__(self, core: Any) -> None:
        self.segmentations = SimpleNamespace(logic=lambda: core.segmentations_logic)
        self.volumes = SimpleNamespace(logic=lambda: core.volumes_logic)
        plots = Plots()
        self.plots = SimpleNamespace(logic=lambda: plots)


class Plots:
    """The logic of the module Plots: remembers the charts that it was asked to show."""

    def __init__(self) -> None:
        self.shown: list[Any] = []

    def ShowChartInLayout(self, chart: Any) -> None:
        self.shown.append(chart)


class ScriptedLoadableModule:
    """What a scripted module derives from."""

    def __init__(self, parent: Any) -> None:
        self.parent = parent
        self.moduleName = type(self).__name__

    def resourcePath(self, name: str) -> str:
        return str(Path(self.parent.path).parent / "Resources" / name)


class ScriptedLoadableModuleWidget:
    """What its panel derives from: a parent with a layout, in which `setup` puts the widgets."""

    def __init__(self, parent: Any = None) -> None:
        import qt
        import slicer

        self.moduleName = type(self).__name__.removesuffix("Widget")
        self.parent = parent or slicer.qMRMLWidget()
        if parent is None:
            self.parent.setLayout(qt.QVBoxLayout())
        self.layout = self.parent.layout()
        if parent is None:
            self.setup()

    def setup(self) -> None:
        pass

    def cleanup(self) -> None:
        pass

    def resourcePath(self, name: str) -> str:
        import slicer

        return str(Path(getattr(slicer.modules, self.moduleName.lower()).path).parent / "Resources" / name)


class ScriptedLoadableModuleLogic:
    """What its logic derives from."""

    def __init__(self, parent: Any = None) -> None:
        self.moduleName = type(self).__name__.removesuffix("Logic")


class ScriptedLoadableModuleTest(unittest.TestCase):
    """What its self-test derives from."""

    def delayDisplay(self, message: str, *_: Any) -> None:
        print(message)

    def runTest(self) -> None:
        pass


SCRIPTED = {
    one.__name__: one
    for one in (
        ScriptedLoadableModule,
        ScriptedLoadableModuleWidget,
        ScriptedLoadableModuleLogic,
        ScriptedLoadableModuleTest,
    )
}
I18N = {"tr": lambda text: text, "translate": lambda context, text: text}


def _namespace(name: str, contents: dict[str, Any], *, plain: bool = False) -> ModuleType:
    module = ModuleType(name)
    for key, value in contents.items():
        setattr(module, key, value if plain else WrappedClass(value))
    return module


def _qt() -> ModuleType:
    """Return the module ``qt``: all classes of PySide6, and a loader of .ui files that knows the stand-ins."""
    from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets

    from Testing.slicer_shim.widgets import WIDGETS

    class Loader(QtUiTools.QUiLoader):
        def createWidget(self, kind: str, parent: Any = None, name: str = "") -> Any:
            if kind not in WIDGETS:
                return super().createWidget(kind, parent, name)
            made = WIDGETS[kind](parent)
            made.setObjectName(name)
            return made

    def load(name: str) -> Any:
        if name == "QUiLoader":
            return WrappedClass(Loader)
        for library in (QtCore, QtGui, QtWidgets):
            found = getattr(library, name, None)
            if found is not None:
                plain = name == "Qt" or not isinstance(found, type)
                return found if plain else WrappedClass(found)
        raise AttributeError(f"module 'qt' has no attribute '{name}'")

    module = ModuleType("qt")
    module.__getattr__ = load
    return module


__all__ = ["Wrapped", "load_module", "start", "wrap"]
