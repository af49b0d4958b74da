"""Internal calibration takes a scanner's offset and gain out, and is refused where tissues are missing."""

import numpy as np
import pytest

from OsteoScreenLib.attenuation import hydroxyapatite_hu_per_mg
from OsteoScreenLib.measurement.calibration import (
    NotCalibratedError,
    category,
    external_calibration,
    internal_calibration,
    voltage_correction,
)
from OsteoScreenLib.measurement.density import calibrate
from OsteoScreenLib.measurement.frame import boxes, vertebra_frame
from OsteoScreenLib.measurement.tissues import AIR, BLOOD, FAT, PSOAS, Tissue, find_tissues
from OsteoScreenLib.phantoms import make_phantom
from OsteoScreenLib.phantoms.reference_tissues import with_tissues
from OsteoScreenLib.phantoms.scan import Protocol
from OsteoScreenLib.phantoms.scene import random_scene


@pytest.fixture(scope="module")
def patient():
    """A CT of a patient whose tissues are as expected, and the frames of its bodies."""
    scene = with_tissues(random_scene(np.random.default_rng(1)), fat=-100, muscle=44, blood=40)
    made = make_phantom(
        1, (165, 120, 60), (2.4, 2.4, 3.0), centre="L3", scene=scene, protocol=Protocol(shading=0, noise=12)
    )
    frames = {level: vertebra_frame(made.labels, level) for level in boxes(made.labels) if level in ("L2", "L3", "L4")}
    return made.volume, frames


def tissues(**hu):
    return [
        Tissue(name, hu[name.split()[-1]], 10.0, 5.0) for name in (AIR, FAT, PSOAS, BLOOD) if name.split()[-1] in hu
    ]


def test_tissues_are_found_at_their_hu(patient):
    found = {one.name: one for one in find_tissues(*patient).tissues}
    for name, hu in {AIR: -1000, FAT: -100, PSOAS: 44, BLOOD: 40}.items():
        assert found[name].hu == pytest.approx(hu, abs=2.0), name


@pytest.mark.parametrize(("offset", "gain"), [(15, 1.1), (-15, 0.9), (15, 0.9), (0, 1.0)])
def test_offset_and_gain_of_the_scanner_are_taken_out(patient, offset, gain):
    volume, frames = patient
    shifted = volume.with_voxels((volume.voxels * gain + offset).astype(np.float32))
    calibration, places, _ = calibrate(shifted, frames)
    for hu in (50.0, 150.0, 250.0):
        assert calibration.hu(hu * gain + offset) == pytest.approx(hu, abs=2.0)
        truth = hu / hydroxyapatite_hu_per_mg(67.0)
        assert calibration.density(hu * gain + offset) == pytest.approx(truth, abs=5.0)
    assert set(np.unique(places.voxels)) == {0, 1, 2, 3, 4}


def test_without_fat_it_is_refused_and_says_so(patient):
    volume, frames = patient
    calibration, places, said = calibrate(volume.with_voxels(np.where(volume.voxels < -40, 40, volume.voxels)), frames)
    assert (calibration, places) == (None, None)
    assert "fat not found" in said[0].text


def test_enhanced_blood_is_left_out():
    calibration = internal_calibration(tissues(air=-1000, fat=-100, psoas=44, blood=240), 120)
    assert "blood" not in calibration.method
    assert calibration.hu(150) == pytest.approx(150, abs=0.5)
    assert any("240 HU" in note for note in calibration.notes)


def test_tissues_that_disagree_are_refused():
    with pytest.raises(NotCalibratedError, match="do not agree"):
        internal_calibration(tissues(fat=-100, psoas=-20), 120)
    with pytest.raises(NotCalibratedError, match="psoas not found"):
        internal_calibration(tissues(air=-1000, fat=-100), 120)
    with pytest.raises(NotCalibratedError, match="kVp"):
        internal_calibration(tissues(air=-1000, fat=-100, psoas=44), 70)


def test_an_unknown_voltage_widens_the_error():
    known, unknown = (internal_calibration(tissues(air=-1000, fat=-100, psoas=44), kvp) for kvp in (120, None))
    assert unknown.density(150) == pytest.approx(known.density(150))
    assert unknown.error(150) > known.error(150) + 1
    assert unknown.notes


def test_published_voltages_are_corrected_and_others_say_that_nobody_checked():
    assert voltage_correction(120).factor == 1.0
    assert 148.1 * voltage_correction(100).factor == pytest.approx(137.3, abs=0.1)
    assert 131.3 * voltage_correction(140).factor == pytest.approx(138.3, abs=0.1)
    assert not voltage_correction(80).validated
    assert not voltage_correction(110).validated
    assert voltage_correction(None).factor is None
    assert voltage_correction(70).factor is None


def test_rods_of_a_phantom_give_their_line():
    calibration = external_calibration([-3, 75, 150, 230], [0, 50, 100, 150])
    assert calibration.density(150) == pytest.approx(99, abs=1.5)
    assert calibration.error(150) < 2
    with pytest.raises(NotCalibratedError):
        external_calibration([0, 100], [0, 50])
    with pytest.raises(NotCalibratedError):
        external_calibration([0, 100, 40, 120], [0, 50, 100, 150])


def test_ranges_of_density():
    assert [category(mg) for mg in (79.9, 80.0, 119.9, 120.0)] == [
        "osteoporosis range", "low bone density range", "low bone density range", "above 120",
    ]  # fmt: skip


def test_reference_tissues_keep_every_draw():
    plain = random_scene(np.random.default_rng(5))
    other = with_tissues(plain, fat=-100, muscle=44, blood=40)
    assert [one.name for one in other.solids] == [one.name for one in plain.solids]
    assert {one.hu for one in other.solids if one.name == "psoas"} == {44}
    kept = [(a.hu, b.hu) for a, b in zip(plain.solids, other.solids, strict=True) if a.name == "liver"]
    assert all(a == b for a, b in kept)
