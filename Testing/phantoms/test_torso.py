"""The abdomen around the spine: the same for the same seed, plausible in HU, and off the vertebral bodies."""

import numpy as np
import pytest

from OsteoScreenLib.phantoms.patient import random_contrast
from OsteoScreenLib.phantoms.spine import random_spine
from OsteoScreenLib.phantoms.torso import torso_solids

AROUND_EVERYTHING = {"skin", "muscle", "cavity", "diaphragm"}


def abdomen(seed: int):
    rng = np.random.default_rng(seed)
    spine = random_spine(rng)
    return spine, torso_solids(spine, rng)


def test_same_seed_gives_the_same_abdomen():
    (_, first), (_, again), (_, other) = abdomen(4), abdomen(4), abdomen(5)
    assert [(s.name, s.hu, s.texture, s.shell) for s in first] == [(s.name, s.hu, s.texture, s.shell) for s in again]
    probe = np.random.default_rng(0).uniform(-150, 300, (3, 20)).astype(np.float32)
    assert all(np.array_equal(a.distance(probe), b.distance(probe)) for a, b in zip(first, again, strict=True))
    assert [s.hu for s in first] != [s.hu for s in other]


@pytest.mark.parametrize("seed", range(8))
def test_nothing_but_the_trunk_covers_the_centre_of_a_vertebral_body(seed):
    spine, solids = abdomen(seed)
    levels = list(spine.centres)
    centres = np.array([spine.centres[level] for level in levels], np.float32).T
    for solid in solids:
        depth = solid.distance(centres)
        if solid.name in AROUND_EVERYTHING:
            continue
        held = ((centres >= solid.low[:, None]) & (centres <= solid.high[:, None])).all(0)
        covered = [level for level, d, h in zip(levels, depth, held, strict=True) if h and d < 5]
        assert not covered, f"{solid.name} covers {covered}"


@pytest.mark.parametrize("seed", range(8))
def test_distances_are_finite_single_precision_and_hu_are_those_of_ct(seed):
    _, solids = abdomen(seed)
    probe = np.random.default_rng(seed).uniform(-300, 500, (3, 4, 5, 6)).astype(np.float32)
    for solid in solids:
        distance = solid.distance(probe)
        assert distance.dtype == np.float32, solid.name
        assert distance.shape == (4, 5, 6), solid.name
        assert np.isfinite(distance).all(), solid.name
        assert -1024 <= solid.hu <= 3071, solid.name
        assert (solid.low <= solid.high).all(), solid.name


def test_every_abdomen_has_what_confuses_a_network_most():
    for seed in range(8):
        _, solids = abdomen(seed)
        names = {s.name for s in solids}
        assert names >= {"rib T12", "iliac wing", "sacrum", "ala", "proximal femur", "kidney", "aorta", "lung", "colon"}


def test_contrast_phases_are_consistent():
    phases = [random_contrast(np.random.default_rng(seed)) for seed in range(60)]
    assert {c.phase for c in phases} == {"none", "arterial", "portal", "late"}
    for c in phases:
        if c.phase == "none":
            assert c.artery == c.vein == c.blood
        if c.phase == "arterial":
            assert c.artery > c.vein + 100
            assert c.kidney_cortex > c.kidney_medulla + 40
        if c.phase == "portal":
            assert c.portal > c.blood + 60
