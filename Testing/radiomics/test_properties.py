"""What features must not depend on, and the matrices against counting by hand."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from OsteoScreenLib.levels import SHELL, TRABECULAR, label
from OsteoScreenLib.radiomics.extract import extract
from OsteoScreenLib.radiomics.features import DIRECTIONS, all_features
from OsteoScreenLib.radiomics.regions import discretise
from OsteoScreenLib.radiomics.separable import coiflet, gaussian, interpolation
from OsteoScreenLib.radiomics.settings import Settings
from OsteoScreenLib.volume import Volume

CLOSE = {"rtol": 1e-9, "atol": 1e-11}
REGIONS = st.integers(0, 2**32 - 1).map(
    lambda seed: (
        np.random.default_rng(seed).integers(0, 6, (5, 6, 7)) * 25,
        np.random.default_rng(seed + 1).random((5, 6, 7)) < 0.7,
    )
)


def described(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return np.array(list(all_features(discretise(image, mask, 1.0, 25.0)).values()))


@settings(max_examples=15, deadline=None)
@given(REGIONS, st.lists(st.sampled_from([0, 1, 2]), min_size=1, max_size=3, unique=True))
def test_a_mirror_image_has_the_same_features(region: tuple[np.ndarray, np.ndarray], axes: list[int]) -> None:
    image, mask = region
    np.testing.assert_allclose(described(np.flip(image, axes), np.flip(mask, axes)), described(image, mask), **CLOSE)


@settings(max_examples=15, deadline=None)
@given(REGIONS, st.permutations([0, 1, 2]))
def test_turned_axes_give_the_same_features(region: tuple[np.ndarray, np.ndarray], order: list[int]) -> None:
    image, mask = region
    turned = described(image.transpose(order), mask.transpose(order))
    np.testing.assert_allclose(turned, described(image, mask), **CLOSE)


@settings(max_examples=15, deadline=None)
@given(REGIONS, arrays(int, (3, 2), elements=st.integers(0, 4)), st.integers(-500, 500))
def test_what_lies_around_a_region_does_not_matter(
    region: tuple[np.ndarray, np.ndarray], room: np.ndarray, outside: int
) -> None:
    image, mask = region
    wider = np.pad(np.where(mask, image, -outside), room, constant_values=outside)
    np.testing.assert_allclose(described(wider, np.pad(mask, room)), described(image, mask), **CLOSE)


@settings(max_examples=5, deadline=None)
@given(st.permutations(["T12", "L1", "L2", "L3"]))
def test_a_region_has_its_features_under_any_name(names: list[str]) -> None:
    rng = np.random.default_rng(3)
    hu = rng.normal(200, 80, (30, 12, 12)).astype(np.int16)
    quick = Settings(image_types=("Original", "Gradient"))

    def table(order: list[str]) -> np.ndarray:
        labels = np.zeros(hu.shape, np.uint16)
        for n, level in enumerate(order):
            labels[2 + 7 * n : 8 + 7 * n, 2:10, 2:10] = label(level, SHELL)
            labels[3 + 7 * n : 7 + 7 * n, 3:9, 3:9] = label(level, TRABECULAR)
        found = extract(Volume(hu, np.eye(4)), Volume(labels, np.eye(4)), "one", order, quick)
        return found[list(quick.columns)].to_numpy()

    np.testing.assert_array_equal(table(names), table(["T12", "L1", "L2", "L3"]))


def test_levels_are_told_apart_at_multiples_of_the_width() -> None:
    values = np.array([[[-26.0, -25.0, -0.1, 0.0, 24.9, 25.0]]])
    assert discretise(values, values > -99, 1.0, 25.0).level.tolist() == [1, 2, 2, 3, 3, 4]
    assert discretise(values, values > -99, 1.0, 25.0, bin_count=2).level.tolist() == [1, 1, 2, 2, 2, 2]


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.1, 1 / 3, 1.0, 5.3, 25.0]), st.sampled_from([0.0, 1e-12, 1.0]))
def test_levels_are_numpys_bins_even_on_the_edges(seed: int, width: float, scatter: float) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(-40, 40, (1, 1, 300)) * width + scatter * rng.normal(size=(1, 1, 300))
    low = values.min() - values.min() % width
    bins = np.digitize(values.ravel(), np.arange(low, values.max() + 2 * width, width))
    np.testing.assert_array_equal(discretise(values, values > -np.inf, 1.0, width).level, bins)


def test_pairs_counted_by_hand() -> None:
    rng = np.random.default_rng(5)
    image, mask = rng.integers(0, 4, (4, 5, 6)) * 25, rng.random((4, 5, 6)) < 0.8
    contrasts = []
    for direction in DIRECTIONS:
        squares = [
            ((image[tuple(here)] - image[tuple(here + direction)]) / 25) ** 2
            for here in np.argwhere(mask)
            if (here + direction >= 0).all()
            and (here + direction < image.shape).all()
            and mask[tuple(here + direction)]
        ]
        contrasts.append(np.mean(squares))
    found = all_features(discretise(image, mask, 1.0, 25.0))
    np.testing.assert_allclose(found["glcm_Contrast"], np.mean(contrasts), rtol=1e-12)


def test_a_line_keeps_what_its_filters_must_keep() -> None:
    line = np.sin(np.arange(40) / 5)
    low, high = coiflet(40)
    np.testing.assert_allclose(low @ np.ones(40), np.full(40, np.sqrt(2)), rtol=1e-12)
    np.testing.assert_allclose(high @ np.ones(40), 0, atol=1e-12)
    np.testing.assert_allclose((np.sum((low @ line) ** 2) + np.sum((high @ line) ** 2)) / 2, np.sum(line**2), rtol=1e-9)
    np.testing.assert_allclose(gaussian(40, 2.0) @ np.ones(40), 1, rtol=1e-9)
    np.testing.assert_allclose(gaussian(40, 2.0, 4.0) @ np.ones(40), 0, atol=1e-9)
    parabola = (gaussian(61, 2.0, 4.0) @ np.arange(-30.0, 31) ** 2)[30]
    np.testing.assert_allclose(parabola, 8, rtol=2e-3)  # sigma^2 times the second derivative
    where = np.arange(0, 39, 0.3)
    np.testing.assert_allclose(
        (interpolation(where, 0, 40, 40, False) @ line)[25:-25], np.sin(where / 5)[25:-25], atol=2e-4
    )
    np.testing.assert_allclose(interpolation(np.array([3.25]), 0, 40, 40, True) @ np.arange(40.0), 3.25)
    np.testing.assert_array_equal(interpolation(np.array([-0.6, 39.6]), 0, 40, 40, False), 0)
