"""The 3D Slicer module: one panel in the order of the work. It wires; everything else is in OsteoScreenLib."""

import sys
from pathlib import Path

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

try:
    import OsteoScreenLib
except ModuleNotFoundError:  # run from the source tree, where the library lies beside the module's folder
    sys.path.append(str(Path(__file__).resolve().parents[1]))
    import OsteoScreenLib

from OsteoScreenPanel import dependencies, sample_data
from OsteoScreenPanel.case import Case
from OsteoScreenPanel.detect import DetectSection
from OsteoScreenPanel.input import InputSection
from OsteoScreenPanel.measure import MeasureSection
from OsteoScreenPanel.radiograph import RadiographSection
from OsteoScreenPanel.report import ReportSection
from OsteoScreenPanel.review import ReviewSection
from OsteoScreenPanel.segment import SegmentSection
from OsteoScreenPanel.training import TrainingSection
from OsteoScreenPanel.work import Work, run_and_wait


class OsteoScreen(ScriptedLoadableModule):
    """What Slicer shows of the module before it is opened."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("OsteoScreen")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Quantification")]
        self.parent.dependencies = []
        self.parent.contributors = ["The OsteoScreen developers"]
        self.parent.helpText = (
            _(
                "Outlines lumbar vertebral bodies and their trabecular bone on a CT that was taken for another reason, "
                "measures Hounsfield units, and lets you correct the outlines and see the numbers follow. Choose a CT, "
                "press <b>Segment</b>, look at every vertebra, press <b>Measure</b>. "
            )
            + f"<p><b>{OsteoScreenLib.RESEARCH_USE}</b></p>"
        )
        self.parent.acknowledgementText = _(
            "The rad-score follows Liu et al., BMC Med Imaging 2024; 24: 62. The anterior ellipse follows Pickhardt et "
            "al., J Bone Miner Res 2011; 26: 2194. Please cite OsteoScreen as its CITATION.cff says."
        )
        if hasattr(slicer.app, "connect"):
            slicer.app.connect("startupCompleted()", sample_data.register)


class OsteoScreenWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel. Each section is a file of OsteoScreenPanel; all share the case, the work and `refresh`."""

    def __init__(self, parent=None):
        VTKObservationMixin.__init__(self)
        ScriptedLoadableModuleWidget.__init__(self, parent)

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/OsteoScreen.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.ui.researchUseLabel.text = f"<b>{OsteoScreenLib.RESEARCH_USE}</b>"

        self.logic = OsteoScreenLogic()
        self.case = Case()
        self.work = Work(self.ui, self.onWorkChanged)
        self.editTimer = qt.QTimer()
        self.editTimer.singleShot = True
        self.editTimer.interval = 500
        self.editTimer.connect("timeout()", self.onEditsSettled)
        self.input = InputSection(self)
        self.segment = SegmentSection(self)
        self.review = ReviewSection(self)
        self.measure = MeasureSection(self)
        self.detect = DetectSection(self)
        self.radiograph = RadiographSection(self)
        self.report = ReportSection(self)
        self.training = TrainingSection(self)
        self.sections = (
            self.input, self.segment, self.review, self.measure, self.detect, self.radiograph, self.report,
            self.training,
        )  # fmt: skip

        self.observed = {}
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneChanged)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneChanged)
        self.refresh()

    def enter(self):
        self.review.enter()
        self.refresh()

    def exit(self):
        self.review.exit()

    def cleanup(self):
        """Stop the work with its processes: the module is unloaded, or the application closes."""
        self.work.cancel()
        self.editTimer.stop()
        self.review.exit()
        self.removeObservers()

    def onSceneStartClose(self, caller, event):
        self.work.cancel()
        self.editTimer.stop()
        self.observe({})

    def onSceneChanged(self, caller, event):
        self.refresh()

    def refresh(self):
        """Bring every section up to the scene."""
        self.observe(
            {
                (slicer.vtkSegmentation.SourceRepresentationModified, self.onEdited): self.case.segmentation,
                (vtk.vtkCommand.ModifiedEvent, self.onVolumeModified): self.case.volume,
            }
        )
        for section in self.sections:
            section.refresh()

    def observe(self, wanted):
        """Follow nodes, given by event and slot, and no others any more."""
        for (event, slot), node in self.observed.items():
            if node is not None and self.hasObserver(node, event, slot):
                self.removeObserver(node, event, slot)
        for (event, slot), node in wanted.items():
            if node is not None:
                self.addObserver(node, event, slot)
        self.observed = wanted

    def onVolumeModified(self, caller, event):
        self.input.refresh()
        self.segment.refreshButtons()

    def onEdited(self, caller, event):
        self.editTimer.start()

    def onEditsSettled(self):
        """Say which masks a hand has changed, and which rows are stale; measure them again where that is wanted."""
        if self.case.lookAgain():
            self.review.refresh()
            self.measure.refresh()
            self.measure.remeasureIfLive()

    def onWorkChanged(self):
        for section in self.sections:
            section.refreshButtons()

    def goTo(self, level):
        """Show a level in every view, table and editor."""
        self.case.goTo(level)
        for section in (self.review, self.measure, self.detect):
            section.select(level)


class OsteoScreenLogic(ScriptedLoadableModuleLogic):
    """The module for scripts: the panel's work without the panel, waiting for the end of each step."""

    def segment(self, volumeNode, engine="st-unet", device="auto"):
        """Return a new segmentation node of a CT. Raises OsteoScreenError for what cannot be done."""
        from OsteoScreenLib.scene.working_case import add_segmented, ct_of

        found = run_and_wait("segment", {"engine": engine, "device": device}, ct_of(volumeNode), None)
        return add_segmented(slicer.mrmlScene, found, volumeNode)

    def measure(self, volumeNode, segmentationNode):
        """Return the table of a segmentation's measurements; rows that are still right are not measured again."""
        from OsteoScreenLib.scene.measured import measurements_of, show_measured, to_measure
        from OsteoScreenLib.scene.working_case import ct_of, facts_now, labels_now

        labels = labels_now(segmentationNode, volumeNode)
        levels = to_measure(segmentationNode, labels)
        if levels:
            parameters = {"levels": levels, "segmentation": facts_now(segmentationNode, volumeNode)}
            measured = run_and_wait("measure", parameters, ct_of(volumeNode), labels)
            show_measured(segmentationNode, measured, labels)
        return measurements_of(segmentationNode)


class OsteoScreenTest(ScriptedLoadableModuleTest):
    """The self-test: a synthetic case through the panel's own steps. The tests proper are in Testing/."""

    def setUp(self):
        slicer.mrmlScene.Clear()

    def runTest(self):
        self.setUp()
        self.test_synthetic_case()

    def test_synthetic_case(self):
        from OsteoScreenPanel.synthetic import add_synthetic_case

        from OsteoScreenLib.scene.tables import rows_of

        if dependencies.missing("measure"):
            self.delayDisplay("Not run: " + dependencies.describe(dependencies.missing("measure")))
            return
        self.delayDisplay("A CT of four boxes")
        volumeNode, segmentationNode, truth = add_synthetic_case(slicer.mrmlScene)
        self.delayDisplay("Measuring in another process")
        rows = rows_of(OsteoScreenLogic().measure(volumeNode, segmentationNode))
        assert {row["level"]: round(row["trabecular_mean_hu"], 3) for row in rows} == truth
        self.delayDisplay("Passed")
