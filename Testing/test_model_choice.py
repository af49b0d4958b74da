"""The user's choice of a model: it takes a shipped one's place, is named in every result, and can be taken back."""

from pathlib import Path

import pytest
import torch

from OsteoScreenLib import model_choice, models
from OsteoScreenLib.cli import main
from OsteoScreenLib.errors import ModelError
from OsteoScreenLib.segmentation.networks import build, load_network

PARAMETERS = {"out_channels": 3, "features": (2, 2, 2, 2, 2, 2), "act": "relu"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OSTEOSCREEN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def mine(home: Path) -> models.ModelCard:
    """A model of the user's own in place of `refine`."""
    return models.save_model(
        models.own_models() / "mine",
        build("BasicUNet", PARAMETERS).state_dict(),
        version="0.1.0", task="outline", architecture="BasicUNet", parameters=PARAMETERS, trained_on="my cases",
        measured={}, intended_use="research", licence="Apache-2.0", sources=(), role="refine",
    )  # fmt: skip


def test_a_chosen_model_is_loaded_and_named_with_its_hash(mine: models.ModelCard) -> None:
    shipped, _ = load_network("refine")
    assert shipped.name == "refine"
    assert model_choice.use("mine").sha256 == mine.sha256
    used, network = load_network("refine")
    assert (used.name, used.sha256) == ("mine", mine.sha256)
    assert sum(p.numel() for p in network.parameters()) == sum(
        p.numel() for p in build("BasicUNet", PARAMETERS).parameters()
    )
    assert load_network("locate")[0].name == "locate"


def test_a_detector_of_ones_own_is_used_too(home: Path) -> None:
    from OsteoScreenLib.detection.detect import load_detector

    card, weights = models.load_weights("detect")
    kept = {**card.model_dump(), "name": "ours", "trained_on": "our slices", "role": "detect"}
    del kept["sha256"]
    models.save_model(models.own_models() / "ours", weights, **kept)
    assert load_detector()[0].name == "detect"
    model_choice.use("ours")
    assert load_detector()[0].trained_on == "our slices"
    model_choice.use("detect")
    assert load_detector()[0].name == "detect"


@pytest.mark.parametrize("name", ["st-unet", "refine"])
def test_the_shipped_model_comes_back_by_either_name(mine: models.ModelCard, name: str) -> None:
    model_choice.use("mine")
    assert model_choice.use(name).name == "refine"
    assert model_choice.in_use("refine") == "refine"


def test_a_model_of_the_users_own_never_stands_in_for_a_shipped_one_by_its_name(mine: models.ModelCard) -> None:
    shipped = models.find("refine")
    (models.own_models() / "mine").rename(models.own_models() / "refine")
    assert models.find("refine") == shipped


def test_altered_weights_are_not_chosen(mine: models.ModelCard) -> None:
    weights = models.own_models() / "mine" / models.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    with pytest.raises(ModelError, match="SHA-256"):
        model_choice.use("mine")
    assert model_choice.in_use("refine") == "refine"


def test_a_chosen_model_that_is_gone_is_said_with_the_way_back(mine: models.ModelCard) -> None:
    model_choice.use("mine")
    (models.own_models() / "mine" / models.CARD).unlink()
    with pytest.raises(ModelError, match="'osteoscreen models use refine' goes back"):
        load_network("refine")
    model_choice.use("refine")
    assert load_network("refine")[0].name == "refine"


@pytest.mark.parametrize("text", ["{", "[]", '{"refine": 3}'])
def test_a_damaged_choice_is_said_in_one_line(home: Path, text: str) -> None:
    home.mkdir()
    (home / model_choice.CHOICES).write_text(text)
    with pytest.raises(ModelError, match="remove it, and the shipped models are used again"):
        load_network("refine")


def test_the_commands_choose_mark_and_refuse(mine: models.ModelCard, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "use", "mine"]) == 0
    assert capfd.readouterr().out == f"mine 0.1.0 is used in place of refine: {mine.sha256}\n"
    assert main(["models", "list"]) == 0
    marked = [line.split()[1] for line in capfd.readouterr().out.splitlines() if line.startswith("*")]
    assert marked == ["count", "detect", "locate", "mine"]
    film = {**mine.model_dump(exclude={"sha256", "role"}), "name": "film"}
    models.save_model(models.own_models() / "film", build("BasicUNet", PARAMETERS).state_dict(), **film)
    assert main(["models", "use", "film"]) == 2
    assert capfd.readouterr().err == "osteoscreen: film cannot be used in place of locate, count, refine or detect.\n"
    assert main(["models", "use", "absent"]) == 2
    assert capfd.readouterr().err.count("\n") == 1
    assert main(["models", "use", "st-unet"]) == 0
    assert capfd.readouterr().out.startswith("refine 0.1.0 is used: ")


def test_a_card_without_the_fields_of_fine_tuning_stays_as_it_was(tmp_path: Path) -> None:
    card = models.save_model(
        tmp_path / "plain", {"weight": torch.zeros(2)}, version="1", task="t", architecture="a", parameters={},
        trained_on="x", measured={}, intended_use="r", licence="l", sources=(),
    )  # fmt: skip
    assert card.parent is None
    assert "parent" not in (tmp_path / "plain" / models.CARD).read_text()
