"""A simulated film holds what rays would have met, the right way round, and says that it is simulated."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from OsteoScreenLib.radiographs.drr import PIXEL_MM, WATER_PER_MM, simulated_film, write_film
from OsteoScreenLib.radiographs.prepare import verte_x
from OsteoScreenLib.volume import Volume, grid


@pytest.fixture
def trunk() -> Volume:
    """Air around 60 mm of water from right to left and 40 from front to back, with bone at its back and right side."""
    ct = grid(np.zeros(3), (50, 40, 60), 2.0)
    ct.voxels[:] = -1000
    x, y, z = np.meshgrid(*[2.0 * (np.arange(n) - (n - 1) / 2) for n in (50, 40, 60)], indexing="ij")
    water = ((abs(x) < 30) & (abs(y) < 20) & (abs(z) < 50)).T
    bone = ((x > 10) & (x < 20) & (y < -10) & (y > -18) & (z > 30) & (z < 46)).T
    ct.voxels[water] = 0
    ct.voxels[bone] = 1000
    return ct


def test_rays_add_up_what_they_meet(trunk: Volume) -> None:
    film = simulated_film(trunk)
    rows, columns = film.pixels.shape
    assert film.spacing == (PIXEL_MM, PIXEL_MM)
    assert film.pixels[rows // 2, columns // 2] == pytest.approx(60 * WATER_PER_MM, rel=0.02)
    assert film.pixels[0, 0] == pytest.approx(0, abs=1e-6)
    assert film.pixels.max() == pytest.approx(70 * WATER_PER_MM, rel=0.03)


@pytest.mark.parametrize(("view", "side"), [("lateral", "right"), ("ap", "left")])
def test_head_is_up_the_patient_faces_left_and_right_is_left(trunk: Volume, view: str, side: str) -> None:
    film = simulated_film(trunk, view)
    row, column = np.argwhere(film.pixels > film.pixels.max() - 0.1).mean(0)
    assert row < film.pixels.shape[0] / 2
    assert (column > film.pixels.shape[1] / 2) == (side == "right")


def test_the_picture_says_that_it_is_simulated_and_verte_x_takes_it(trunk: Volume, tmp_path: Path) -> None:
    film = simulated_film(trunk)
    write_film(film, tmp_path / "film.png")
    picture = np.asarray(Image.open(tmp_path / "film.png"))
    assert picture.shape[0] > film.pixels.shape[0]
    assert picture[film.pixels.shape[0] :].max() > 200, "the caption"
    assert verte_x(film.pixels).shape == (1024, 512)
