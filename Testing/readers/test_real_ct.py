"""The readers on real CT, where it is at hand."""

import os
import time
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from OsteoScreenLib.readers import read_labels, read_volume
from OsteoScreenLib.volume import Volume

DATA = Path(os.environ.get("OSTEOSCREEN_DATA", Path(__file__).parents[3] / "shared" / "data"))
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real CT at {DATA} (set OSTEOSCREEN_DATA)")


def test_a_99_slice_series_agrees_with_simpleitk_in_under_5_s_of_processor_time():
    folder = DATA / "ct_acrin_flt_001" / "dicom"
    start = time.process_time()
    volume = read_volume(folder)
    seconds = time.process_time() - start
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
    reference = Volume.from_sitk(reader.Execute())
    np.testing.assert_allclose(volume.ijk_to_ras, reference.ijk_to_ras, atol=1e-4)
    np.testing.assert_array_equal(volume.voxels, reference.voxels.clip(-1024))
    assert (volume.acquisition.kvp, volume.acquisition.slice_thickness) == (140.0, 5.0)
    assert volume.acquisition.model == "Discovery LS"
    assert seconds < 5.0


def test_a_nifti_and_its_labels_share_the_grid():
    volume = read_volume(DATA / "ct_totalsegmentator" / "ct.nii.gz")
    labels = read_labels(DATA / "ct_totalsegmentator" / "vertebrae.nii.gz", volume)
    assert volume.voxels.dtype == np.int16
    np.testing.assert_allclose(volume.spacing, 3.0, atol=1e-4)
    bone = volume.voxels[labels.voxels > 0].mean()
    assert 100 < bone < 400  # HU of vertebrae


def test_a_crop_around_one_vertebra_with_little_air_is_accepted():
    volume = read_volume(DATA / "vertebra_l3_tptbox" / "sub-ct_label-22_ct.nii.gz")
    np.testing.assert_allclose(volume.spacing, 1.5, atol=1e-3)
    assert (volume.voxels < -200).mean() < 0.02
