"""First-order features against values worked out by hand and against their own invariances."""

import numpy as np
import pytest

from OsteoScreenLib.radiomics.features import all_features
from OsteoScreenLib.radiomics.names import FEATURES, IBSI
from OsteoScreenLib.radiomics.regions import discretise

FIRST_ORDER = tuple(name for name in FEATURES if name.startswith("firstorder_"))


def first_order(values: np.ndarray, voxel_volume: float) -> dict[str, float]:
    image = values.reshape(1, 1, -1)
    found = all_features(discretise(image, np.ones(image.shape, bool), voxel_volume, 25.0), FIRST_ORDER)
    return {name.removeprefix("firstorder_"): value for name, value in found.items()}


def test_a_region_worked_out_by_hand() -> None:
    found = first_order(np.array([0, 10, 30, 60]), voxel_volume=2.0)
    expected = {
        "Mean": 25, "Median": 20, "Minimum": 0, "Maximum": 60, "Range": 60, "Variance": 525,
        "MeanAbsoluteDeviation": 20, "Energy": 4600, "TotalEnergy": 9200, "RootMeanSquared": 1150**0.5,
        "Entropy": 1.5, "Uniformity": 0.375, "10Percentile": 3, "90Percentile": 51, "InterquartileRange": 30,
        "RobustMeanAbsoluteDeviation": 10, "Skewness": 6000 / 525**1.5, "Kurtosis": 485625 / 525**2,
    }  # fmt: skip
    assert list(found) == list(IBSI["firstorder"])
    assert found == pytest.approx(expected, rel=1e-12)


def test_a_constant_region_has_no_spread_and_no_shape_of_it() -> None:
    constant = first_order(np.full(50, 120.1), voxel_volume=1.0)
    assert {constant[name] for name in ("Entropy", "Range")} == {0.0}
    assert constant["Variance"] == pytest.approx(0, abs=1e-20)
    assert constant["Uniformity"] == 1.0
    assert np.isnan(constant["Skewness"])
    assert np.isnan(constant["Kurtosis"])


def test_normal_noise_has_its_known_moments() -> None:
    found = first_order(np.random.default_rng(1).normal(150, 40, 200_000), 1.0)
    assert found["Kurtosis"] == pytest.approx(3, abs=0.05)
    assert found["Skewness"] == pytest.approx(0, abs=0.02)
    binned_sd = np.sqrt(40**2 + 25**2 / 12)
    assert found["Entropy"] == pytest.approx(np.log2(binned_sd / 25 * np.sqrt(2 * np.pi * np.e)), abs=0.01)
