"""A trained system scores films, in this process or in a worker's, and says in one line what it cannot do."""

import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from OsteoScreenLib.cli.app import main
from OsteoScreenLib.errors import ModelError
from OsteoScreenLib.radiographs.model_folder import asks_for_patient, card_for, card_line, installed
from OsteoScreenLib.radiographs.score import load_scorer, score_films
from OsteoScreenLib.worker import State, Worker
from Testing.radiographs.tiny_models import untrained


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of bone texture that has learned nothing."""
    folder = tmp_path_factory.mktemp("models") / "untrained"
    untrained(folder)
    return folder


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder, rng = tmp_path_factory.mktemp("films"), np.random.default_rng(0)
    paths = [folder / place / "film.png" for place in ("a", "b")]
    for path in paths:
        path.parent.mkdir()
        Image.fromarray(rng.integers(0, 255, (90, 70), np.uint8)).save(path)
    return paths


def ended(worker: Worker) -> State:
    end = time.monotonic() + 240
    while not (state := worker.poll()).finished:
        assert time.monotonic() < end, worker.log
        time.sleep(0.1)
    return state


def test_a_worker_scores_as_the_library_does(model: Path, films: list[Path], tmp_path: Path) -> None:
    asked = {
        "system": "bone-texture", "model": str(model), "films": [str(film) for film in films], "device": "cpu",
        "output": str(tmp_path / "out"),
    }  # fmt: skip
    worker = Worker.start("radiograph", asked, None, None, tmp_path / "task")
    assert ended(worker).error is None, worker.log
    found, plain = worker.result(), score_films(load_scorer("bone-texture", model), films, {})
    assert [one.name for one in found.scores] == ["a/film.png", "b/film.png"]
    assert found.card == plain.card
    for one, other in zip(found.scores, plain.scores, strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-6)
        assert one.label == other.label
        assert one.heat == pytest.approx(other.heat, abs=1e-4)
    for folder in (worker.inputs.result, tmp_path / "out"):
        assert {"report.html", "scores.csv"} <= {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("system", "film", "why"),
    [
        ("knee", None, "not one of knee"),
        ("bone-texture", "none.png", "There is no file"),
    ],
)
def test_what_cannot_be_scored_is_said_in_one_line_and_nothing_is_left(
    system: str, film: str | None, why: str, model: Path, films: list[Path], tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    image = films[0] if film is None else tmp_path / film
    assert main(["radiograph", system, str(image), "--model", str(model), "-o", str(tmp_path / "out")]) == 2
    said = capfd.readouterr().err
    assert why in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_model_is_refused(films: list[Path], tmp_path: Path, capfd) -> None:
    assert main(["radiograph", "knee", str(films[0]), "--model", str(tmp_path), "-o", str(tmp_path / "out")]) == 2
    assert "model card" in capfd.readouterr().err


def test_a_card_says_which_system_it_is_of_and_what_it_learned_from(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OSTEOSCREEN_MODELS", str(model.parent))
    assert installed("bone-texture") == [model]
    assert installed("knee") == []
    card = card_for("bone-texture", model)
    assert card_line(card) == "untrained 0 (model-3), trained on synthetic films."
    assert not asks_for_patient(card)
    with pytest.raises(ModelError, match="not one of knee"):
        card_for("knee", model)
