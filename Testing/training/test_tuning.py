"""The search of recipes: really by Ray where it is installed, and one clear line where it is not."""

import builtins
import csv
from pathlib import Path

import numpy as np
import pytest

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.radiographs.systems import SYSTEMS
from OsteoScreenLib.training.film_sets import Films, split_films
from OsteoScreenLib.training.films import Choices
from OsteoScreenLib.training.pictures import Picture
from OsteoScreenLib.training.tuning import TRIALS, RayError, tuned

TEXTURE = SYSTEMS["bone-texture"]


@pytest.fixture
def films() -> Films:
    """Forty noisy films, those of the ill brighter."""
    rng = np.random.default_rng(0)
    ill = np.arange(40) % 2 == 1
    images = np.clip(rng.normal(0.4 + 0.2 * ill[:, None, None], 0.1, (40, 224, 224)), 0, 1).astype(np.float16)
    return Films(images, tuple(Picture(Path(f"{n}.png"), bool(one), str(n)) for n, one in enumerate(ill)))


def test_the_best_of_some_recipes_is_found(films: Films, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    choices = Choices("model-3", epochs=1, workers=0)
    split, told = split_films(TEXTURE, films, choices), []
    try:
        recipe, auc = tuned(TEXTURE, split, 2, tmp_path, choices, progress=lambda done, _message: told.append(done))
    except RayError as error:
        pytest.skip(str(error))
    rows = list(csv.DictReader((tmp_path / TRIALS).open()))
    assert [float(row["auc"]) for row in rows] == sorted((float(row["auc"]) for row in rows), reverse=True)
    assert len(rows) == 2
    assert float(rows[0]["auc"]) == pytest.approx(auc)
    assert float(rows[0]["rate"]) == pytest.approx(recipe.rate)
    assert rows[0]["rate"] != rows[1]["rate"]
    assert recipe.optimiser == "sgd"
    assert told == [0.5, 1.0]


def test_without_ray_one_line_says_what_to_install(films: Films, tmp_path: Path, monkeypatch) -> None:
    real = builtins.__import__

    def without_ray(name: str, *arguments: object, **named: object):
        if name.split(".")[0] == "ray":
            raise ImportError(name)
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without_ray)
    choices = Choices("model-3")
    with pytest.raises(InputError, match=r"Ray Tune, which is not installed: pip install 'osteoscreen\[tune\]'"):
        tuned(TEXTURE, split_films(TEXTURE, films, choices), 2, tmp_path, choices)
