"""The section Training data: a case is saved, comes up for review, goes out, and a network learns from it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from OsteoScreenLib import models
from OsteoScreenLib.annotation.adding import NewMask, add_case
from OsteoScreenLib.annotation.dataset import SPLITS, open_dataset
from OsteoScreenLib.model_choice import in_use
from OsteoScreenLib.volume import Volume
from Testing.conftest import BoxCase
from Testing.module.test_panel import cells, load

Wait = Callable[..., None]
TINY = {
    "out_channels": 3, "widths": (2, 2, 4, 4), "depths": (2, 2), "heads": (2, 2), "windows": ((7, 8, 6), (7, 8, 9)),
}  # fmt: skip


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a tiny model in use in place of the shipped one."""
    import torch

    from OsteoScreenLib.model_choice import use
    from OsteoScreenLib.segmentation.networks import build

    monkeypatch.setenv("OSTEOSCREEN_HOME", str(tmp_path / "home"))
    torch.manual_seed(0)
    models.save_model(
        models.own_models() / "tiny", build("STUNet", TINY).state_dict(), version="0.1.0", task="outline",
        architecture="STUNet", parameters=TINY, trained_on="nothing", measured={}, intended_use="research",
        licence="Apache-2.0", sources=("phantoms",), role="refine",
    )  # fmt: skip
    use("tiny")
    return tmp_path / "home"


def done(panel: Any, wait: Wait, button: Any) -> str:
    """Click a button, wait for the work, and return what was said."""
    button.click()
    wait(lambda: not panel.work.running, 400)
    return panel.ui.statusLabel.text


def test_a_case_is_saved_comes_up_is_accepted_and_goes_out(
    panel: Any, box_case: BoxCase, wait: Wait, tmp_path: Path
) -> None:
    import slicer

    ui, data = panel.ui, tmp_path / "data"
    assert "Choose the folder of a dataset" in ui.queueLabel.text
    assert not ui.keepCaseButton.enabled
    load(panel, box_case)
    done(panel, wait, ui.segmentButton)
    ui.datasetPathLineEdit.currentPath = str(data)
    assert "No dataset there yet" in ui.queueLabel.text
    ui.patientLineEdit.text = "A"
    assert "waits until every vertebra is accepted or rejected" in done(panel, wait, ui.keepCaseButton)
    assert "1 cases of 1 patients: 1 to review, 0 reviewed" in ui.queueLabel.text
    ui.exportPathLineEdit.currentPath = str(tmp_path / "out")
    assert "has been reviewed yet" in done(panel, wait, ui.exportButton)

    slicer.mrmlScene.Clear(False)
    ui.datasetPathLineEdit.currentPath = str(data)
    assert ui.keepCaseButton.enabled is False
    ui.nextCaseButton.click()
    (case,) = open_dataset(data).cases
    assert panel.case.volume.GetName() == case.id
    assert np.array_equal(panel.case.labels(), box_case.labels.voxels)
    assert "nothing is known against its masks" in ui.statusLabel.text
    ui.acceptRestButton.click()
    assert ui.reviewLabel.text == "4 of 4 decided"
    assert "may be learned from" in done(panel, wait, ui.keepCaseButton)
    assert "1 to review" not in ui.queueLabel.text
    assert "4 accepted" in ui.queueLabel.text
    ui.nextCaseButton.click()
    assert ui.statusLabel.text == "No other case waits for a review."

    assert ui.formatComboBox.currentText == "nnU-Net v2"
    assert done(panel, wait, ui.exportButton) == f"1 cases: {tmp_path / 'out' / 'Dataset100_Spine'}"
    assert (tmp_path / "out" / "Dataset100_Spine" / "dataset.json").is_file()


@pytest.fixture
def learned(panel: Any, box_case: BoxCase, tmp_path: Path) -> Any:
    """The panel with a dataset of three reviewed cases."""
    for number, split in enumerate(("train", "train", "validation")):
        volume = Volume(box_case.volume.voxels + np.int16(number), box_case.volume.ijk_to_ras)
        mask = NewMask(volume.with_voxels(box_case.labels.voxels), reader="A")
        case = add_case(tmp_path / "data", volume, mask, patient=f"patient {number}").case
        place = tmp_path / "data" / SPLITS / case.patient
        place.parent.mkdir(exist_ok=True)
        place.write_text(f"{split}\n")
    panel.ui.datasetPathLineEdit.currentPath = str(tmp_path / "data")
    return panel


def test_a_network_learns_and_is_used_and_not_any_more(
    learned: Any, wait: Wait, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ui = learned.ui
    quick = {"epochs": 1, "replay": 0.0, "standard": 0, "workers": 0}
    monkeypatch.setattr(learned.training, "choices", lambda: quick)
    assert ui.modelInUseLabel.text == "Outlines are made by the model tiny."
    assert not ui.useModelButton.enabled
    assert Path(ui.newModelPathLineEdit.currentPath) == home / "models" / "data"
    assert "data has learned from 2 cases." in done(learned, wait, ui.fineTuneButton)
    assert cells(ui.tunedTable)[0][0] == "own validation body dice"
    assert in_use("refine") == "tiny"
    ui.useModelButton.click()
    assert ui.modelInUseLabel.text == "Outlines are made by the model data."
    assert in_use("refine") == "data"
    assert "give the new one another name" in done(learned, wait, ui.fineTuneButton)
    ui.shippedModelButton.click()
    assert in_use("refine") == "refine"


def test_cancelling_fine_tuning_leaves_no_model_and_no_process(learned: Any, home: Path) -> None:
    learned.ui.fineTuneButton.click()
    process = psutil.Process(learned.work.worker._process.pid)
    learned.ui.cancelButton.click()
    assert not process.is_running()
    assert not (home / "models" / "data").exists()
    assert learned.ui.statusLabel.text == "Cancelled. Nothing was written."
    assert learned.ui.fineTuneButton.enabled
