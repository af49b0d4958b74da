"""The scanner: tube voltage, kernel, beam hardening and metal change the image as they do in a hospital."""

from time import process_time

import numpy as np
import pytest

from OsteoScreenLib.attenuation import tissue_hu
from OsteoScreenLib.phantoms.scan import MAXIMUM_HU, Protocol, random_protocol, scan
from OsteoScreenLib.phantoms.streaks import hardening, streaks
from OsteoScreenLib.phantoms.tube_voltage import at_voltage

QUIET = {"blur": 0.0, "noise": 0.0, "shading": 0.0}
SPACING = (1.5, 1.5, 1.5)


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


def _phantom(size: int = 48, implant: float = 0.0) -> np.ndarray:
    """Return a cylinder of soft tissue with two rods of `implant` HU in the upper half of the slices."""
    j, i = np.mgrid[:size, :size] - size / 2
    slices = np.where(np.hypot(j, i) < 0.45 * size, 50.0, -1000.0)
    hu = np.repeat(slices[None], size, 0).astype(np.float32)
    for side in (-0.2, 0.2):
        hu[size // 2 :, np.hypot(j, i - side * size) < size / 16] += implant
    return hu


def test_bone_brightens_as_the_voltage_falls_and_soft_tissue_hardly() -> None:
    bone, muscle = ([tissue_hu(kvp)[name] for kvp in (80, 100, 120, 140)] for name in ("cortical bone", "muscle"))
    assert bone == sorted(bone, reverse=True)
    # at 80 kVp cortical bone is a third to a half brighter than at 120, muscle within 5 HU
    assert 1.33 < bone[0] / bone[2] < 1.5
    assert 0.85 < bone[3] / bone[2] < 0.95
    assert max(muscle) - min(muscle) < 5


@pytest.mark.parametrize("kvp", [80, 93, 100, 140])
def test_voltage_keeps_air_water_and_the_order_of_tissues(kvp: float) -> None:
    hu = np.array([-1000, -100, 0, 50, 150, 400, 1500, 6000], np.float32)
    seen = at_voltage(hu, kvp)
    assert seen[[0, 2]] == pytest.approx([-1000, 0], abs=1e-3)
    assert (np.diff(seen) > 0).all()
    assert np.sign(seen[4] - hu[4]) == np.sign(120 - kvp)


def test_a_sharp_kernel_overshoots_edges_and_keeps_the_level() -> None:
    hu = _phantom()
    soft, sharp = (scan(hu, SPACING, Protocol(**{**QUIET, "blur": 0.8}, overshoot=o), _rng())[24] for o in (0.0, 0.8))
    assert sharp.max() > soft.max() + 50
    assert sharp[20:28, 20:28].mean() == pytest.approx(soft[20:28, 20:28].mean(), abs=0.5)


def test_beam_hardening_digs_a_cup_into_the_body() -> None:
    hu = _phantom(160)
    cup = 20 * hardening(hu, SPACING)[80]
    assert cup[80, 80] < cup[80, 80 + 66] - 3
    assert abs(cup).max() < 30


def test_metal_darkens_what_lies_between_and_leaves_slices_without_it_alone() -> None:
    hu = _phantom(implant=6000)
    fan = streaks(hu, SPACING, _rng())
    assert (fan[:24] == 0).all()
    assert fan[30:, 23:26, 22:27].mean() < -40
    soft = np.abs(fan[30:][hu[30:] == 50])
    assert 40 < np.percentile(soft, 95) < 600
    assert not streaks(_phantom(), SPACING, _rng()).any()


def test_streaks_look_alike_at_any_resolution() -> None:
    """Wide slices are projected coarser; between two rods it is as dark, to a third."""
    dark = []
    for size in (48, 192):
        fan = streaks(_phantom(size, 6000), (72 / size,) * 3, _rng())
        middle = slice(size * 22 // 48, size * 26 // 48)
        dark.append(fan[size * 3 // 4 :, middle, middle].mean())
    assert dark[0] < -40
    assert dark[1] == pytest.approx(dark[0], rel=0.33)


def test_metal_stays_in_the_range_of_the_scanner() -> None:
    image = scan(_phantom(implant=9000), SPACING, Protocol(**QUIET, streaks=1.0, kvp=80), _rng())
    assert image.max() == MAXIMUM_HU
    assert (image > 2500).sum() > 500


def test_faults_are_drawn_only_when_asked_for() -> None:
    for seed in range(20):
        plain = random_protocol(np.random.default_rng(seed))
        assert (plain.kvp, plain.overshoot, plain.cupping, plain.streaks) == (120.0, 0.0, 0.0, 0.0)
        worse = random_protocol(np.random.default_rng(seed), 1.0)
        assert (worse.blur, worse.noise, worse.grain, worse.shading) == (
            plain.blur, plain.noise, plain.grain, plain.shading,
        )  # fmt: skip
        assert 80 <= worse.kvp <= 140
        assert worse.streaks > 0


def test_a_crop_for_training_is_scanned_in_a_moment() -> None:
    hu, protocol = _phantom(implant=6000), Protocol(kvp=100, overshoot=0.5, cupping=20, streaks=1.0)
    scan(hu, SPACING, protocol, _rng())
    started = process_time()
    scan(hu, SPACING, protocol, _rng())
    assert process_time() - started < 1.0
