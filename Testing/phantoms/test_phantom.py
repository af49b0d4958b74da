"""Phantoms: seeded, anatomically ordered, and true to what they say of themselves."""

from dataclasses import replace

import numpy as np
import pytest

from OsteoScreenLib.levels import SCREENED, SHELL_MM, body_mask, levels_in, trabecular_mask
from OsteoScreenLib.phantoms import Phantom, make_phantom
from OsteoScreenLib.phantoms.render import render
from OsteoScreenLib.phantoms.scan import Protocol
from OsteoScreenLib.phantoms.scene import Scene, random_scene
from OsteoScreenLib.volume import grid

SIZE, SPACING = (64, 64, 72), (2.0, 2.0, 2.0)


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return make_phantom(7, SIZE, SPACING)


def test_same_seed_same_phantom(phantom: Phantom) -> None:
    again = make_phantom(7, SIZE, SPACING)
    assert np.array_equal(again.volume.voxels, phantom.volume.voxels)
    assert np.array_equal(again.labels.voxels, phantom.labels.voxels)


def test_another_seed_is_another_patient(phantom: Phantom) -> None:
    other = make_phantom(8, SIZE, SPACING)
    assert not np.allclose(other.scene.centre("L2"), phantom.scene.centre("L2"), atol=1.0)


def test_levels_are_stacked_from_head_to_foot(phantom: Phantom) -> None:
    levels = levels_in(phantom.labels.voxels)
    assert levels[:1] != levels[-1:]
    heights = [np.argwhere(body_mask(phantom.labels.voxels, level))[:, 0].mean() for level in levels]
    assert heights == sorted(heights, reverse=True)


def test_centres_lie_in_their_bodies(phantom: Phantom) -> None:
    for level in ("L1", "L2", "L3"):
        i, j, k = np.round(phantom.labels.to_ijk(phantom.scene.centre(level))).astype(int)
        assert levels_in(phantom.labels.voxels[k : k + 1, j, i]) == [level]


def test_trabecular_compartment_lies_one_shell_below_the_surface(phantom: Phantom) -> None:
    from scipy.ndimage import distance_transform_edt

    body = body_mask(phantom.labels.voxels, "L2")
    depth = distance_transform_edt(body, SPACING)
    inner = trabecular_mask(phantom.labels.voxels, "L2")
    assert inner.any()
    assert depth[inner].min() > SHELL_MM - 1.0
    assert (inner & ~body).sum() == 0


def test_quiet_scan_shows_the_density_that_was_set() -> None:
    scene = random_scene(np.random.default_rng(3), warp=0)
    density = {level: 40.0 + 40 * n for n, level in enumerate(SCREENED)}
    bone = replace(scene.bone, trabecular={**scene.bone.trabecular, **density}, texture=0.0, endplate_sclerosis=0.0)
    quiet = Protocol(blur=0.0, noise=0.0, shading=0.0)
    made = make_phantom(3, (60, 60, 150), (1.0, 1.0, 1.0), protocol=quiet, scene=replace(scene, bone=bone))
    for level in ("L1", "L2", "L3"):
        mask = trabecular_mask(made.labels.voxels, level)
        # the basivertebral vein and the density gradient move the mean a little
        assert made.volume.voxels[mask].mean() == pytest.approx(density[level], rel=0.1)


def test_the_same_patient_has_the_same_size_on_any_grid() -> None:
    scene = random_scene(np.random.default_rng(5))
    volumes = []
    for spacing in (1.0, 2.0):
        size = tuple(int(80 / spacing) for _ in range(3))
        _, labels = render(scene, grid(scene.centre("L3"), size, spacing), np.random.default_rng(0))
        volumes.append(body_mask(labels, "L3").sum() * spacing**3)
    assert volumes[1] == pytest.approx(volumes[0], rel=0.03)


def test_partial_volume_keeps_the_mean() -> None:
    """Thin cortices weigh the same in coarse voxels as in fine ones."""
    scene = random_scene(np.random.default_rng(11))
    quiet: Scene = replace(scene, bone=replace(scene.bone, texture=0.0), solids=())
    means = []
    for spacing in (0.8, 2.4):
        size = (round(57.6 / spacing),) * 3
        hu, _ = render(quiet, grid(scene.centre("L3"), size, spacing), np.random.default_rng(0))
        means.append(float(hu.mean()))
    assert means[1] == pytest.approx(means[0], abs=12)


def test_thick_slices_are_averaged() -> None:
    scene = random_scene(np.random.default_rng(2))
    quiet = Protocol(blur=0.0, noise=0.0, shading=0.0)
    thick = make_phantom(2, (48, 48, 12), (2.0, 2.0, 5.0), protocol=quiet, scene=scene)
    thin = make_phantom(2, (48, 48, 60), (2.0, 2.0, 1.0), protocol=quiet, scene=scene)
    averaged = thin.volume.voxels.reshape(12, 5, 48, 48).mean(1)
    assert np.abs(averaged - thick.volume.voxels).mean() < 20
