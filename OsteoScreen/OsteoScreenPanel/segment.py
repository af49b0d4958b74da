"""Section 2: which engine outlines the vertebrae, on which device, and the button that starts it."""

import ctk
import slicer
from slicer.i18n import tr as _

from OsteoScreenLib.errors import OsteoScreenError
from OsteoScreenLib.scene.working_case import add_segmented
from OsteoScreenPanel import dependencies

ENGINES = (
    ("st-unet", "OsteoScreen (taught by synthetic CT)"),
    ("totalsegmentator", "TotalSegmentator"),
    ("nnunet:", "nnU-Net model folder"),
    ("monai:", "MONAI bundle folder"),
    ("", "Label map file"),
)
DEVICES = ("auto", "cpu", "cuda", "mps")


class SegmentSection:
    """The section's widgets, wired."""

    def __init__(self, panel):
        self.panel = panel
        self.ui = panel.ui
        for key, title in ENGINES:
            self.ui.engineComboBox.addItem(_(title), key)
        for device in DEVICES:
            self.ui.deviceComboBox.addItem(device)
        self.ui.enginePathLineEdit.filters = ctk.ctkPathLineEdit.Dirs | ctk.ctkPathLineEdit.Files
        self.ui.engineComboBox.connect("currentIndexChanged(int)", self.onEngine)
        self.ui.enginePathLineEdit.connect("currentPathChanged(QString)", self.onPath)
        self.ui.deviceComboBox.connect("currentIndexChanged(int)", self.onDevice)
        self.ui.segmentButton.connect("clicked()", self.onSegment)
        self.ui.installButton.connect("clicked()", self.onInstall)

    @property
    def kind(self):
        return ENGINES[max(self.ui.engineComboBox.currentIndex, 0)][0]

    @property
    def engine(self):
        """The engine as the library names it, or None where its folder or file has not been chosen."""
        path = self.ui.enginePathLineEdit.currentPath
        return self.kind if self.kind and not self.kind.endswith(":") else (self.kind + path if path else None)

    def onEngine(self, index):
        self.panel.case.setParameter("engine", self.kind or "file")
        self.refreshButtons()

    def onPath(self, path):
        self.panel.case.setParameter("enginePath", path)
        self.refreshButtons()

    def onDevice(self, index):
        self.panel.case.setParameter("device", DEVICES[index])

    def onSegment(self):
        case = self.panel.case
        try:
            parameters = {"engine": self.engine, "device": self.ui.deviceComboBox.currentText,
                          "flips": self.ui.flipsCheckBox.checked}  # fmt: skip
            volumeNode = case.volume
            self.panel.work.start(
                "segment", parameters, case.ct(), None, self.ui.segmentCollapsibleButton,
                lambda found: self.onSegmented(found, volumeNode),
            )  # fmt: skip
        except OsteoScreenError as problem:
            self.panel.work.say(str(problem))

    def onSegmented(self, found, volumeNode):
        slicer.mrmlScene.SaveStateForUndo()
        self.panel.case.segmentation = add_segmented(slicer.mrmlScene, found, volumeNode)
        self.panel.refresh()
        levels = ", ".join(finding.level for finding in found.findings)
        self.panel.work.say("\n".join([_("Found {levels}. Look at every one.").format(levels=levels), *found.notes]))
        self.panel.goTo(found.findings[0].level)

    def onInstall(self):
        dependencies.install(self.job, self.panel.work.say)
        self.panel.refresh()

    @property
    def job(self):
        return "labels" if not self.kind else self.kind.rstrip(":")

    def refresh(self):
        case = self.panel.case
        keys = [key for key, _title in ENGINES]
        engine = case.parameter("engine", "st-unet")
        self.ui.engineComboBox.currentIndex = keys.index("" if engine == "file" else engine)
        self.ui.enginePathLineEdit.currentPath = case.parameter("enginePath")
        self.ui.deviceComboBox.currentIndex = DEVICES.index(case.parameter("device", "auto"))
        self.refreshButtons()

    def refreshButtons(self):
        by_path = not self.kind or self.kind.endswith(":")
        self.ui.enginePathLineEdit.visible = by_path
        self.ui.enginePathLabel.visible = by_path
        self.ui.flipsCheckBox.visible = self.kind == "st-unet"
        missing = dependencies.missing(self.job)
        self.ui.dependenciesLabel.text = dependencies.describe(missing)
        self.ui.dependenciesLabel.visible = bool(missing)
        self.ui.installButton.visible = bool(missing)
        ready = self.panel.case.volume is not None and self.engine is not None and not missing
        self.ui.segmentButton.enabled = ready and not self.panel.work.running
