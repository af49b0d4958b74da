"""Stand-ins for the widgets of CTK and Slicer that our panel uses: names, properties and signals, not looks.

What a property or a method does here is the least that the real one does.
"""

import os
from functools import partial
from typing import Any

from PySide6.QtCore import Property, QEvent, QRect, QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QGroupBox,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QStyle,
    QStyleOptionButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

HEADER = 24


class ctkCollapsibleButton(QWidget):
    """A section: a button over the full width, below it the children, which it hides when it is collapsed."""

    contentsCollapsed = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text, self._collapsed = "", False
        self.setContentsMargins(0, HEADER, 0, 0)

    def _set_text(self, text: str) -> None:
        self._text = text
        self.update()

    def _set_collapsed(self, collapsed: bool) -> None:
        self._collapsed = collapsed
        for child in self.children():
            if isinstance(child, QWidget):
                child.setVisible(not collapsed and not child.property("hiddenByCode"))
        self.setMaximumHeight(HEADER if collapsed else 16777215)
        self.contentsCollapsed.emit(collapsed)

    text = Property(str, lambda self: self._text, _set_text)
    collapsed = Property(bool, lambda self: self._collapsed, _set_collapsed)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.position().y() < HEADER:
            self._set_collapsed(not self._collapsed)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, HEADER) if self._collapsed else super().minimumSizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        option = QStyleOptionButton()
        option.initFrom(self)
        option.rect = QRect(0, 0, self.width(), HEADER)
        painter = QPainter(self)
        self.style().drawControl(QStyle.ControlElement.CE_PushButtonBevel, option, painter, self)
        painter.drawText(QRect(22, 0, self.width(), HEADER), Qt.AlignmentFlag.AlignVCenter, self._text)
        painter.drawText(QRect(7, 0, 20, HEADER), Qt.AlignmentFlag.AlignVCenter, "▸" if self._collapsed else "▾")


class ctkCollapsibleGroupBox(QGroupBox):
    """A group that folds."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setCheckable(True)
        self.toggled.connect(self._show)

    def _show(self, shown: bool) -> None:
        for child in self.children():
            if isinstance(child, QWidget):
                child.setVisible(shown)
        self.setMaximumHeight(16777215 if shown else HEADER)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Polish and not self.isChecked():
            self._show(False)
        return super().event(event)

    collapsed = Property(bool, lambda self: not self.isChecked(), lambda self, value: self.setChecked(not value))


class ctkPathLineEdit(QWidget):
    """A path and a button that opens a file dialog."""

    Dirs, Files, Writable = 0x1, 0x2, 0x20

    currentPathChanged = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._edit, self._filters, self._name_filters = QLineEdit(), self.Files, []
        browse = QToolButton()
        browse.setText("…")
        layout.addWidget(self._edit)
        layout.addWidget(browse)
        self._edit.textChanged.connect(self.currentPathChanged)

    currentPath = Property(str, lambda self: self._edit.text(), lambda self, text: self._edit.setText(text))
    filters = Property(int, lambda self: self._filters, lambda self, value: setattr(self, "_filters", value))
    nameFilters = Property(
        "QStringList", lambda self: self._name_filters, lambda self, value: setattr(self, "_name_filters", value)
    )
    placeholderText = Property(
        str, lambda self: self._edit.placeholderText(), lambda self, text: self._edit.setPlaceholderText(text)
    )


def _value(kind: Any, name: str) -> Property:
    """Return a property that keeps what it is given in ``self._values``."""
    return Property(
        kind,
        lambda self: self._values.get(name, kind() if isinstance(kind, type) else []),
        lambda self, value: self._values.update({name: value}),
    )


def _remember(name: str) -> Any:
    """Return a method that notes under a name in ``self.told`` what it was given."""
    return lambda self, *values: self.told.update({name: values[0] if values else True})


class qMRMLWidget(QWidget):
    """A widget that knows a scene."""

    def setMRMLScene(self, scene: Any) -> None:
        self._scene = scene


class qMRMLNodeComboBox(qMRMLWidget):
    """A choice of the scene's nodes of some classes; like the real one it follows the scene."""

    currentNodeChanged = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._box, self._scene, self._values = QComboBox(), None, {"nodeTypes": [], "noneEnabled": False}
        layout.addWidget(self._box)
        self._box.currentIndexChanged.connect(lambda index: self.currentNodeChanged.emit(self.currentNode()))

    nodeTypes = _value("QStringList", "nodeTypes")
    noneEnabled, noneDisplay = _value(bool, "noneEnabled"), _value(str, "noneDisplay")
    addEnabled, removeEnabled, renameEnabled = (_value(bool, name) for name in ("add", "remove", "rename"))

    def setMRMLScene(self, scene: Any) -> None:
        import vtk

        super().setMRMLScene(scene)
        for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent, vtk.vtkCommand.ModifiedEvent):
            tag = scene.AddObserver(event, lambda *_: self._fill())
            self.destroyed.connect(partial(scene.RemoveObserver, tag))
        self._fill()

    def currentNode(self) -> Any:
        return self._scene.GetNodeByID(self._box.currentData() or "") if self._scene else None

    def setCurrentNode(self, node: Any) -> None:
        self._fill()
        index = self._box.findData(node.GetID()) if node else -1
        self._box.setCurrentIndex(max(index, 0) if node or self._values["noneEnabled"] else -1)

    def _fill(self) -> None:
        nodes = [
            self._scene.GetNthNodeByClass(n, kind)
            for kind in self._values["nodeTypes"]
            for n in range(self._scene.GetNumberOfNodesByClass(kind))
        ]
        before = self._box.currentData()
        self._box.blockSignals(True)
        self._box.clear()
        if self._values["noneEnabled"]:
            self._box.addItem(self._values.get("noneDisplay") or "None", "")
        for node in nodes:
            if not node.GetHideFromEditors():
                self._box.addItem(node.GetName(), node.GetID())
        self._box.setCurrentIndex(max(self._box.findData(before), 0))
        self._box.blockSignals(False)
        if self._box.currentData() != before:
            self.currentNodeChanged.emit(self.currentNode())


class qMRMLSegmentEditorWidget(qMRMLWidget):
    """The Segment Editor: remembers what it was told to edit, and draws nothing."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.addWidget(QPushButton("(Slicer's Segment Editor)"))
        self.told: dict[str, Any] = {}

    setMRMLSegmentEditorNode = _remember("editor node")
    setSegmentationNode = _remember("segmentation")
    setSourceVolumeNode = _remember("volume")
    setCurrentSegmentID = _remember("segment")
    setSegmentationNodeSelectorVisible = _remember("segmentation selector")
    setSourceVolumeNodeSelectorVisible = _remember("volume selector")
    setSwitchToSegmentationsButtonVisible = _remember("switch")
    setActiveEffect = _remember("effect")
    setupViewObservations = _remember("observing")
    removeViewObservations = _remember("not observing")
    installKeyboardShortcuts = _remember("shortcuts")
    uninstallKeyboardShortcuts = _remember("no shortcuts")

    def currentSegmentID(self) -> str:
        return self.told.get("segment", "")


class qMRMLSegmentationShow3DButton(QPushButton):
    """Shows a segmentation in 3D."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Show 3D", parent)
        self.segmentation = None

    def setSegmentationNode(self, node: Any) -> None:
        self.segmentation = node


WIDGETS = {
    one.__name__: one
    for one in (
        ctkCollapsibleButton,
        ctkCollapsibleGroupBox,
        ctkPathLineEdit,
        qMRMLWidget,
        qMRMLNodeComboBox,
        qMRMLSegmentEditorWidget,
        qMRMLSegmentationShow3DButton,
    )
}


def application() -> QApplication:
    """Return the one Qt application, which shows nothing on a screen."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    return QApplication.instance() or QApplication([])
