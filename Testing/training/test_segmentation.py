"""Training on synthetic CT that goes on from a model: its weights, and what the card says of both."""

import shutil
from pathlib import Path

import pytest
import torch

from OsteoScreenLib import models
from OsteoScreenLib.cli import main
from OsteoScreenLib.segmentation.networks import build

TINY = {"out_channels": 14, "features": (4, 4, 4, 4, 4, 4)}


@pytest.fixture(autouse=True)
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> models.ModelCard:
    """A tiny model that counts levels, among the user's own."""
    monkeypatch.setenv("OSTEOSCREEN_HOME", str(tmp_path / "home"))
    return _tiny("tiny", 0)


def _tiny(name: str, seed: int) -> models.ModelCard:
    torch.manual_seed(seed)
    return models.save_model(
        models.own_models() / name,
        build("BasicUNet", TINY).state_dict(),
        version="0.1.0", task="count", architecture="BasicUNet", parameters=TINY, trained_on="Nothing (yet).",
        measured={}, intended_use="research", licence="Apache-2.0", sources=("phantoms",), role="count",
    )  # fmt: skip


def _near(folder: Path, name: str) -> bool:
    """Tell whether a model has the weights of another, but for what one step at a tiny rate changes."""
    weights, before = models.load_folder(folder)[1], models.load_weights(name)[1]
    return all((weights[key].float() - tensor).abs().max() < 1e-3 for key, tensor in before.items())


def _train(tmp_path: Path, stage: str, *options: str, parent: str = "tiny") -> int:
    config = tmp_path / "settings.toml"
    config.write_text("batch = 1\nworkers = 0\nvalidation_samples = 1\nrate = 1e-9\n")
    places = ["-o", str(tmp_path / "made"), "--run", str(tmp_path / "run")]
    return main(["train", "segmentation", stage, "--from", parent, "--config", str(config), *places, *options])


def test_it_goes_on_from_the_parents_weights_and_names_it(tmp_path: Path, parent: models.ModelCard) -> None:
    assert _train(tmp_path, "count", "--steps", "1", "--seed", "5") == 0
    card = models.read_card(tmp_path / "made")
    assert (card.role, card.parameters["features"]) == ("count", list(TINY["features"]))
    assert parent.sha256 in card.parent
    assert card.trained_on.startswith("Nothing (yet). Then: Synthetic CT only (1 samples drawn on the fly, seed 5)")
    assert card.sources == ("phantoms",)
    assert _near(tmp_path / "made", "tiny")


def test_a_finished_run_of_another_beginning_is_not_taken_up(tmp_path: Path) -> None:
    _tiny("other", 1)
    assert _train(tmp_path, "count", "--steps", "1", parent="other") == 0
    (checkpoint,) = (tmp_path / "run").rglob("checkpoint.safetensors")
    shutil.copy(checkpoint, tmp_path / "run" / "count" / checkpoint.name)  # as a run from nothing leaves it
    assert _train(tmp_path, "count", "--steps", "1") == 0
    assert _near(tmp_path / "made", "tiny")
    assert not _near(tmp_path / "made", "other")


def test_a_model_of_another_stage_is_refused_in_one_line(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    assert _train(tmp_path, "locate", "--steps", "1") == 2
    assert "tiny is no model for locate; name one that is, or leave out --from." in capfd.readouterr().err
    assert not (tmp_path / "made").exists()


def test_smoke_goes_on_from_nothing(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    assert _train(tmp_path, "count", "--smoke") == 2
    assert "--smoke trains from nothing; leave out --from." in capfd.readouterr().err
