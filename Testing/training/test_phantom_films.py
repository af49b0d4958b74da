"""Invented films: both classes, the same for a seed, known patients, and evidence that overlaps between the classes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from OsteoScreenLib.cli.app import main
from OsteoScreenLib.phantoms.scene import random_scene
from OsteoScreenLib.radiographs.film import read_film
from OsteoScreenLib.radiographs.prepare import scaled
from OsteoScreenLib.radiographs.systems import SYSTEMS
from OsteoScreenLib.training.duplicates import find_duplicates
from OsteoScreenLib.training.phantom_films import LOSS_SD, TABLE, dxa_film, projected
from OsteoScreenLib.training.phantom_knees import knee_film
from OsteoScreenLib.training.pictures import Picture, read_pictures
from OsteoScreenLib.volume import grid


def test_a_folder_of_knees_is_what_training_reads(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    knees, again = tmp_path / "knees", tmp_path / "again"
    assert main(["phantom-films", "knee", "-o", str(knees), "-n", "24", "--seed", "3"]) == 0
    assert "24 synthetic films" in capfd.readouterr().out
    by_folder, by_table = (read_pictures(data, SYSTEMS["knee"])[0] for data in (knees, knees / TABLE))
    assert {(one.path, one.ill) for one in by_folder} == {(one.path, one.ill) for one in by_table}
    assert sum(one.ill for one in by_table) == 12
    assert len({one.patient for one in by_table}) == 24
    known = [one.clinical["age"] for one in by_table]
    assert None in known
    assert all(20 < age < 110 for age in known if age is not None)
    found = find_duplicates(by_table)
    assert found.exact == found.alike == (), "no two films pass for one"
    assert main(["phantom-films", "knee", "-o", str(again), "-n", "4", "--seed", "3"]) == 0
    for number in range(4):
        name = f"{'osteoporosis' if number % 2 else 'normal'}/{number:05d}.jpg"
        assert (again / name).read_bytes() == (knees / name).read_bytes()
    assert main(["phantom-films", "knee", "-o", str(knees)]) == 2
    assert "not empty" in capfd.readouterr().err


def test_two_knees_in_one_pose_are_two_and_a_poor_copy_is_one(tmp_path: Path) -> None:
    pictures = []
    for number in (98, 155):
        rng = np.random.default_rng([0, number])
        film = knee_film(number % 2 + rng.normal(0, LOSS_SD), rng)
        image = Image.fromarray(np.rint(255 * scaled(film)).astype(np.uint8))
        image.save(tmp_path / f"{number}.jpg", quality=92)
        pictures.append(Picture(tmp_path / f"{number}.jpg", bool(number % 2), str(number)))
    image.resize((image.width // 2, image.height // 2)).save(tmp_path / "copy.jpg", quality=20)
    found = find_duplicates([*pictures, Picture(tmp_path / "copy.jpg", True, "copy")])
    assert found.alike == ((1, 2),)


def roughness(grain: np.ndarray) -> float:
    """Return how coarse a piece of a film is: how alike the fine detail is of pixels that are two apart."""
    from scipy.ndimage import gaussian_filter

    fine = grain - gaussian_filter(grain, 5)
    return float(np.corrcoef(fine[:, :-2].ravel(), fine[:, 2:].ravel())[0, 1])


@pytest.mark.parametrize(
    ("draw", "place"), [(dxa_film, np.s_[110:160, 75:105]), (knee_film, np.s_[50:100, 105:140])], ids=["dxa", "knee"]
)
def test_the_grain_coarsens_with_the_loss_of_bone(draw, place) -> None:
    healthy, ill = ([roughness(draw(loss, np.random.default_rng(n))[place]) for n in range(2)] for loss in (0.0, 1.0))
    assert min(ill) > max(healthy) + 0.1


def test_a_projected_spine_loses_density_with_its_bone() -> None:
    scene = random_scene(np.random.default_rng(4), fracture=0.0)
    field = grid(scene.centre("L2") + np.array([0.0, 15.0, 0.0]), (11, 52, 68), (12.0, 5.0, 5.0))
    healthy, ill = (projected(scene, loss, "lateral", field, 5.0, np.random.default_rng(1)) for loss in (0.0, 1.0))
    assert healthy.shape == (68, 52)
    lost = healthy - ill
    assert lost.max() > 0.05
    assert lost.min() > -0.02


def test_films_are_read_as_any_film(tmp_path: Path) -> None:
    assert main(["phantom-films", "bone-texture", "-o", str(tmp_path / "dxa"), "-n", "2"]) == 0
    film = read_film(tmp_path / "dxa" / "degraded" / "00001.png")
    assert film.pixels.shape == (270, 180)
    assert SYSTEMS["bone-texture"].prepare(film.pixels).shape == (224, 224)
