"""Section 3: the vertebrae one by one: look, correct, accept or reject; and all level names up or down at once."""

import qt
import slicer
from slicer.i18n import tr as _

from OsteoScreenLib.annotation.review import Status
from OsteoScreenLib.annotation.segments import LAYERS
from OsteoScreenLib.annotation.stopwatch import Stopwatch
from OsteoScreenLib.errors import OsteoScreenError
from OsteoScreenLib.scene.review import segment_id, set_status, shift_levels
from OsteoScreenPanel.tables import fill, select_row

SIGNS = {Status.TO_REVIEW: "○", Status.EDITED: "✎", Status.ACCEPTED: "✓", Status.REJECTED: "✗"}
KEYS = {"Ctrl+Down": "next", "Ctrl+Up": "previous", "Ctrl+Return": "accept"}


class ReviewSection:
    """The section's widgets, wired; `select` follows the chosen vertebra."""

    def __init__(self, panel):
        self.panel = panel
        self.ui = panel.ui
        self.watch, self.watched = Stopwatch(), None
        ui = self.ui
        ui.reviewTable.connect("cellClicked(int,int)", lambda row, column: panel.goTo(self.levels[row]))
        ui.previousButton.connect("clicked()", self.previous)
        ui.nextButton.connect("clicked()", self.next)
        ui.acceptButton.connect("clicked()", self.accept)
        ui.rejectButton.connect("clicked()", lambda: self.decide(Status.REJECTED))
        ui.reopenButton.connect("clicked()", lambda: self.decide(Status.TO_REVIEW))
        ui.shiftUpButton.connect("clicked()", lambda: self.shift(-1))
        ui.shiftDownButton.connect("clicked()", lambda: self.shift(1))
        for part in LAYERS:
            ui.partComboBox.addItem(part)
        ui.partComboBox.connect("currentIndexChanged(int)", lambda index: self.editChosen())
        ui.segmentEditorWidget.setMRMLScene(slicer.mrmlScene)
        ui.segmentEditorWidget.setSegmentationNodeSelectorVisible(False)
        ui.segmentEditorWidget.setSourceVolumeNodeSelectorVisible(False)
        ui.segmentEditorWidget.setSwitchToSegmentationsButtonVisible(False)
        self.shortcuts = []
        for keys, action in KEYS.items():
            shortcut = qt.QShortcut(qt.QKeySequence(keys), panel.parent)
            shortcut.connect("activated()", getattr(self, action))
            self.shortcuts.append(shortcut)

    def enter(self):
        self.ui.segmentEditorWidget.setupViewObservations()
        self.ui.segmentEditorWidget.installKeyboardShortcuts()

    def exit(self):
        self.ui.segmentEditorWidget.setActiveEffect(None)
        self.ui.segmentEditorWidget.uninstallKeyboardShortcuts()
        self.ui.segmentEditorWidget.removeViewObservations()

    @property
    def levels(self):
        return [record.level for record in self.panel.case.review()]

    def next(self):
        self.step(1)

    def previous(self):
        self.step(-1)

    def step(self, by):
        levels = self.levels
        if levels:
            here = levels.index(self.panel.case.level) if self.panel.case.level in levels else -by % len(levels) - by
            self.panel.goTo(levels[(here + by) % len(levels)])

    def accept(self):
        self.decide(Status.ACCEPTED)
        self.next()

    def decide(self, status):
        level = self.panel.case.level
        if level in self.levels:
            set_status(self.panel.case.segmentation, level, status, self.watch.seconds(level))
            self.refresh()

    def shift(self, by):
        case, levels = self.panel.case, self.levels
        try:
            slicer.mrmlScene.SaveStateForUndo()
            place = levels.index(case.level) if case.level in levels else 0
            shift_levels(case.segmentation, by)
            self.ui.reviewLabel.text = ""
        except OsteoScreenError as problem:
            self.ui.reviewLabel.text = str(problem)
            return
        self.panel.refresh()
        self.panel.goTo(self.levels[place])

    def refresh(self):
        case = self.panel.case
        watched = case.segmentation and case.segmentation.GetID()
        if watched != self.watched:
            self.watch, self.watched = Stopwatch(), watched
        self.watch.turn_to(case.level)
        records = case.review()
        fill(
            self.ui.reviewTable,
            [_("Vertebra"), _("Status"), _("Proposed as")],
            [
                [record.level, f"{SIGNS[record.status]} {record.status}", record.proposed_level or _("by hand")]
                for record in records
            ],
        )
        done = sum(record.status in (Status.ACCEPTED, Status.REJECTED) for record in records)
        said = _("{done} of {all} decided").format(done=done, all=len(records)) if records else ""
        self.ui.reviewLabel.text = said
        self.ui.show3DButton.setSegmentationNode(case.segmentation)
        self.ui.segmentEditorWidget.setMRMLSegmentEditorNode(self.editorNode() if case.complete else None)
        self.ui.segmentEditorWidget.setSegmentationNode(case.segmentation)
        self.ui.segmentEditorWidget.setSourceVolumeNode(case.volume)
        select_row(self.ui.reviewTable, self.levels, case.level)
        self.refreshButtons()

    def refreshButtons(self):
        ready = bool(self.levels) and not self.panel.work.running
        for button in ("previous", "next", "accept", "reject", "reopen", "shiftUp", "shiftDown"):
            getattr(self.ui, f"{button}Button").enabled = ready
        self.ui.show3DButton.enabled = self.panel.case.segmentation is not None
        self.ui.editGroupBox.enabled = ready

    def select(self, level):
        """Follow the panel to a vertebra. `refresh` leaves the editor alone: it comes in the midst of a hand's work."""
        self.watch.turn_to(level)
        select_row(self.ui.reviewTable, self.levels, level)
        self.editChosen()

    def editChosen(self):
        """Put the chosen vertebra's segment into the Segment Editor."""
        level = self.panel.case.level
        if level in self.levels:
            found = segment_id(self.panel.case.segmentation, level, LAYERS[max(self.ui.partComboBox.currentIndex, 0)])
            if found:
                self.ui.segmentEditorWidget.setCurrentSegmentID(found)

    def editorNode(self):
        """The editor's own node, so that our settings do not mix with those of the Segment Editor module."""
        node = slicer.mrmlScene.GetSingletonNode("OsteoScreenEditor", "vtkMRMLSegmentEditorNode")
        if node is None:
            node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLSegmentEditorNode")
            node.UnRegister(None)
            node.SetSingletonTag("OsteoScreenEditor")
            node.SetOverwriteMode(node.OverwriteNone)
            node = slicer.mrmlScene.AddNode(node)
        return node
