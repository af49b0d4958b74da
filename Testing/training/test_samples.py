"""Training samples: what a network is shown and what it is asked for."""

from pathlib import Path

import numpy as np
import pytest

from OsteoScreenLib.segmentation.networks import CENTRE_SIGMA, COARSE_LEVELS, COARSE_SPACING, FINE_SIZE, HEIGHT_SCALE
from OsteoScreenLib.training.samples import COARSE_SIZE, coarse_sample, vertebra_sample
from OsteoScreenLib.training.shapes import load_shapes


def test_coarse_sample_marks_levels_and_centres() -> None:
    image, classes, heat, _ = coarse_sample(np.random.default_rng(4), [])
    assert image.shape == (1, *COARSE_SIZE[::-1])
    assert classes.shape == heat.shape == COARSE_SIZE[::-1]
    assert 0 < classes.max() <= len(COARSE_LEVELS)
    assert np.isfinite(image).all()
    assert abs(image).max() <= 2.5
    # a body's centre is never far from a body's voxels
    k, j, i = np.unravel_index(heat.argmax(), heat.shape)
    near = classes[max(0, k - 2) : k + 3, max(0, j - 2) : j + 3, max(0, i - 2) : i + 3]
    assert near.any()
    assert heat.max() == pytest.approx(1.0, abs=1 - np.exp(-0.5 * 3 * (COARSE_SPACING / 2 / CENTRE_SIGMA) ** 2))


def test_height_counts_levels_downwards_from_l1() -> None:
    _, classes, _, height = coarse_sample(np.random.default_rng(4), [])
    for level in ("T12", "L1", "L2", "L3"):
        mask = classes == COARSE_LEVELS.index(level) + 1
        if mask.any():
            below = COARSE_LEVELS.index(level) - COARSE_LEVELS.index("L1")
            assert np.nanmean(height[mask]) * HEIGHT_SCALE == pytest.approx(below, abs=0.3)


def test_vertebra_sample_asks_for_the_middle_one_only() -> None:
    image, classes = vertebra_sample(np.random.default_rng(4), [])
    assert image.shape == (1, FINE_SIZE, FINE_SIZE, FINE_SIZE)
    assert set(np.unique(classes)) == {0, 1, 2}
    centre = np.argwhere(classes > 0).mean(0)
    assert np.linalg.norm(centre - FINE_SIZE / 2) < 14


def test_same_seed_same_sample() -> None:
    a, b = (vertebra_sample(np.random.default_rng([3, 9]), []) for _ in range(2))
    assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def test_a_measured_shape_has_the_size_of_its_vertebra(real_data: Path, tmp_path: Path) -> None:
    (tmp_path / "vertebra_l3_tptbox").symlink_to(real_data / "vertebra_l3_tptbox")
    (shape,) = load_shapes(tmp_path)
    assert shape.level == "L3"
    # 39.3 ml by counting the voxels of its mask
    assert (shape.body_field < 0).sum() / 1000 == pytest.approx(39.3, rel=0.05)
    assert shape.arch_field.min() < 0
    outside = shape.body(np.array([[0.0], [40.0], [0.0]]))
    assert outside[0] > 10
