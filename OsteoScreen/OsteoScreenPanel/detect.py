"""Section 5: what a detector sees on axial slices along the outlined vertebrae. A CT class is not a T-score."""

import slicer
from slicer.i18n import tr as _

from OsteoScreenLib.errors import OsteoScreenError
from OsteoScreenLib.scene.detected import detection_of, set_boxes_visible, show_detection
from OsteoScreenPanel import dependencies
from OsteoScreenPanel.tables import fill, select_row


class DetectSection:
    """The section's widgets, wired; hidden where no detector is installed. `select` follows the chosen vertebra."""

    def __init__(self, panel):
        self.panel = panel
        self.ui = panel.ui
        self.ui.detectButton.connect("clicked()", self.onDetect)
        self.ui.boxesCheckBox.connect("toggled(bool)", self.onBoxes)
        self.ui.confidenceSpinBox.connect("valueChanged(double)", self.onConfidence)
        self.ui.detectTable.connect("cellClicked(int,int)", self.onRow)
        self.ui.detectInstallButton.connect("clicked()", self.onInstall)

    @property
    def found(self):
        case = self.panel.case
        return detection_of(case.segmentation) if case.segmentation is not None else None

    @property
    def levels(self):
        return [one.level for one in self.found.vertebrae] if self.found else []

    def onDetect(self):
        case = self.panel.case
        node, parameters = case.segmentation, {"device": self.ui.deviceComboBox.currentText}
        try:
            self.panel.work.start(
                "detect", parameters, case.ct(), case.labels(), self.ui.detectCollapsibleButton,
                lambda found: self.onDetected(node, found),
            )  # fmt: skip
        except OsteoScreenError as problem:
            self.panel.work.say(str(problem))

    def onDetected(self, node, found):
        slicer.mrmlScene.SaveStateForUndo()
        show_detection(node, found, self.ui.confidenceSpinBox.value)
        self.onBoxes(self.ui.boxesCheckBox.checked)
        said = _("Detector trained on: {data}.").format(data=found.model.trained_in_brief)
        self.panel.work.say("\n".join([said, *found.notes]))
        self.refresh()

    def onBoxes(self, shown):
        if self.panel.case.segmentation is not None:
            set_boxes_visible(self.panel.case.segmentation, shown)

    def onConfidence(self, value):
        self.panel.case.setParameter("confidence", str(value))
        if self.found:
            show_detection(self.panel.case.segmentation, self.found, value)
            self.onBoxes(self.ui.boxesCheckBox.checked)

    def onRow(self, row, column):
        self.panel.goTo(self.levels[row])

    def onInstall(self):
        dependencies.install("detect", self.panel.work.say)
        self.panel.refresh()

    def refresh(self):
        found = self.found
        self.ui.confidenceSpinBox.value = float(self.panel.case.parameter("confidence", "0.3"))
        fill(
            self.ui.detectTable,
            [_("Level"), _("Status"), _("Share"), _("Slices"), _("Agreeing")],
            [
                [one.level, one.status, f"{one.confidence:.0%}", str(one.slices), str(one.agreeing)]
                for one in (found.vertebrae if found else ())
            ],
        )
        self.select(self.panel.case.level)
        self.refreshButtons()

    def refreshButtons(self):
        missing = dependencies.missing("detect")
        self.ui.detectCollapsibleButton.visible = dependencies.has_model("detect")
        self.ui.detectDependenciesLabel.text = dependencies.describe(missing)
        self.ui.detectDependenciesLabel.visible = bool(missing)
        self.ui.detectInstallButton.visible = bool(missing)
        self.ui.detectButton.enabled = self.panel.case.complete and not self.panel.work.running and not missing
        self.ui.boxesCheckBox.enabled = self.ui.confidenceSpinBox.enabled = self.found is not None

    def select(self, level):
        select_row(self.ui.detectTable, self.levels, level)
