"""Model cards: what is saved is found, checked and loaded; what was altered is refused."""

import json
import pickle
from pathlib import Path

import pytest
import torch

from OsteoScreenLib import models
from OsteoScreenLib.errors import ModelError

CARD = {
    "version": "1.0.0",
    "task": "vertebra segmentation",
    "architecture": "BasicUNet",
    "parameters": {"features": [8, 8, 16, 16, 32, 8]},
    "trained_on": "synthetic spines",
    "measured": {"dice": 0.9},
    "intended_use": "research",
    "licence": "Apache-2.0",
    "sources": ["phantoms"],
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OSTEOSCREEN_MODELS", str(tmp_path))
    return tmp_path / "tiny"


@pytest.fixture
def saved(folder: Path) -> models.ModelCard:
    return models.save_model(folder, torch.nn.Linear(3, 2).state_dict(), **CARD)


def test_a_saved_model_comes_back_whole(folder: Path) -> None:
    state = {"weight": torch.randn(2, 3).T, "bias": torch.ones(2, dtype=torch.bfloat16)}
    card = models.save_model(folder, state, **CARD)
    loaded, tensors = models.load_weights("tiny")
    assert loaded == card == models.verify("tiny")
    assert models.find("tiny") == folder
    assert "tiny" in [one.name for one in models.list_models()]
    assert loaded.parameters == CARD["parameters"]
    assert all(torch.equal(tensors[key], state[key]) for key in state)
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "model.safetensors"]


def test_altered_weights_are_refused(folder: Path, saved: models.ModelCard) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(ModelError, match="SHA-256"):
        models.load_weights("tiny")
    with pytest.raises(ModelError, match="SHA-256"):
        models.verify("tiny")


def test_a_pickle_is_never_loaded_even_with_its_hash(folder: Path, saved: models.ModelCard) -> None:
    import hashlib

    class Bomb:
        def __reduce__(self) -> tuple:
            return Path.touch, (folder / "boom",)

    weights = pickle.dumps(Bomb())
    (folder / "model.safetensors").write_bytes(weights)
    card = saved.model_dump(mode="json") | {"sha256": hashlib.sha256(weights).hexdigest()}
    (folder / "model.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match="safetensors"):
        models.load_weights("tiny")
    assert not (folder / "boom").exists()


def test_saving_again_keeps_the_other_files_of_the_folder(folder: Path, saved: models.ModelCard) -> None:
    (folder / "notes.txt").write_text("keep")
    newer = models.save_model(folder, {"weight": torch.zeros(4)}, **CARD | {"version": "1.1.0"})
    assert models.verify("tiny") == newer
    assert newer.sha256 != saved.sha256
    assert (folder / "notes.txt").read_text() == "keep"


@pytest.mark.parametrize("name", ["absent", "../tiny", "", "."])
def test_an_unknown_name_says_what_there_is(folder: Path, saved: models.ModelCard, name: str) -> None:
    with pytest.raises(ModelError, match=r"Available: .*tiny"):
        models.find(name)


@pytest.mark.parametrize("text", ["{", "{}", "[]"])
def test_a_malformed_card_is_named_in_one_line(folder: Path, saved: models.ModelCard, text: str) -> None:
    (folder / "model.json").write_text(text)
    with pytest.raises(ModelError, match=r"model\.json") as caught:
        models.verify("tiny")
    assert "\n" not in str(caught.value)


def test_a_wrong_field_is_refused_before_anything_is_written(folder: Path) -> None:
    with pytest.raises(ModelError, match="colour"):
        models.save_model(folder, {"weight": torch.zeros(4)}, **CARD, colour="blue")
    assert not folder.exists()


def test_every_shipped_model_has_the_weights_its_card_states() -> None:
    shipped = Path(models.__file__).parent.parent / "Resources" / "Models"
    for card in shipped.glob("*/model.json"):
        assert models.verify(card.parent.name).name == card.parent.name
