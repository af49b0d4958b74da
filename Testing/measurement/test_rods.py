"""Calibration by rods of a phantom in the CT: their line, and what is refused."""

import numpy as np
import pytest

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.measurement.calibration import Rod
from OsteoScreenLib.measurement.rods import calibrate_by_rods, load_rods
from OsteoScreenLib.volume import Volume

DENSITIES = (0.0, 75.0, 150.0)
HEAD = "mg_cm3,r,a,s,radius_mm"


@pytest.fixture(scope="module")
def scan() -> Volume:
    """Return a bed of rods along i, 1.5 HU per mg/cm3 and 12 HU more, with noise of 10 HU."""
    rng = np.random.default_rng(0)
    hu = rng.normal(-100, 10, (30, 40, 90))
    for n, mg in enumerate(DENSITIES):
        hu[:, 10:30, 5 + 30 * n : 25 + 30 * n] += 112 + 1.5 * mg
    matrix = np.diag([-1.0, -1.0, 2.0, 1.0])
    return Volume(hu.astype(np.float32), matrix)


def rod(n: int, mg: float, *, off: float = 0.0) -> Rod:
    return Rod(mg, (-(14.5 + 30 * n) + off, -19.5, 30.0), 7.0)


def test_the_line_of_the_rods_turns_hu_into_their_density(scan):
    calibration, tissues, said = calibrate_by_rods(scan, [rod(n, mg) for n, mg in enumerate(DENSITIES)])
    assert tissues is None
    for mg in (0.0, 100.0, 200.0):
        assert calibration.density(12 + 1.5 * mg) == pytest.approx(mg, abs=1.0)
    assert calibration.error(160.0) < 2.0
    assert "3 rods" in calibration.method
    assert "75 mg/cm3" in said[0].text


@pytest.mark.parametrize(
    ("rods", "word"),
    [
        ([rod(n, mg, off=-40) for n, mg in enumerate(DENSITIES)], "does not lie in the image"),
        ([rod(n, mg) for n, mg in enumerate(DENSITIES[:2])], "three rods"),
        ([rod(n, mg) for n, mg in enumerate((0.0, 150.0, 75.0))], "do not lie on a line"),
    ],
)
def test_rods_that_cannot_calibrate_are_refused(scan, rods, word):
    with pytest.raises(InputError, match=word):
        calibrate_by_rods(scan, rods)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "CSV"),
        (HEAD, "no rows"),
        ("mg_cm3,r,a,s\n0,1,2,3", "radius_mm"),
        (f"{HEAD}\n0,1,2,here,5", "here"),
        (f"{HEAD}\n0,1,2,3,-5", "radius_mm"),
        (f"{HEAD}\n0,1,2,3,1e9", "radius_mm"),
        (f"{HEAD}\n0,1,,3,5", "finite"),
    ],
)
def test_a_file_of_rods_that_is_none_is_refused_in_one_line(tmp_path, text, word):
    path = tmp_path / "rods.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=word) as refused:
        load_rods(path)
    assert "\n" not in str(refused.value)


def test_a_file_of_rods_is_read(tmp_path):
    (tmp_path / "rods.csv").write_text(f"{HEAD}\n50,-44.5,-19.5,30,7\n")
    assert load_rods(tmp_path / "rods.csv") == (Rod(50.0, (-44.5, -19.5, 30.0), 7.0),)
