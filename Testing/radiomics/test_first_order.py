"""First-order features against values worked out by hand and against their own invariances."""

import numpy as np
import pytest

from OsteoScreenLib.errors import LabelMapError
from OsteoScreenLib.radiomics.extract import extract
from OsteoScreenLib.radiomics.features import FIRST_ORDER, first_order
from OsteoScreenLib.volume import Volume


def test_a_region_worked_out_by_hand() -> None:
    found = first_order(np.array([0, 10, 30, 60]), voxel_volume=2.0)
    expected = {
        "Mean": 25, "Median": 20, "Minimum": 0, "Maximum": 60, "Range": 60, "Variance": 525,
        "MeanAbsoluteDeviation": 20, "Energy": 4600, "TotalEnergy": 9200, "RootMeanSquared": 1150**0.5,
        "Entropy": 1.5, "Uniformity": 0.375, "10Percentile": 3, "90Percentile": 51, "InterquartileRange": 30,
        "RobustMeanAbsoluteDeviation": 10, "Skewness": 6000 / 525**1.5, "Kurtosis": 485625 / 525**2,
    }  # fmt: skip
    assert list(found) == list(FIRST_ORDER)
    assert found == pytest.approx(expected, rel=1e-12)


def test_a_constant_region_has_no_spread_and_an_empty_one_no_numbers() -> None:
    constant = first_order(np.full(50, 120.0), voxel_volume=1.0)
    assert {constant[name] for name in ("Variance", "Skewness", "Kurtosis", "Entropy", "Range")} == {0.0}
    assert constant["Uniformity"] == 1.0
    assert all(np.isnan(value) for value in first_order(np.array([]), 1.0).values())


def test_normal_noise_has_its_known_moments() -> None:
    found = first_order(np.random.default_rng(1).normal(150, 40, 200_000), 1.0)
    assert found["Kurtosis"] == pytest.approx(3, abs=0.05)
    assert found["Skewness"] == pytest.approx(0, abs=0.02)
    binned_sd = np.sqrt(40**2 + 25**2 / 12)
    assert found["Entropy"] == pytest.approx(np.log2(binned_sd / 25 * np.sqrt(2 * np.pi * np.e)), abs=0.01)


def test_one_row_per_level_and_region() -> None:
    labels = np.zeros((8, 8, 8), np.uint16)
    labels[1:5, 1:7, 1:7], labels[2:4, 2:6, 2:6] = 211, 212
    ct = Volume(np.where(labels == 212, 100, 400).astype(np.int16), np.diag([2.0, 2, 3, 1]))
    table = extract(ct, ct.with_voxels(labels), case="one")
    assert table[["case", "level", "roi"]].to_numpy().tolist() == [["one", "L2", "body"], ["one", "L2", "trabecular"]]
    assert table.original_firstorder_Mean.tolist() == pytest.approx([400 - 300 * 32 / 144, 100])
    with pytest.raises(LabelMapError, match="grid"):
        extract(ct, Volume(labels, np.eye(4)), case="one")
