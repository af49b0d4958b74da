"""Disease: drawn only when asked for, seen where it is said to be, and never at the cost of the truth."""

from dataclasses import replace

import numpy as np
import pytest

from OsteoScreenLib.levels import BY_NAME, SHELL, SHELL_MM, TRABECULAR, body_mask, trabecular_mask
from OsteoScreenLib.phantoms import make_phantom
from OsteoScreenLib.phantoms.disease import random_disease
from OsteoScreenLib.phantoms.foci import cement
from OsteoScreenLib.phantoms.fractures import Collapsed, collapse
from OsteoScreenLib.phantoms.lesions import Lesions
from OsteoScreenLib.phantoms.metal import instrumentation
from OsteoScreenLib.phantoms.osteophytes import random_rim
from OsteoScreenLib.phantoms.render import render
from OsteoScreenLib.phantoms.scene import Scene, random_scene
from OsteoScreenLib.phantoms.solids import ellipsoid
from OsteoScreenLib.phantoms.spine import SPINE_LEVELS, random_spine, slipped
from OsteoScreenLib.volume import grid


def _seen(scene: Scene, level: str = "L3", size: int = 72, spacing: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    field = grid(scene.centre(level), (size,) * 3, spacing)
    return render(scene, field, np.random.default_rng(0))


def _healthy(seed: int = 3) -> Scene:
    scene = random_scene(np.random.default_rng(seed), warp=0, tilt=0, fracture=0)
    return replace(scene, solids=())


def test_without_disease_a_seed_keeps_its_patient() -> None:
    """The figures are those of the generator before it knew disease."""
    made = make_phantom(7, (64, 64, 72), (2.0, 2.0, 2.0), disease=0.0)
    hu, labels = made.volume.voxels.astype(float), made.labels.voxels
    assert hu.mean() == pytest.approx(-12.2765, abs=0.01)
    assert hu.std() == pytest.approx(219.8517, abs=0.01)
    assert np.percentile(hu, [5, 25, 50, 75, 95]) == pytest.approx([-178, -65, 28, 73, 180], abs=1)
    assert (labels > 0).sum() == pytest.approx(14694, abs=3)
    assert (labels % 10 == TRABECULAR).sum() == pytest.approx(10553, abs=3)
    assert made.scene.findings == ()


def test_same_seed_same_disease() -> None:
    first, again = (random_scene(np.random.default_rng(5), disease=1.0) for _ in range(2))
    assert first.findings == again.findings
    assert first.findings


def test_every_kind_of_disease_is_drawn_and_more_of_it_when_asked() -> None:
    kinds, counts, shapes = set(), {}, _healthy().vertebrae
    for amount in (0.35, 1.0):
        rng = np.random.default_rng(1)
        found = []
        for _ in range(60):
            found += random_disease(random_spine(rng), shapes, rng, amount).findings
        kinds |= {f.kind for f in found}
        counts[amount] = len(found)
    assert kinds == {
        "worn disc", "fracture", "spondylolisthesis", "osteophytes", "endplate sclerosis", "Schmorl node", "vacuum",
        "disc calcification", "haemangioma", "lytic metastasis", "sclerotic metastasis", "cement", "screws", "cage",
    }  # fmt: skip
    assert counts[1.0] > 2 * counts[0.35]


def test_a_crushed_body_has_no_spurs_around_the_rim_that_it_had() -> None:
    """Seed 1500060 was labelled with a ring of bone without a body."""
    scene = random_scene(np.random.default_rng(1_500_060), disease=0.35)
    assert scene.vertebrae["L3"].crush > 0.2
    assert not [f for f in scene.findings if f.kind == "osteophytes" and f.level == "L3"]


@pytest.mark.parametrize("seed", range(6))
def test_labels_of_the_sick_are_whole_bodies_of_shell_around_trabecular_bone(seed: int) -> None:
    from scipy.ndimage import distance_transform_edt
    from scipy.ndimage import label as components

    scene = replace(random_scene(np.random.default_rng(seed), disease=1.0), solids=())
    hu, labels = _seen(scene, "L2", 84)
    assert set(np.unique(labels % 10)) == {0, SHELL, TRABECULAR}
    assert {code for code in np.unique(labels // 10) if code} <= {BY_NAME[level].code for level in SPINE_LEVELS}
    assert np.isfinite(hu).all()
    body, inner = body_mask(labels, "L2"), trabecular_mask(labels, "L2")
    pieces, _ = components(body)
    assert np.bincount(pieces.ravel())[1:].max() > 0.98 * body.sum()
    assert 5_000 < body.sum() < 90_000
    assert inner.sum() > 0.25 * body.sum()
    assert distance_transform_edt(body)[inner].min() >= SHELL_MM - 1.0


def test_a_slip_moves_a_level_and_all_above_forward_by_the_stated_mm() -> None:
    spine = random_spine(np.random.default_rng(2))
    after = slipped(spine, "L4", 7.0)
    for level in SPINE_LEVELS:
        forward = (after.centres[level] - spine.centres[level]) @ spine.frames["L5"][:, 1]
        assert forward == pytest.approx(7.0 if level not in ("L5", "S1") else 0.0, abs=1e-6)


def test_the_stated_slip_is_the_step_between_two_levels() -> None:
    seen, shapes = 0, _healthy().vertebrae
    for seed in range(30):
        rng = np.random.default_rng(seed)
        sick = random_disease(random_spine(rng), shapes, rng, 1.0)
        for finding in sick.findings:
            if finding.kind == "spondylolisthesis":
                upper, lower = finding.level, SPINE_LEVELS[SPINE_LEVELS.index(finding.level) + 1]
                centres, frames, sizes = sick.spine.centres, sick.spine.frames, sick.spine.sizes
                gap = centres[upper] - frames[upper][:, 2] * sizes[upper][2] / 2
                gap = gap - centres[lower] - frames[lower][:, 2] * sizes[lower][2] / 2
                disc = frames[upper][:, 2] + frames[lower][:, 2]
                rest = gap - finding.amount * frames[lower][:, 1]
                assert rest == pytest.approx(sick.spine.discs[upper] * disc / np.linalg.norm(disc), abs=1e-6)
                seen += 1
    assert seen >= 3


def test_a_fracture_takes_the_stated_height_and_brings_the_spine_above_down() -> None:
    healthy = _healthy()
    spine, broken, _, _ = collapse(healthy.spine, healthy.vertebrae, "L2", np.random.default_rng(4))
    assert isinstance(broken, Collapsed)
    assert broken.lost > 1.0
    assert spine.sizes["L2"][2] == pytest.approx(healthy.spine.sizes["L2"][2] - broken.lost, abs=1e-9)
    assert spine.centres["L3"] == pytest.approx(healthy.spine.centres["L3"])
    assert healthy.spine.centres["L1"][2] - spine.centres["L1"][2] > 0.7 * broken.lost
    z = np.arange(-25, 25, 0.1, dtype=np.float32)
    near_axis = np.stack([0 * z + 2, 0 * z, z])
    inside = z[broken.body(near_axis) < 0]
    line = z[broken.intact.body(near_axis) < 0]
    # the hollow of the intact upper endplate may stand in for up to 3 mm of the cut
    assert np.ptp(line) - np.ptp(inside) == pytest.approx(broken.lost, abs=3.1)
    assert inside.mean() == pytest.approx(0, abs=1.6)


def test_osteophytes_are_body_and_shell_but_never_trabecular() -> None:
    scene = _healthy()
    rim = random_rim(scene.spine.sizes["L3"], (8.0, 8.0), 9.0, 0.5, np.random.default_rng(1))
    sick = replace(scene, lesions={"L3": Lesions(growths=(rim,))})
    (_, before), (_, after) = _seen(scene), _seen(sick)
    gained = body_mask(after, "L3") & ~body_mask(before, "L3")
    assert gained.sum() > 200
    assert (body_mask(before, "L3") <= body_mask(after, "L3")).all()
    assert np.array_equal(trabecular_mask(before, "L3"), trabecular_mask(after, "L3"))


def test_a_schmorl_node_is_disc_and_not_body() -> None:
    scene = _healthy()
    height = scene.spine.sizes["L3"][2]
    sick = replace(scene, lesions={"L3": Lesions(pits=(ellipsoid((0, 0, height / 2), (7, 7, 8)),))})
    (_, before), (hu, after) = _seen(scene), _seen(sick)
    lost = body_mask(before, "L3") & ~body_mask(after, "L3")
    assert 300 < lost.sum() < 2 / 3 * np.pi * 7 * 7 * 8
    assert np.median(hu[lost]) == pytest.approx(75, abs=15)


def test_cement_and_screws_leave_the_truth_as_it_is() -> None:
    scene, rng = _healthy(), np.random.default_rng(0)
    filled = {"L3": Lesions(foci=(cement(scene.spine.sizes["L3"], rng),))}
    screws = tuple(instrumentation(scene.spine, ("L2", "L3", "L4"), rng))
    (_, before), (dense, cemented), (metal, screwed) = (
        _seen(s) for s in (scene, replace(scene, lesions=filled), replace(scene, implants=screws))
    )
    assert np.array_equal(before, cemented)
    assert np.array_equal(before, screwed)
    body = body_mask(before, "L3")
    assert (dense[body] > 700).sum() > 500
    # a screw of 5 mm that reaches 20 mm into the body from either side has 800 mm3
    assert 200 < (metal[body] > 2500).sum() < 3000
    assert (metal > 2500).sum() > 2000
