"""Training samples: what a network is shown and what it is asked for."""

from pathlib import Path

import numpy as np
import pytest

from OsteoScreenLib.phantoms.spine import SPINE_LEVELS
from OsteoScreenLib.segmentation.networks import (
    CORRIDOR_LENGTH,
    CORRIDOR_SIZE,
    COUNTED,
    FINE_SIZE,
    HEIGHT_SCALE,
    SURVEY_FIELD,
)
from OsteoScreenLib.training import corridor_samples, survey_samples, vertebra_samples
from OsteoScreenLib.training.corridor_samples import NOWHERE, corridor_sample
from OsteoScreenLib.training.shapes import load_shapes
from OsteoScreenLib.training.survey_samples import survey_sample
from OsteoScreenLib.training.vertebra_samples import vertebra_sample


def test_survey_sample_marks_the_spine_and_counts_levels_downwards() -> None:
    image, line, height = survey_sample(np.random.default_rng(4), [])
    assert image.shape == (survey_samples.VIEWS, 1, *SURVEY_FIELD[::-1])
    assert line.shape == height.shape == (survey_samples.VIEWS, *SURVEY_FIELD[::-1])
    assert np.isfinite(image).all()
    assert abs(image).max() <= 2.5
    for view in range(survey_samples.VIEWS):
        on_spine = line[view] > 0.8
        # trabecular bone, cortex and discs: never air or lung
        assert np.median(image[view, 0][on_spine]) > 0
        slices = np.flatnonzero(on_spine.any((1, 2)))
        heights = np.nanmean(height[view][slices], axis=(1, 2)) * HEIGHT_SCALE
        assert np.all(np.diff(heights) < 0)
        assert -8.5 < heights.min() < heights.max() < 6


def test_corridor_sample_counts_levels_along_the_middle() -> None:
    width, depth = CORRIDOR_SIZE
    image, level = corridor_sample(np.random.default_rng(4), [])
    assert image.shape == (corridor_samples.VIEWS, 1, CORRIDOR_LENGTH, depth, width)
    assert level.shape == (corridor_samples.VIEWS, CORRIDOR_LENGTH, depth, width)
    for view in range(corridor_samples.VIEWS):
        asked = level[view] != NOWHERE
        # bone and discs, seldom canal: never air or lung
        assert np.median(image[view, 0][asked]) > 0
        slices = np.flatnonzero(asked.any((1, 2)))
        found = level[view].max((1, 2))[slices]
        assert np.all(np.diff(found) <= 0)
        assert asked[slices].any((1, 2)).all()
        _, j, i = np.argwhere(asked).mean(0)
        assert abs(j - depth / 2) < 5
        assert abs(i - width / 2) < 5


def test_the_count_names_the_levels_that_phantoms_have() -> None:
    assert COUNTED == SPINE_LEVELS


def test_vertebra_sample_asks_for_the_middle_one_only() -> None:
    image, classes = vertebra_sample(np.random.default_rng(4), [])
    assert image.shape == (vertebra_samples.VIEWS, 1, *FINE_SIZE[::-1])
    assert set(np.unique(classes)) == {0, 1, 2}
    for view in classes:
        centre = np.argwhere(view > 0).mean(0)
        assert np.linalg.norm(centre - np.array(view.shape) / 2) < 18


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
    in_front, in_the_middle = shape.body(np.array([[0.0, 0.0], [30.0, 0.0], [0.0, 0.0]]))
    assert in_the_middle < -9 < 5 < in_front
