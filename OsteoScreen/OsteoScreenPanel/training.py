"""Section 8: corrected cases become a dataset, the next one comes up for review, and networks learn from all."""

from pathlib import Path

import ctk
import slicer
from slicer.i18n import tr as _

from OsteoScreenLib.annotation.review import Status
from OsteoScreenLib.errors import OsteoScreenError
from OsteoScreenLib.scene.review import set_status
from OsteoScreenLib.scene.volumes import add_volume
from OsteoScreenLib.scene.working_case import add_segmented, segmentation_now
from OsteoScreenPanel import dependencies
from OsteoScreenPanel.dicom import header_of
from OsteoScreenPanel.tables import fill

DATASET = "dataset"


class TrainingSection:
    """The section's widgets, wired."""

    def __init__(self, panel):
        self.panel = panel
        self.ui = panel.ui
        self.dataset = None
        self.made = None
        folders = ctk.ctkPathLineEdit.Dirs | ctk.ctkPathLineEdit.Writable
        for edit in (self.ui.datasetPathLineEdit, self.ui.exportPathLineEdit, self.ui.newModelPathLineEdit):
            edit.filters = folders
        self.ui.datasetPathLineEdit.connect("currentPathChanged(QString)", self.onDataset)
        for edit in (self.ui.exportPathLineEdit, self.ui.newModelPathLineEdit):
            edit.connect("currentPathChanged(QString)", lambda path: self.refreshButtons())
        self.ui.acceptRestButton.connect("clicked()", self.onAcceptRest)
        self.ui.keepCaseButton.connect("clicked()", self.onKeep)
        self.ui.nextCaseButton.connect("clicked()", self.onNext)
        self.ui.exportButton.connect("clicked()", self.onExport)
        self.ui.fineTuneButton.connect("clicked()", self.onFineTune)
        self.ui.useModelButton.connect("clicked()", lambda: self.use(self.made.name))
        self.ui.shippedModelButton.connect("clicked()", lambda: self.use("st-unet"))
        self.ui.trainingInstallButton.connect("clicked()", self.onInstall)
        self.ui.tunedTable.visible = False

    @property
    def folder(self):
        return self.ui.datasetPathLineEdit.currentPath

    def onDataset(self, path):
        """Look into the folder; propose where a model that learns from it would go."""
        self.panel.case.setParameter(DATASET, path)
        self.readDataset()
        if not dependencies.missing("dataset") and path:
            from OsteoScreenLib.models import own_models

            self.ui.newModelPathLineEdit.currentPath = str(own_models() / Path(path).name)

    def readDataset(self):
        """Read what the dataset holds now, and say it in one line."""
        self.dataset, said = None, _("Choose the folder of a dataset; a new one begins with the first case.")
        if self.folder and not dependencies.missing("dataset"):
            from OsteoScreenLib.annotation.counts import counts
            from OsteoScreenLib.annotation.dataset import MARK, open_dataset

            try:
                self.dataset = open_dataset(self.folder)
                said = counts(self.dataset).in_words
            except OsteoScreenError as problem:
                begun = (Path(self.folder) / MARK).exists()
                said = str(problem) if begun else _("No dataset there yet; the first case that you save begins one.")
        self.ui.queueLabel.text = said
        self.refreshButtons()

    def onAcceptRest(self):
        """Accept every vertebra of the case that nobody has decided about."""
        case = self.panel.case
        for record in case.review():
            if record.status in (Status.TO_REVIEW, Status.EDITED):
                set_status(case.segmentation, record.level, Status.ACCEPTED)
        self.panel.refresh()

    def onKeep(self):
        from OsteoScreenLib.segmentation_json import to_json

        case = self.panel.case
        try:
            found = segmentation_now(case.segmentation, case.volume)
            parameters = {
                "dataset": str(Path(self.folder).absolute()), "segmentation": to_json(found),
                "patient": self.ui.patientLineEdit.text.strip() or None, "header": header_of(case.volume),
            }  # fmt: skip
            self.start("keep", parameters, self.onKept, case.ct(), found.labels.voxels)
        except OsteoScreenError as problem:
            self.say(str(problem))

    def onKept(self, kept):
        self.say(kept.in_words)
        self.readDataset()

    def onNext(self):
        """Open the case whose masks are most in doubt, and say why it is this one."""
        from OsteoScreenLib.annotation.queue import queue
        from OsteoScreenLib.annotation.reopened import reopened

        self.readDataset()
        shown = self.panel.case.volume.GetName() if self.panel.case.volume is not None else ""
        waiting = [one for one in queue(self.dataset) if one.case.id != shown] if self.dataset else []
        if not waiting:
            self.say(_("No other case waits for a review."))
            return
        try:
            with slicer.util.WaitCursor():
                volume, found = reopened(waiting[0].case)
                slicer.mrmlScene.SaveStateForUndo()
                volumeNode = add_volume(slicer.mrmlScene, volume)
                self.panel.case.volume = volumeNode
                self.panel.case.segmentation = add_segmented(slicer.mrmlScene, found, volumeNode)
        except OsteoScreenError as problem:
            self.say(str(problem))
            return
        self.ui.patientLineEdit.text = ""
        self.panel.refresh()
        self.panel.goTo(self.panel.case.review()[0].level)
        slicer.app.layoutManager().resetSliceViews()
        self.say("; ".join(waiting[0].reasons))

    def onExport(self):
        from OsteoScreenLib.annotation.exports.formats import FORMATS

        parameters = {
            "dataset": str(Path(self.folder).absolute()),
            "format": list(FORMATS)[max(self.ui.formatComboBox.currentIndex, 0)],
            "into": str(Path(self.ui.exportPathLineEdit.currentPath).absolute()),
        }  # fmt: skip
        self.start("export", parameters, self.onExported)

    def onExported(self, made):
        self.say(_("{n} cases: {folder}").format(n=made.cases, folder=made.folder))
        self.readDataset()

    def choices(self):
        """How to fine-tune (`training.fine_tuning.Choices`)."""
        return {"epochs": self.ui.epochsSpinBox.value, "freeze_encoder": self.ui.freezeCheckBox.checked}

    def onFineTune(self):
        parameters = {
            "dataset": str(Path(self.folder).absolute()),
            "output": str(Path(self.ui.newModelPathLineEdit.currentPath).absolute()),
            "choices": self.choices(), "device": self.ui.deviceComboBox.currentText,
        }  # fmt: skip
        self.start("fine_tune", parameters, self.onTuned)

    def onTuned(self, tuned):
        from OsteoScreenLib.training.tuned_in_words import in_words

        self.made = tuned.card
        fill(self.ui.tunedTable, [_("Dice"), _("before"), _("after")], in_words(tuned.card))
        self.ui.tunedTable.visible = True
        said = _("{name} has learned from {n} cases.").format(name=tuned.card.name, n=tuned.card.cases)
        self.say("\n".join([said, *tuned.notes]))
        self.refreshButtons()

    def use(self, name):
        """Outline with this model from now on."""
        from OsteoScreenLib.model_choice import use

        try:
            use(name)
        except OsteoScreenError as problem:
            self.say(str(problem))
        self.refreshButtons()

    def start(self, task, parameters, done, volume=None, labels=None):
        self.panel.work.start(task, parameters, volume, labels, self.ui.trainingCollapsibleButton, done)

    def say(self, text):
        self.ui.trainingCollapsibleButton.layout().addWidget(self.ui.workFrame)
        self.panel.work.say(text)

    def onInstall(self):
        dependencies.install("fine-tune", self.panel.work.say)
        self.panel.refresh()

    def refresh(self):
        folder = self.panel.case.parameter(DATASET)
        if not dependencies.missing("dataset") and not self.ui.formatComboBox.count:
            from OsteoScreenLib.annotation.exports.formats import FORMATS

            for one in FORMATS.values():
                self.ui.formatComboBox.addItem(one.title)
        if folder != self.folder:
            self.ui.datasetPathLineEdit.currentPath = folder
        elif self.dataset is None:
            self.readDataset()
        self.refreshButtons()

    def refreshButtons(self):
        missing = dependencies.missing("fine-tune")
        self.ui.trainingDependenciesLabel.text = dependencies.describe(missing)
        self.ui.trainingDependenciesLabel.visible = bool(missing)
        self.ui.trainingInstallButton.visible = bool(missing)
        idle = not self.panel.work.running and not dependencies.missing("dataset")
        complete = self.panel.case.complete
        self.ui.acceptRestButton.enabled = idle and complete
        self.ui.keepCaseButton.enabled = idle and complete and bool(self.folder)
        self.ui.nextCaseButton.enabled = idle and self.dataset is not None
        self.ui.exportButton.enabled = (
            idle and self.dataset is not None and bool(self.ui.exportPathLineEdit.currentPath)
        )
        named = bool(self.ui.newModelPathLineEdit.currentPath)
        self.ui.fineTuneButton.enabled = idle and self.dataset is not None and named and not missing
        self.ui.useModelButton.enabled = idle and self.made is not None
        self.ui.shippedModelButton.enabled = idle
        if idle:
            self.ui.modelInUseLabel.text = self.modelInUse()

    def modelInUse(self):
        from OsteoScreenLib.model_choice import in_use

        try:
            return _("Outlines are made by the model {name}.").format(name=in_use("refine"))
        except OsteoScreenError as problem:
            return str(problem)
