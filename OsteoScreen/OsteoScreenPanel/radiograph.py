"""Section 6: a film scored by one of three published systems, with a heat map; none of their models is shipped."""

import tempfile
from pathlib import Path

import ctk
import slicer
from slicer.i18n import tr as _

from OsteoScreenLib.errors import OsteoScreenError
from OsteoScreenPanel import dependencies
from OsteoScreenPanel.tables import fill

SYSTEMS = ("verte-x", "bone-texture", "knee")
SEXES = ((None, "sex unknown"), (1.0, "female"), (0.0, "male"))


class RadiographSection:
    """The section's widgets, wired; the film and what follows are hidden until there is a model."""

    def __init__(self, panel):
        self.panel = panel
        self.ui = panel.ui
        self.folder = None
        self.card = None
        for name in SYSTEMS:
            self.ui.systemComboBox.addItem(name)
        for _value, title in SEXES:
            self.ui.sexComboBox.addItem(_(title))
        self.ui.filmSelector.setMRMLScene(slicer.mrmlScene)
        self.ui.filmSelector.setCurrentNode(None)
        self.ui.filmModelPathLineEdit.filters = ctk.ctkPathLineEdit.Dirs
        self.ui.filmPathLineEdit.filters = ctk.ctkPathLineEdit.Files
        self.ui.systemComboBox.connect("currentIndexChanged(int)", self.onSystem)
        self.ui.filmModelPathLineEdit.connect("currentPathChanged(QString)", self.onModel)
        self.ui.filmSelector.connect("currentNodeChanged(vtkMRMLNode*)", lambda node: self.refreshButtons())
        self.ui.filmPathLineEdit.connect("currentPathChanged(QString)", lambda path: self.refreshButtons())
        self.ui.scoreFilmButton.connect("clicked()", self.onScore)
        self.ui.radiographInstallButton.connect("clicked()", self.onInstall)
        self.ui.filmTable.visible = False
        self.onSystem(0)

    @property
    def system(self):
        return SYSTEMS[max(self.ui.systemComboBox.currentIndex, 0)]

    @property
    def clinical(self):
        """What is known of the patient, where the model asks for it."""
        from OsteoScreenLib.radiographs.model_folder import asks_for_patient

        if not asks_for_patient(self.card):
            return {}
        sex = SEXES[max(self.ui.sexComboBox.currentIndex, 0)][0]
        return {"age": self.ui.ageSpinBox.value or None, "sex": sex, "bmi": self.ui.bmiSpinBox.value or None}

    def onSystem(self, index):
        """Offer a model of this system that is installed."""
        if dependencies.missing("cards"):
            return
        from OsteoScreenLib.radiographs.model_folder import installed

        self.ui.filmModelPathLineEdit.currentPath = str(next(iter(installed(self.system)), ""))
        self.onModel()

    def onModel(self, path=""):
        """Read the card of the chosen model, and say what it learned from or what to do without one."""
        if dependencies.missing("cards"):
            return
        from OsteoScreenLib.radiographs.model_folder import card_for, card_line, how_to_train

        folder = self.ui.filmModelPathLineEdit.currentPath
        self.card, said = None, how_to_train(self.system)
        if folder:
            try:
                self.card = card_for(self.system, Path(folder))
                said = card_line(self.card)
            except OsteoScreenError as problem:
                said = str(problem)
        self.ui.filmModelCardLabel.text = said
        self.ui.filmTable.visible = False
        self.refreshButtons()

    def onScore(self):
        try:
            parameters = {
                "system": self.system, "model": str(Path(self.ui.filmModelPathLineEdit.currentPath).absolute()),
                "films": [str(self.filmFile())], "clinical": self.clinical,
                "device": self.ui.deviceComboBox.currentText,
            }  # fmt: skip
            self.panel.work.start(
                "radiograph", parameters, None, None, self.ui.radiographCollapsibleButton, self.onScored
            )
        except OsteoScreenError as problem:
            self.panel.work.say(str(problem))

    def filmFile(self):
        """Return the film's file: the chosen one, the DICOM file that a node comes from, or its pixels as a TIFF."""
        from OsteoScreenLib.radiographs.film import save_film
        from OsteoScreenLib.scene.films import film_of

        node = self.ui.filmSelector.currentNode()
        if node is None:
            return Path(self.ui.filmPathLineEdit.currentPath).absolute()
        instances = (node.GetAttribute("DICOM.instanceUIDs") or "").split()
        stored = slicer.dicomDatabase.fileForInstance(instances[0]) if len(instances) == 1 else ""
        if stored:
            return Path(stored)
        self.folder = tempfile.TemporaryDirectory(prefix="osteoscreen-")
        return save_film(film_of(node), Path(self.folder.name))

    def onScored(self, scored):
        """Show the film in the one view that it belongs to, with the heat map over it."""
        from OsteoScreenLib.radiographs.score import COLUMNS
        from OsteoScreenLib.scene.films import add_scored, show_film

        self.folder = None
        slicer.mrmlScene.SaveStateForUndo()
        show_film(slicer.mrmlScene, add_scored(slicer.mrmlScene, scored).films[0])
        slicer.app.layoutManager().setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
        slicer.app.layoutManager().resetSliceViews()
        fill(self.ui.filmTable, [_(column) for column in COLUMNS], scored.in_words)
        self.ui.filmTable.visible = True
        self.panel.work.say("")

    def onInstall(self):
        dependencies.install("radiograph", self.panel.work.say)
        self.onSystem(0)
        self.panel.refresh()

    def refresh(self):
        self.refreshButtons()

    def refreshButtons(self):
        missing = dependencies.missing("radiograph")
        self.ui.radiographDependenciesLabel.text = dependencies.describe(missing)
        self.ui.radiographDependenciesLabel.visible = bool(missing)
        self.ui.radiographInstallButton.visible = bool(missing)
        self.ui.filmFrame.visible = self.card is not None
        self.ui.patientFrame.visible = self.card is not None and bool(self.clinical)
        from_file = self.ui.filmSelector.currentNode() is None
        self.ui.filmPathLineEdit.visible = self.ui.filmPathLabel.visible = from_file
        there = not from_file or Path(self.ui.filmPathLineEdit.currentPath).is_file()
        ready = self.card is not None and there and not missing
        self.ui.scoreFilmButton.enabled = ready and not self.panel.work.running
