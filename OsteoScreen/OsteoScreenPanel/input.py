"""Section 1: the CT, the outlines over it, how it was made, and what speaks against its numbers."""

from html import escape

import slicer
from slicer.i18n import tr as _

from OsteoScreenLib.errors import OsteoScreenError
from OsteoScreenLib.measurement.acquisition import acquisition_findings
from OsteoScreenLib.report.page import acquisition_facts
from OsteoScreenLib.scene.working_case import ct_under, outlines_over
from OsteoScreenPanel.dicom import read_acquisition


class InputSection:
    """The section's widgets, wired."""

    def __init__(self, panel):
        self.panel = panel
        self.ui = panel.ui
        self.ui.volumeSelector.setMRMLScene(slicer.mrmlScene)
        self.ui.segmentationSelector.setMRMLScene(slicer.mrmlScene)
        self.ui.volumeSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.onVolume)
        self.ui.segmentationSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.onSegmentation)
        if panel.case.volume is None:
            self.onVolume(self.ui.volumeSelector.currentNode())

    def onVolume(self, node):
        if node is not self.panel.case.volume:
            self.panel.case.volume = node
            if node is not None:
                self.panel.case.segmentation = next(reversed(outlines_over(node)), None)
        self.refreshPanel()

    def onSegmentation(self, node):
        if node is not self.panel.case.segmentation:
            self.panel.case.segmentation = node
        self.refreshPanel()

    def refreshPanel(self):
        if hasattr(self.panel, "sections"):
            self.panel.refresh()

    def refresh(self):
        case = self.panel.case
        if case.volume is not None:
            self.ui.volumeSelector.setCurrentNode(case.volume)
        self.ui.segmentationSelector.setCurrentNode(case.segmentation)
        facts, warnings = "", _("Choose a CT, or load one.")
        if case.volume is not None:
            read_acquisition(case.volume)
            try:
                ct = case.ct()
                facts = "".join(
                    f"<tr><td>{escape(name)}&nbsp;&nbsp;</td><td>{escape(value)}</td></tr>"
                    for name, value in acquisition_facts(ct)
                    if value != "unknown"
                )
                warnings = "".join(
                    f"<p>⚠ {escape(text, quote=False)}</p>"
                    for text in (*self.mismatch(), *(one.sentence for one in acquisition_findings(ct)))
                )
            except OsteoScreenError as problem:
                warnings = escape(str(problem), quote=False)
        self.ui.factsLabel.text = f"<table>{facts}</table>" if facts else ""
        self.ui.warningsLabel.text = warnings
        self.refreshButtons()

    def mismatch(self):
        case = self.panel.case
        under = ct_under(case.segmentation) if case.segmentation is not None else None
        if under is None or under is case.volume:
            return []
        return [_("These outlines were made over '{name}', not over this CT.").format(name=under.GetName())]

    def refreshButtons(self):
        idle = not self.panel.work.running
        self.ui.volumeSelector.enabled = idle
        self.ui.segmentationSelector.enabled = idle
