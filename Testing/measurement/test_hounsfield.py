"""Hounsfield units per level, and the anterior ellipse, on bodies of known shape and density."""

from functools import cache

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from OsteoScreenLib.errors import LabelMapError
from OsteoScreenLib.levels import label
from OsteoScreenLib.measurement.frame import sample, vertebra_frame
from OsteoScreenLib.measurement.hounsfield import anterior_roi, anterior_rois, columns, measure
from OsteoScreenLib.volume import Volume

CENTRE = np.array([10.0, -20.0, 300.0])
TRABECULAR_HU, SHELL_HU, SHELL_MM, PITCH_MM = 150.0, 800.0, 2.5, 36.0


@cache
def spine(tilt=(0, 0, 0), turn=(0, 0, 0), flip=(1, 1, 1), spacing=(1, 1, 1), half=(23, 16, 13), wedge=0.0, levels=3):
    """Return CT, labels and the true axes (rows) of a stack of bodies; L2 (L1 if alone) lies on CENTRE."""
    size = np.array([int(104 / s) for s in spacing])
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", turn, degrees=True).as_matrix() * (np.array(spacing) * flip)
    matrix[:3, 3] = CENTRE - matrix[:3, :3] @ ((size - 1) / 2)
    ct = Volume(np.full(size[::-1], 40.0, np.float32), matrix)
    axes = Rotation.from_euler("xyz", tilt, degrees=True).as_matrix().T
    k, j, i = np.indices(size[::-1])
    x, y, z = np.moveaxis((ct.to_ras(np.stack([i, j, k], -1)) - CENTRE) @ axes.T, -1, 0)
    labels = np.zeros(size[::-1], np.uint16)
    for n, name in enumerate(("L1", "L2", "L3")[:levels]):
        dz = z - (PITCH_MM * (1 - n) if levels == 3 else 0)
        height = half[2] * (1 - wedge * y / half[1] / 2)

        def inside(skin, dz=dz, height=height):
            edge = (np.abs(x) / (half[0] - skin)) ** 3 + (np.abs(y) / (half[1] - skin)) ** 3 < 1
            return edge & (np.abs(dz) < height - skin)

        for part, skin, hu in ((1, 0.0, SHELL_HU), (2, SHELL_MM, TRABECULAR_HU)):
            labels[inside(skin)] = label(name, part)
            ct.voxels[inside(skin)] = hu
    return ct, ct.with_voxels(labels), axes


POSES = {
    "upright": {},
    "lordotic": {"tilt": (25, 0, 0)},
    "scoliotic": {"tilt": (0, 20, 0)},
    "rotated": {"tilt": (15, 15, 20)},
    "oblique flipped grid": {"tilt": (15, -15, -20), "turn": (10, 20, 30), "flip": (-1, -1, 1)},
    "thick slices": {"tilt": (20, 10, 0), "spacing": (0.9, 0.9, 5)},
    "coarse": {"tilt": (15, 10, 5), "spacing": (3, 3, 3)},
    "wedge": {"tilt": (10, 0, 0), "wedge": 0.4},
    "flattened": {"half": (23, 16, 6)},
    "collapsed": {"half": (23, 16, 4.5)},
    "narrow": {"half": (15, 16, 12)},
    "alone": {"tilt": (20, 10, 0), "levels": 1},
}


@pytest.mark.parametrize("pose", POSES.values(), ids=POSES)
def test_frame_follows_the_body_in_any_pose(pose):
    _, labels, axes = spine(**pose)
    frame = vertebra_frame(labels, "L1" if pose.get("levels") == 1 else "L2")
    angles = np.degrees(np.arccos(np.clip((frame.axes * axes).sum(axis=1), -1, 1)))
    assert angles.max() < 3.5
    assert np.linalg.norm(frame.centre - CENTRE) < 1.0
    assert np.linalg.det(frame.axes) == pytest.approx(1.0)


@pytest.mark.parametrize("pose", POSES.values(), ids=POSES)
def test_ellipse_lies_in_front_in_pure_trabecular_bone(pose):
    ct, labels, axes = spine(**pose)
    level = "L1" if pose.get("levels") == 1 else "L2"
    roi = anterior_roi(labels, level)
    trabecular = labels.with_voxels(labels.voxels == label(level, 2))
    assert sample(trabecular, roi.points()).min() > 0.95
    assert sample(trabecular, roi.outline()).min() > 0.95
    assert roi.values(ct).mean() == pytest.approx(TRABECULAR_HU, abs=2.0)
    half_depth = pose.get("half", (23, 16, 13))[1]
    depth = (np.array(roi.centre) - CENTRE) @ axes[1] / half_depth
    assert 0.05 < depth < 0.5, "the centre lies between a quarter and a half of the depth behind the front"
    assert roi.area_mm2 > 100
    assert 1.0 <= roi.semi_axes_mm[0] / roi.semi_axes_mm[1] <= 2.0


def test_ellipse_keeps_two_mm_from_the_shell():
    _, labels, axes = spine()
    roi = anterior_roi(labels, "L2")
    local = (roi.outline() - CENTRE) @ axes.T
    half = np.array([23, 16]) - SHELL_MM
    grown = local[:, :2] + 1.9 * local[:, :2] / np.linalg.norm(local[:, :2], axis=1, keepdims=True)
    assert ((np.abs(grown) / half) ** 3).sum(axis=1).max() < 1.05


def test_too_small_a_body_has_no_ellipse_and_nan_in_its_row():
    ct, labels, _ = spine(half=(7, 6, 6))
    assert anterior_roi(labels, "L2") is None
    assert anterior_rois(labels) == {}
    row = measure(ct, labels).set_index("level").loc["L2"]
    assert np.isnan(row.roi_mean_hu)
    assert np.isnan(row.roi_area_mm2)
    assert row.trabecular_mean_hu == TRABECULAR_HU


def test_a_sliver_of_a_body_is_measured_without_falling_over():
    ct, labels, _ = spine()
    voxels = np.where(labels.voxels // 10 == 21, 0, labels.voxels)
    voxels[52, 52, 52] = label("L2", 1)
    row = measure(ct, labels.with_voxels(voxels)).set_index("level").loc["L2"]
    assert row.body_volume_ml == pytest.approx(0.001)
    assert row.trabecular_volume_ml == 0.0
    assert np.isnan(row.trabecular_mean_hu)


def test_numbers_are_those_of_the_voxels_under_each_part():
    ct, labels, _ = spine(turn=(5, 10, 15), spacing=(1, 1, 2))
    rng = np.random.default_rng(0)
    ct = ct.with_voxels(np.rint(ct.voxels + rng.normal(0, 20, ct.voxels.shape)).astype(np.int16))
    table = measure(ct, labels)
    assert list(table.columns) == columns()
    assert list(table.level) == ["L1", "L2", "L3"]
    row = table.set_index("level").loc["L2"]
    for part, mask in {
        "body": labels.voxels // 10 == 21,
        "trabecular": labels.voxels == 212,
        "shell": labels.voxels == 211,
    }.items():
        hu = ct.voxels[mask].astype(float)
        assert row[f"{part}_mean_hu"] == pytest.approx(hu.mean(), abs=1e-9)
        assert row[f"{part}_sd_hu"] == pytest.approx(hu.std(), abs=1e-9)
        assert row[f"{part}_median_hu"] == np.median(hu)
        assert row[f"{part}_p10_hu"] == np.percentile(hu, 10)
        assert row[f"{part}_p90_hu"] == np.percentile(hu, 90)
        assert row[f"{part}_volume_ml"] == pytest.approx(mask.sum() * 2 / 1000)
    assert row.roi_mean_hu == pytest.approx(TRABECULAR_HU, abs=3.0)


def test_only_the_levels_asked_for_and_present_have_a_row():
    ct, labels, _ = spine()
    assert list(measure(ct, labels, ("L3", "L4", "L1")).level) == ["L3", "L1"]
    empty = measure(ct, labels.with_voxels(np.zeros_like(labels.voxels)))
    assert list(empty.columns) == columns()
    assert empty.empty


def test_labels_of_another_grid_or_type_are_refused():
    ct, labels, _ = spine()
    moved = Volume(labels.voxels, labels.ijk_to_ras + _shift(1.0))
    with pytest.raises(LabelMapError, match="resample"):
        measure(ct, moved)
    with pytest.raises(LabelMapError, match="integers"):
        measure(ct, labels.with_voxels(labels.voxels.astype(float)))
    with pytest.raises(LabelMapError, match="L4"):
        vertebra_frame(labels, "L4")


def _shift(mm):
    matrix = np.zeros((4, 4))
    matrix[0, 3] = mm
    return matrix
