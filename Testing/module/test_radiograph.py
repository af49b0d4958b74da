"""The section Radiograph: without a model one line, with one a film, a heat map over it, a score, and its source."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from Testing.module.test_panel import cells
from Testing.radiographs.tiny_models import noisy_film, untrained

Wait = Callable[..., None]


def hidden(widget: Any) -> bool:
    return widget.qobject.isHidden()


@pytest.fixture
def ready(panel: Any, tmp_path: Path) -> Any:
    """The panel with a model of bone texture that takes age, sex and BMI."""
    untrained(tmp_path / "untrained", clinical=True)
    panel.ui.systemComboBox.currentIndex = 1
    panel.ui.filmModelPathLineEdit.currentPath = str(tmp_path / "untrained")
    return panel


def test_without_a_model_there_is_one_line_that_says_how_to_train_one(panel: Any, tmp_path: Path) -> None:
    panel.ui.systemComboBox.currentIndex = 2
    said = panel.ui.filmModelCardLabel.text
    assert "There is no model for knee" in said
    assert "osteoscreen train knee DATA -o DIR" in said
    assert hidden(panel.ui.filmFrame)
    untrained(tmp_path / "untrained")
    panel.ui.filmModelPathLineEdit.currentPath = str(tmp_path / "untrained")
    assert "not one of knee" in panel.ui.filmModelCardLabel.text
    panel.ui.filmModelPathLineEdit.currentPath = str(tmp_path)
    assert "model card" in panel.ui.filmModelCardLabel.text
    assert hidden(panel.ui.filmFrame)


def test_a_film_is_scored_and_shown_under_its_heat_map(ready: Any, wait: Wait, tmp_path: Path) -> None:
    import slicer

    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    assert "trained on synthetic films." in ready.ui.filmModelCardLabel.text
    assert not hidden(ready.ui.patientFrame)
    assert not ready.ui.scoreFilmButton.enabled
    ready.ui.filmPathLineEdit.currentPath = str(noisy_film(tmp_path / "film.png"))
    scores = []
    for age in (40, 80):
        ready.ui.ageSpinBox.value = age
        assert ready.radiograph.clinical == {"age": age, "sex": None, "bmi": None}
        ready.ui.scoreFilmButton.click()
        wait(lambda: not ready.work.running, 300)
        (row,) = cells(ready.ui.filmTable)
        assert row[0] == "film.png", ready.ui.statusLabel.text
        assert row[2] == ("degraded" if float(row[1]) >= 0.5 else "normal")
        assert row[3] == "0.500"
        scores.append(float(row[1]))
    assert scores[0] < scores[1], "the older the patient, the higher this model's score"
    assert slicer.app.layoutManager().layout == slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView
    assert slicer.app.layoutManager().fitted
    layers = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSliceCompositeNode")
    assert slicer.mrmlScene.GetNodeByID(layers.GetBackgroundVolumeID()).GetName() == "film.png"
    assert slicer.mrmlScene.GetNodeByID(layers.GetForegroundVolumeID()).GetName() == "film.png heat"


def test_a_film_in_the_scene_is_scored_as_its_file_is(ready: Any, wait: Wait, tmp_path: Path) -> None:
    import slicer

    from OsteoScreenLib.radiographs.film import read_film
    from OsteoScreenLib.scene.films import add_film

    path = noisy_film(tmp_path / "film.png")
    node = add_film(slicer.mrmlScene, read_film(path))
    found = []
    for chosen in (node, None):
        ready.ui.filmSelector.setCurrentNode(chosen)
        ready.ui.filmPathLineEdit.currentPath = str(path)
        ready.ui.scoreFilmButton.click()
        wait(lambda: not ready.work.running, 300)
        found.append(cells(ready.ui.filmTable)[0][1])
    assert found[0] == found[1]


def test_a_ct_is_no_film(ready: Any) -> None:
    import slicer
    from OsteoScreenPanel.synthetic import add_synthetic_case

    volume, *_ = add_synthetic_case(slicer.mrmlScene)
    ready.ui.filmSelector.setCurrentNode(volume)
    ready.ui.scoreFilmButton.click()
    assert ready.ui.statusLabel.text == "'Synthetic' has 76 slices and is no film; choose one film."
    assert not ready.work.running
