"""Section 7: the case as a folder with its report, and the predictors of a cohort compared."""

from pathlib import Path

import ctk
import qt
import slicer
from slicer.i18n import tr as _

from OsteoScreenLib.errors import OsteoScreenError
from OsteoScreenLib.scene.working_case import segmentation_now
from OsteoScreenLib.segmentation_json import to_json
from OsteoScreenPanel import dependencies
from OsteoScreenPanel.plots import show_charts


class ReportSection:
    """The section's widgets, wired."""

    def __init__(self, panel):
        self.panel = panel
        self.ui = panel.ui
        self.reportPath = None
        self.columns = []
        self.ui.caseFolderPathLineEdit.filters = ctk.ctkPathLineEdit.Dirs | ctk.ctkPathLineEdit.Writable
        self.ui.cohortPathLineEdit.filters = ctk.ctkPathLineEdit.Files
        self.ui.caseFolderPathLineEdit.connect("currentPathChanged(QString)", lambda path: self.refreshButtons())
        self.ui.saveCaseButton.connect("clicked()", self.onSaveCase)
        self.ui.openReportButton.connect("clicked()", self.onOpenReport)
        self.ui.cohortPathLineEdit.connect("currentPathChanged(QString)", self.onCohort)
        self.ui.labelComboBox.connect("currentIndexChanged(int)", lambda index: self.refreshButtons())
        self.ui.scoresListWidget.connect("itemSelectionChanged()", self.refreshButtons)
        self.ui.evaluateButton.connect("clicked()", self.onEvaluate)
        self.ui.reportInstallButton.connect("clicked()", self.onInstall)

    def onSaveCase(self):
        case = self.panel.case
        folder = self.ui.caseFolderPathLineEdit.currentPath
        try:
            found = segmentation_now(case.segmentation, case.volume)
            parameters = {"segmentation": to_json(found), "output": str(Path(folder).absolute())}
            self.panel.work.start(
                "screen", parameters, case.ct(), found.labels.voxels, self.ui.reportCollapsibleButton,
                lambda result: self.onSaved(folder),
            )  # fmt: skip
        except OsteoScreenError as problem:
            self.panel.work.say(str(problem))

    def onSaved(self, folder):
        from OsteoScreenLib.result_folder import REPORT

        self.reportPath = Path(folder).absolute() / REPORT
        self.panel.work.say(_("Saved in {folder}.").format(folder=folder))
        self.refreshButtons()

    def onOpenReport(self):
        qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(self.reportPath)))

    def onCohort(self, path):
        """Offer the columns of a table of scores."""
        from OsteoScreenLib.labelled_table import read_table

        self.ui.cohortLabel.text = ""
        self.columns = []
        if Path(path).is_file() and not dependencies.missing("evaluate"):
            try:
                self.columns = [str(name) for name in read_table(Path(path)).columns]
            except OsteoScreenError as problem:
                self.ui.cohortLabel.text = str(problem)
        for box in (self.ui.labelComboBox, self.ui.setComboBox):
            box.clear()
        self.ui.scoresListWidget.clear()
        self.ui.setComboBox.addItem(_("(one set)"))
        for name in self.columns:
            self.ui.labelComboBox.addItem(name)
            self.ui.setComboBox.addItem(name)
            self.ui.scoresListWidget.addItem(name)
        self.refreshButtons()

    @property
    def scores(self):
        items = [self.ui.scoresListWidget.item(row) for row in range(self.ui.scoresListWidget.count)]
        return [item.text() for item in items if item.isSelected()]

    def onEvaluate(self):
        """Compare the chosen scores, and show ROC and decision curves in a plot view."""
        from OsteoScreenLib.evaluation.study import study_table
        from OsteoScreenLib.labelled_table import read_table
        from OsteoScreenLib.scene.evaluation import add_evaluation

        path = Path(self.ui.cohortPathLineEdit.currentPath)
        sets = self.ui.setComboBox.currentText if self.ui.setComboBox.currentIndex > 0 else None
        try:
            with slicer.util.WaitCursor():
                parts = study_table(read_table(path), self.ui.labelComboBox.currentText, self.scores, sets)
                slicer.mrmlScene.SaveStateForUndo()
                nodes = add_evaluation(slicer.mrmlScene, parts, path.stem)
        except OsteoScreenError as problem:
            self.ui.cohortLabel.text = str(problem)
            return
        self.ui.cohortLabel.text = "\n".join(
            f"{part.name}, {name}: AUC {curve.auc:.3f} ({curve.interval()[0]:.3f}–{curve.interval()[1]:.3f})"
            for part in parts
            for name, curve in part.predictors.curves.items()
        )
        show_charts([*nodes.decision_charts.values(), *nodes.roc_charts.values()])

    def onInstall(self):
        dependencies.install("report", self.panel.work.say)
        self.panel.refresh()

    def refresh(self):
        self.refreshButtons()

    def refreshButtons(self):
        missing = dependencies.missing("report")
        self.ui.reportDependenciesLabel.text = dependencies.describe(missing)
        self.ui.reportDependenciesLabel.visible = bool(missing)
        self.ui.reportInstallButton.visible = bool(missing)
        idle = not self.panel.work.running and not missing
        folder = self.ui.caseFolderPathLineEdit.currentPath
        self.ui.saveCaseButton.enabled = idle and self.panel.case.complete and bool(folder)
        self.ui.openReportButton.enabled = self.reportPath is not None and self.reportPath.is_file()
        self.ui.evaluateButton.enabled = idle and bool(self.scores)
