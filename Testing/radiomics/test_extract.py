"""The table of features: its rows, its log, and the regions and grids that it has to cope with."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import binary_erosion

from OsteoScreenLib.errors import AnatomyError, InputError, LabelMapError
from OsteoScreenLib.levels import SCREENED, SHELL, TRABECULAR, label
from OsteoScreenLib.radiomics.extract import extract
from OsteoScreenLib.radiomics.settings import Settings
from OsteoScreenLib.radiomics.stability import icc, perturbed, stability
from OsteoScreenLib.volume import Volume

TOTALSEGMENTATOR = {"L1": 31, "L2": 30, "L3": 29, "L4": 28}
ORIGINAL = Settings(image_types=("Original",))
PLAIN = replace(ORIGINAL, normalize=False, resampled_spacing=None, pre_crop=True)


def case(shape: tuple[int, int, int] = (26, 30, 34), dtype: type = np.int16) -> tuple[Volume, Volume]:
    """Return noise with L1 and L2 in it, on an oblique grid with a flipped axis and voxels of three lengths."""
    rng = np.random.default_rng(7)
    labels = np.zeros(shape, np.uint16)
    labels[2:12, 4:24, 4:28], labels[4:10, 7:21, 7:25] = label("L1", SHELL), label("L1", TRABECULAR)
    labels[14:24, 4:24, 4:28], labels[16:22, 7:21, 7:25] = label("L2", SHELL), label("L2", TRABECULAR)
    hu = np.where(labels % 10 == TRABECULAR, 150, np.where(labels, 400, 40)) + rng.normal(0, 60, shape)
    hu += 300 * np.sin(np.arange(shape[2]) / 4)
    angle = np.deg2rad(15)
    matrix = np.eye(4)
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, -1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    matrix[:3, :3] = turn * [0.9, 1.1, 2.0]
    matrix[:3, 3] = -20, 30, 400
    ct = Volume(hu.astype(dtype), matrix)
    return ct, ct.with_voxels(labels)


def test_one_row_per_level_and_region_with_the_papers_columns() -> None:
    table = extract(*case(), "one")
    assert table[["case", "level", "roi"]].to_numpy().tolist() == [
        ["one", level, roi] for level in ("L1", "L2") for roi in ("body", "trabecular")
    ]
    assert table.shape == (4, 3 + 1767 + 1)
    assert "log-sigma-2-0-mm-3D_glszm_ZonePercentage" in table.columns
    assert table.columns[-1] == "log"
    assert (table.log == "ok").all()
    values = table[list(Settings().columns)]
    assert np.isfinite(values.to_numpy()).all()
    different = values.nunique() == len(table)
    extremes = [name for name in values.columns if name.endswith(("Maximum", "Minimum", "Range"))]
    assert different.drop(extremes).mean() > 0.99


def test_labels_on_another_grid_are_refused() -> None:
    ct, labels = case()
    with pytest.raises(LabelMapError, match="grid"):
        extract(ct, Volume(labels.voxels, np.eye(4)), "one")


def test_values_are_those_of_the_voxels_where_nothing_is_changed() -> None:
    ct, labels = case()
    table = extract(ct, labels, "one", settings=PLAIN).set_index(["level", "roi"])
    inside = ct.voxels[labels.voxels == label("L2", TRABECULAR)]
    assert table.original_firstorder_Mean["L2", "trabecular"] == pytest.approx(inside.mean(), rel=1e-12)
    assert table.original_firstorder_Energy["L2", "trabecular"] == pytest.approx((inside.astype(float) ** 2).sum())
    volume = ct.voxel_volume * table.original_firstorder_Energy
    pd.testing.assert_series_equal(table.original_firstorder_TotalEnergy, volume, check_names=False, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_the_kind_of_number_does_not_matter(dtype: type) -> None:
    ct, labels = case()
    expected = extract(ct, labels, "one", settings=ORIGINAL)
    found = extract(ct.with_voxels(ct.voxels.astype(dtype)), labels, "one", settings=ORIGINAL)
    pd.testing.assert_frame_equal(found, expected, rtol=1e-9)


def test_threads_change_nothing() -> None:
    tables = [extract(*case(), "one", settings=ORIGINAL, workers=workers) for workers in (1, 3)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


def lonely(*places: tuple[int, int, int], size: int = 9) -> Volume:
    labels = np.zeros((size, size, size), np.uint16)
    for place in places:
        labels[place] = label("L1", TRABECULAR)
    return Volume(labels, np.eye(4))


@pytest.mark.parametrize(
    ("places", "reason"),
    [([(4, 4, 4)], "0 of 2 dimensions"), ([(4, 4, 4), (4, 4, 5)], "1 of 2 dimensions")],
)
def test_a_region_that_is_too_small_has_no_numbers_but_a_reason(places: list, reason: str) -> None:
    labels = lonely(*places)
    noise = labels.with_voxels(np.random.default_rng(0).integers(0, 400, labels.voxels.shape).astype(np.int16))
    table = extract(noise, labels, "one", settings=PLAIN)
    assert table.log.str.contains(reason).all()
    assert table[list(PLAIN.columns)].isna().all(axis=None)


def test_a_missing_compartment_has_no_numbers_but_a_reason() -> None:
    ct, labels = case()
    hollow = labels.with_voxels(np.where(labels.voxels % 10 == TRABECULAR, labels.voxels - 1, labels.voxels))
    table = extract(ct, hollow, "one", settings=PLAIN).set_index(["level", "roi"])
    assert table.log["L1", "trabecular"] == "the region has no voxels, so all NaN"
    assert table.log["L1", "body"] == "ok"
    assert np.isnan(table.original_glcm_Contrast["L1", "trabecular"])


def test_a_voxel_without_neighbours_leaves_pairs_and_runs_undefined() -> None:
    labels = lonely((1, 1, 1), (7, 4, 2))
    noise = labels.with_voxels(np.random.default_rng(0).integers(0, 400, labels.voxels.shape).astype(np.int16))
    row = extract(noise, labels, "one", settings=PLAIN).iloc[0]
    assert np.isnan(row.original_glcm_Contrast)
    assert np.isnan(row.original_glrlm_RunEntropy)
    assert row.original_glszm_ZonePercentage == 1
    assert "glcm glrlm" in row.log


def test_one_grey_level_is_said_and_its_undefined_features_are_nan() -> None:
    ct, labels = case()
    flat = ct.with_voxels(np.full_like(ct.voxels, 110))
    table = extract(flat, labels, "one", settings=PLAIN)
    assert table.log.str.startswith("one grey level, so firstorder_Kurtosis").all()
    missing = {name.removeprefix("original_") for name in PLAIN.columns if table[name].isna().all()}
    assert missing == {
        "firstorder_Kurtosis", "firstorder_Skewness", "glcm_Correlation", "glcm_Imc1", "glcm_MCC", "ngtdm_Busyness",
        "ngtdm_Coarseness", "ngtdm_Contrast", "ngtdm_Strength",
    }  # fmt: skip
    assert (table.original_glszm_LargeAreaEmphasis == [4800**2, 1512**2] * 2).all()
    normalised = extract(flat, labels, "one", settings=replace(PLAIN, normalize=True))
    assert normalised.log.str.startswith("values that are not finite, so all NaN").all()


def test_a_block_too_small_for_a_filter_is_said() -> None:
    ct, labels = case((26, 30, 34))
    wide = replace(PLAIN, image_types=("Original", "LoG"), sigma=(1.0, 80.0))
    table = extract(ct, labels, "one", settings=wide)
    assert (table.log == "the block is too small for the filter, so all NaN in log-sigma-80-0-mm-3D").all()
    assert table["log-sigma-1-0-mm-3D_glcm_Id"].notna().all()


@pytest.mark.parametrize(("width", "levels"), [(3.0, 255), (0.05, 1000)])
def test_many_grey_levels_work_up_to_a_thousand(width: float, levels: int) -> None:
    ct, labels = case(dtype=np.float32)
    row = extract(ct, labels, "one", settings=replace(PLAIN, bin_width=width)).iloc[0]
    assert row.original_firstorder_Range / width > levels
    assert np.isfinite(row.original_firstorder_Entropy)
    if levels < 1000:
        assert row.log == "ok"
    else:
        assert np.isnan(row.original_glcm_MCC)
        assert "more than 1000 grey levels" in row.log
        assert "so glcm gldm glrlm glszm ngtdm NaN in original" in row.log


def test_a_region_at_the_border_has_its_features() -> None:
    ct, labels = case()
    ct, labels = (whole.window((slice(2, 24), slice(4, 24), slice(4, 28))) for whole in (ct, labels))
    table = extract(ct, labels, "one").set_index("roi").loc["body"]
    assert (table.log == "ok").all()
    assert np.isfinite(table[list(Settings().columns)].to_numpy()).all()


def test_a_larger_image_around_changes_nothing_but_the_normalisation() -> None:
    ct, labels = case()
    scores = replace(Settings(), normalize=False)
    room = [(30, 5), (12, 20), (4, 9)]
    matrix = ct.ijk_to_ras.copy()
    matrix[:3, 3] = ct.to_ras(np.array([-4, -12, -30]))
    wider = [Volume(np.pad(voxels, room, mode), matrix) for voxels, mode in
             ((ct.voxels.astype(float), "reflect"), (labels.voxels, "constant"))]  # fmt: skip
    spacing = replace(scores, resampled_spacing=None, pre_crop=True, pad_distance=2)
    expected = extract(ct.with_voxels(ct.voxels.astype(float)), labels, "one", settings=spacing)
    pd.testing.assert_frame_equal(extract(*wider, "one", settings=spacing), expected, rtol=1e-9)


def test_pyradiomics_is_refused_by_name_where_it_is_not_installed() -> None:
    try:
        import radiomics  # noqa: F401
    except ImportError:
        with pytest.raises(InputError, match="pyradiomics cannot be imported"):
            extract(*case(), "one", engine="pyradiomics")
    else:
        quick = replace(ORIGINAL, features=("glcm_Id", "firstorder_Mean"))
        tables = [extract(*case(), "one", settings=quick, engine=engine) for engine in ("native", "pyradiomics")]
        pd.testing.assert_frame_equal(*tables, rtol=1e-9)
    with pytest.raises(InputError, match="no engine 'abacus'"):
        extract(*case(), "one", engine="abacus")


def test_on_real_ct_every_vertebra_and_region_differs(real_data: Path) -> None:
    from OsteoScreenLib.readers import read_labels, read_volume

    folder = real_data / "ct_totalsegmentator"
    ct = read_volume(folder / "ct.nii.gz")
    vertebrae, bodies = (read_labels(folder / f"{name}.nii.gz", ct).voxels for name in ("vertebrae", "bodies"))
    labels = np.zeros(ct.voxels.shape, np.uint16)
    for level in SCREENED:
        body = (vertebrae == TOTALSEGMENTATOR[level]) & (bodies == 1)
        labels[body] = label(level, SHELL)
        labels[binary_erosion(body, iterations=2)] = label(level, TRABECULAR)
    table = extract(ct, ct.with_voxels(labels), "real")
    assert len(table) == 8
    assert (table.log == "ok").sum() >= 4
    values = table[list(Settings().columns)]
    equal = [(a == b).mean() for a, b in combinations(values.to_numpy(), 2)]
    assert max(equal) < 0.05  # in images of one grey level some features are equal by definition


def test_the_icc_of_known_numbers() -> None:
    ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    values = np.array(ratings, float).T[:, :, None]
    assert icc(values)[0] == pytest.approx(0.17, abs=0.005)  # Shrout and Fleiss 1979, table 4
    assert icc(np.ones((3, 4, 1)))[0] != icc(np.ones((3, 4, 1)))[0]


def test_changed_masks_are_a_voxel_smaller_and_larger_and_turned() -> None:
    _, labels = case()
    masks = dict(perturbed(labels, ("L1", "L2")))
    count = {name: int((mask.voxels // 10 == 20).sum()) for name, mask in masks.items()}
    assert count["as it is"] == 10 * 20 * 24
    assert count["eroded"] == 8 * 18 * 22
    assert count["dilated"] == 10 * 20 * 24 + 2 * (20 * 24 + 10 * 24 + 10 * 20)
    trabecular = (masks["eroded"].voxels == label("L2", TRABECULAR)).sum()
    assert trabecular == 4 * 12 * 16
    turned = [name for name in masks if "turned" in name]
    assert len(turned) == 6
    for name in turned:
        assert count[name] == pytest.approx(4800, rel=0.05)
        assert (masks[name].voxels != labels.voxels).any()


def test_stability_ranks_a_mean_above_a_range() -> None:
    ct, labels = case()
    brighter = ct.with_voxels(ct.voxels + np.where(labels.voxels // 10 == 21, 500, 0).astype(np.int16))
    quick = replace(PLAIN, features=("firstorder_Mean", "firstorder_Range"))
    found = stability(brighter, labels, "one", ("L1", "L2"), quick).set_index(["roi", "feature"])
    assert found.columns.tolist() == ["icc", "regions", "masks"]
    assert (found.masks == 9).all()
    assert found.icc["trabecular", "original_firstorder_Mean"] > 0.9
    assert found.icc["trabecular", "original_firstorder_Mean"] > found.icc["trabecular", "original_firstorder_Range"]
    with pytest.raises(AnatomyError, match="two levels"):
        stability(ct, labels, "one", ("L1",), quick)
