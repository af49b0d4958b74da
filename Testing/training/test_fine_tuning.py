"""Fine-tuning on corrected cases: who is learned from, what the card says, and what is never touched."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from OsteoScreenLib import models
from OsteoScreenLib.annotation.adding import NewMask, add_case
from OsteoScreenLib.annotation.dataset import SPLITS, open_dataset
from OsteoScreenLib.cli import main
from OsteoScreenLib.errors import InputError, ModelError
from OsteoScreenLib.levels import SCREENED, TRABECULAR
from OsteoScreenLib.segmentation.networks import FINE_SIZE, build
from OsteoScreenLib.training import fine_tuning
from OsteoScreenLib.training.corrected_samples import JITTER, corrected_sample, corrected_vertebrae
from OsteoScreenLib.training.fine_tuning import Choices, fine_tune
from OsteoScreenLib.volume import Volume
from Testing.conftest import SHELL_HU, TRABECULAR_HU, BoxCase

TINY = {
    "out_channels": 3, "widths": (2, 2, 4, 4), "depths": (2, 2), "heads": (2, 2), "windows": ((7, 8, 6), (7, 8, 9)),
}  # fmt: skip
QUICK = Choices(epochs=1, replay=0.0, standard=0, workers=0)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a tiny model in place of the shipped one; looking at two held-out vertebrae is enough."""
    monkeypatch.setenv("OSTEOSCREEN_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(fine_tuning, "HELD", 2)
    monkeypatch.setattr(fine_tuning, "STANDARD_GRIDS", (((60, 56, 40), (2.2, 2.2, 5.0)),))
    torch.manual_seed(0)
    models.save_model(
        models.own_models() / "tiny",
        build("STUNet", TINY).state_dict(),
        version="0.1.0", task="outline", architecture="STUNet", parameters=TINY, trained_on="nothing",
        measured={}, intended_use="research", licence="Apache-2.0", sources=("phantoms",), role="refine",
    )  # fmt: skip
    return tmp_path / "home"


@pytest.fixture
def folder(tmp_path: Path, box_case: BoxCase) -> Path:
    """A dataset of three patients, the boxes a little brighter each time: two learn, one validates."""
    for number, split in enumerate(("train", "train", "validation")):
        case = _added(tmp_path / "data", box_case, number, "reader")
        place = tmp_path / "data" / SPLITS / case.patient
        place.parent.mkdir(exist_ok=True)
        place.write_text(f"{split}\n")
    return tmp_path / "data"


def _added(folder: Path, box_case: BoxCase, number: int, role: str):
    volume = Volume(box_case.volume.voxels + np.int16(number), box_case.volume.ijk_to_ras)
    labels = volume.with_voxels(box_case.labels.voxels)
    return add_case(folder, volume, NewMask(labels, role=role, reader="A"), patient=f"patient {number}").case


def test_a_new_model_says_what_it_came_from_and_leaves_its_parent_alone(folder: Path, tmp_path: Path) -> None:
    parent = models.verify("tiny")
    choices = replace(QUICK, standard=1)
    made = fine_tune(open_dataset(folder), "tiny", tmp_path / "new", tmp_path / "run", choices).card
    assert made.parent == f"tiny 0.1.0, SHA-256 {parent.sha256}"
    assert (made.role, made.cases, made.patients) == ("refine", 2, 2)
    assert made.trained_on.startswith("2 corrected cases and, before that, nothing (fine-tuned from tiny 0.1.0;")
    figures = {f"{what}_{part}_dice" for what in ("own_validation", "phantoms") for part in ("body", "trabecular")}
    assert {f"{name}_{when}" for name in figures for when in ("before", "after")} <= set(made.measured)
    assert models.verify("tiny") == parent
    card, weights = models.load_folder(tmp_path / "new")
    assert card.sha256 != parent.sha256
    before = models.load_weights("tiny")[1]
    assert any(not torch.equal(weights[name].float(), before[name].float()) for name in weights)


def test_a_frozen_encoder_stays_as_it_was(folder: Path, tmp_path: Path) -> None:
    choices = replace(QUICK, freeze_encoder=True, rate=1e-2)
    fine_tune(open_dataset(folder), "tiny", tmp_path / "new", tmp_path / "run", choices)
    before, after = models.load_weights("tiny")[1], models.load_folder(tmp_path / "new")[1]
    changed = {
        name.split("_")[0]
        for name in before
        if before[name].is_floating_point()
        and not torch.allclose(before[name], after[name].float(), rtol=2e-3, atol=1e-5)  # saved in half precision
    }
    assert "encode" not in changed
    assert "decode" in changed


def test_cases_that_wait_for_review_are_left_out(folder: Path, tmp_path: Path, box_case: BoxCase) -> None:
    _added(folder, box_case, 7, "proposal")
    tuned = fine_tune(open_dataset(folder), "tiny", tmp_path / "new", tmp_path / "run", QUICK)
    assert tuned.card.cases + tuned.card.measured["validation_cases"] == 3
    assert "1 cases wait for review and were left out." in tuned.notes


def test_a_run_goes_on_only_with_the_same_masks_and_choices(
    folder: Path, tmp_path: Path, box_case: BoxCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = []
    monkeypatch.setattr(fine_tuning, "_figures", lambda *_: {})
    monkeypatch.setattr(fine_tuning, "fit", lambda network, *rest: runs.append(rest[2]) or network.state_dict())

    def tune(name: str, choices: Choices = QUICK) -> None:
        fine_tune(open_dataset(folder), "tiny", tmp_path / name, tmp_path / "run", choices)

    tune("first")
    tune("again")
    tune("longer", replace(QUICK, epochs=2))
    _added(folder, box_case, 9, "reader")
    tune("more")
    assert runs[0] == runs[1]
    assert len(set(runs)) == 3


def test_a_crop_holds_the_ct_under_its_mask(folder: Path, tmp_path: Path) -> None:
    vertebrae = corrected_vertebrae(open_dataset(folder).cases[:1], tmp_path / "cut")
    assert [vertebra.level for vertebra in vertebrae] == list(SCREENED)
    hu, classes = vertebrae[1].crop((JITTER, 0, -JITTER))
    assert hu.shape == classes.shape == FINE_SIZE[::-1]
    assert np.median(hu[classes == TRABECULAR]) == pytest.approx(TRABECULAR_HU["L2"], abs=3)
    assert hu[classes == 1].max() == pytest.approx(SHELL_HU, abs=3)
    assert (classes > 0).sum() == pytest.approx(44 * 32 * 26, rel=0.06)
    image, views = corrected_sample(np.random.default_rng(0), vertebrae)
    assert image.shape == (2, 1, *FINE_SIZE[::-1])
    assert image.dtype == np.float32
    assert [set(np.unique(view)) for view in views] == 2 * [{0, 1, 2}]


def test_a_model_is_never_replaced(folder: Path, tmp_path: Path) -> None:
    for output in (tmp_path / "refine", models.own_models() / "tiny"):
        with pytest.raises(ModelError, match="give the new one another name"):
            fine_tune(open_dataset(folder), "tiny", output, tmp_path / "run", QUICK)
    assert not (tmp_path / "refine").exists()


def test_one_patient_alone_is_refused(tmp_path: Path, box_case: BoxCase) -> None:
    _added(tmp_path / "one", box_case, 0, "reader")
    with pytest.raises(InputError, match="at least one patient of each kind is needed"):
        fine_tune(open_dataset(tmp_path / "one"), "tiny", tmp_path / "new", tmp_path / "run", QUICK)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["DATA", "--from", "locate"], "locate does not outline bodies; fine-tune st-unet"),
        (["DATA", "--from", "absent"], "There is no model named 'absent'"),
        (["DATA", "--from", "tiny", "-o", "a name"], "'a name' is no name for a model"),
        (["DATA", "--from", "tiny", "--steps", "5"], "are for training on synthetic CT, not on a dataset"),
        (["DATA"], "to fine-tune on a dataset, add --from st-unet"),
        (["refine", "--epochs", "5"], "are for fine-tuning; add --from MODEL"),
        (["nowhere", "--from", "tiny"], "nowhere is no dataset of OsteoScreen"),
    ],
)
def test_what_cannot_be_fine_tuned_is_said_in_one_line(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    given = [str(folder) if argument == "DATA" else argument for argument in arguments]
    assert main(["train", "segmentation", *given, "--run", str(tmp_path / "run")]) == 2
    error = capfd.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_the_command_makes_a_model_that_can_be_used(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fine_tuning, "_figures", lambda *_: {"own_validation_body_dice": 0.5})
    given = ["--from", "tiny", "--epochs", "1", "--replay", "0", "--workers", "0", "--run", str(tmp_path / "run")]
    assert main(["train", "segmentation", str(folder), *given]) == 0
    said = capfd.readouterr().out
    assert "  own_validation_body_dice: 0.500 before, 0.500 after" in said
    assert "Note: It outlines the held-out cases no better than its parent." in said
    assert "To use it: osteoscreen models use data" in said
    assert main(["models", "use", "data"]) == 0
