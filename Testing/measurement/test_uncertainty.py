"""The range of HU and volume between an eroded and a dilated mask."""

import numpy as np
import pytest

from OsteoScreenLib.levels import label
from OsteoScreenLib.measurement.hounsfield import measure
from OsteoScreenLib.measurement.uncertainty import with_intervals
from OsteoScreenLib.volume import Volume


def test_a_cube_is_one_voxel_smaller_and_larger_and_takes_in_its_shell():
    labels = np.zeros((30, 30, 30), np.uint16)
    labels[8:22, 8:22, 8:22] = label("L1", 1)
    labels[10:20, 10:20, 10:20] = label("L1", 2)
    hu = np.where(labels == label("L1", 2), 100, np.where(labels > 0, 500, 0)).astype(np.int16)
    ct = Volume(hu, np.eye(4))
    row = with_intervals(measure(ct, ct.with_voxels(labels)), ct, ct.with_voxels(labels)).iloc[0]
    assert row.trabecular_volume_ml_low == pytest.approx(0.512)
    assert row.trabecular_volume_ml == pytest.approx(1.0)
    assert row.trabecular_volume_ml_high == pytest.approx(1.6)
    assert row.body_volume_ml_low == pytest.approx(12**3 / 1000)
    assert row.trabecular_mean_hu_low == 100
    assert row.trabecular_mean_hu_high == pytest.approx((1000 * 100 + 600 * 500) / 1600)


def test_outlines_by_the_mirror_image_widen_the_range_where_they_differ_more():
    labels = np.zeros((30, 30, 30), np.uint16)
    labels[8:22, 8:22, 8:22] = label("L1", 1)
    labels[10:20, 10:20, 10:20] = label("L1", 2)
    hu = np.full(labels.shape, 100, np.int16)
    hu[:, :, 20:] = 400
    ct = Volume(hu, np.eye(4))
    apart = np.zeros_like(labels)
    apart[8:22, 8:22, 8:26] = label("L1", 1)
    apart[10:20, 10:20, 10:24] = label("L1", 2)
    rows = measure(ct, ct.with_voxels(labels))
    alone = with_intervals(rows, ct, ct.with_voxels(labels)).iloc[0]
    window = (slice(5, 25), slice(4, 26), slice(6, 28))
    looks = tuple(ct.with_voxels(voxels).window(window) for voxels in (labels, apart))
    row = with_intervals(rows, ct, ct.with_voxels(labels), looks).iloc[0]
    assert row.trabecular_mean_hu_low == alone.trabecular_mean_hu_low
    assert alone.trabecular_mean_hu_high < row.trabecular_mean_hu_high == pytest.approx(100 + 300 * 4 / 14)
    assert row.trabecular_volume_ml_high == pytest.approx(max(1.6, 1.4))
    assert row.body_volume_ml_high == pytest.approx(max(alone.body_volume_ml_high, 14 * 14 * 18 / 1000))
