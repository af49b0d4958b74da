import numpy as np
import pandas as pd
import pytest

from OsteoScreenLib.annotation.digests import mask_digests
from OsteoScreenLib.annotation.staleness import merged, stale_levels, unmeasured_levels
from OsteoScreenLib.levels import SCREENED, SHELL, label
from OsteoScreenLib.measurement.hounsfield import measure
from Testing.conftest import BoxCase


def test_only_the_levels_whose_masks_changed_are_stale_and_measured_again(box_case: BoxCase) -> None:
    table = measure(box_case.volume, box_case.labels)
    before = mask_digests(box_case.labels.voxels)
    voxels = box_case.labels.voxels.copy()
    voxels[voxels == label("L2", 2)] = label("L2", SHELL)
    edited = box_case.labels.with_voxels(voxels)
    stale = stale_levels(before, mask_digests(voxels))
    assert stale == ["L2"]
    again = merged(table, measure(box_case.volume, edited, stale), SCREENED)
    assert again["level"].tolist() == table["level"].tolist()
    others = again["level"] != "L2"
    pd.testing.assert_frame_equal(again[others], table[others], check_exact=True)
    row = again[~others].iloc[0]
    assert np.isnan(row.trabecular_mean_hu)
    assert row.shell_volume_ml == pytest.approx(44 * 32 * 26 / 1000, rel=1e-6)


def test_levels_that_are_gone_or_new_are_told_apart(box_case: BoxCase) -> None:
    table = measure(box_case.volume, box_case.labels, ["L1", "L2", "L4"])
    measured = {level: digest for level, digest in mask_digests(box_case.labels.voxels).items() if level != "L3"}
    voxels = np.where(box_case.labels.voxels // 10 == 20, 0, box_case.labels.voxels)
    now = mask_digests(voxels)
    assert stale_levels(measured, now) == ["L1"]
    assert unmeasured_levels(measured, now) == ["L3"]
    new = measure(box_case.volume, box_case.labels.with_voxels(voxels), ["L3"])
    again = merged(table, new, ["L2", "L3", "L4"])
    assert again["level"].tolist() == ["L2", "L3", "L4"]
