"""Label maps: any axis order and any crop of the volume's own grid, and nothing off it."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from OsteoScreenLib.annotation.seg_nrrd import write_segmentation
from OsteoScreenLib.errors import LabelMapError
from OsteoScreenLib.levels import TRABECULAR, label
from OsteoScreenLib.readers import read_labels
from OsteoScreenLib.volume import Volume

MATRIX = np.array([[0.0, 0.64, 1.8, 5.0], [-0.9, 0.0, 0.0, -7.0], [0.0, 0.48, -2.4, 11.0], [0.0, 0.0, 0.0, 1.0]])
CT = Volume(np.zeros((10, 20, 30), np.int16), MATRIX, name="case")


def labels() -> np.ndarray:
    """Return a label map without any symmetry."""
    voxels = np.zeros(CT.voxels.shape, np.uint16)
    voxels[2:5, 6:12, 8:20] = 201
    voxels[3:5, 7:9, 10:17] = 202
    return voxels


def write(path: Path, image: sitk.Image) -> Path:
    """Write an image and return its path."""
    sitk.WriteImage(image, str(path))
    return path


@pytest.mark.parametrize("name", ["l.nii.gz", "l.nrrd", "l.mha", "l.seg.nrrd"])
@pytest.mark.parametrize("dtype", [np.uint16, np.uint8, np.float64])
def test_labels_come_back_on_the_grid(tmp_path, name, dtype):
    image = CT.with_voxels(labels().astype(dtype)).to_sitk()
    result = read_labels(write(tmp_path / name, image), CT)
    assert result.voxels.dtype == np.uint16
    np.testing.assert_array_equal(result.voxels, labels().astype(dtype))
    np.testing.assert_array_equal(result.ijk_to_ras, CT.ijk_to_ras)


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (1, 0, 2), (2, 1, 0)])
@pytest.mark.parametrize("flips", [(True, False, False), (False, True, True)])
def test_flipped_swapped_and_cropped_grids_are_brought_back(tmp_path, axes, flips):
    image = CT.with_voxels(labels()).to_sitk()[5:25, 3:15, 1:8]
    image = sitk.Flip(sitk.PermuteAxes(image, axes), flips)
    result = read_labels(write(tmp_path / "l.nii.gz", image), CT)
    np.testing.assert_array_equal(result.voxels, labels())


def test_segments_named_as_ours_come_in_our_coding(tmp_path):
    coded = np.where(labels() > 0, label("L2", TRABECULAR), 0).astype(np.uint16)
    write_segmentation(CT.with_voxels(coded), tmp_path / "l.seg.nrrd")
    np.testing.assert_array_equal(read_labels(tmp_path / "l.seg.nrrd", CT).voxels, coded)


def shifted(mm: float) -> sitk.Image:
    """Return the labels with their origin moved along the first axis."""
    image = CT.with_voxels(labels()).to_sitk()
    image.SetOrigin((np.asarray(image.GetOrigin()) + mm * np.reshape(image.GetDirection(), (3, 3))[:, 0]).tolist())
    return image


def coarse() -> sitk.Image:
    """Return the labels on voxels twice as long."""
    return CT.with_voxels(labels()).to_sitk()[::2]


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (shifted(0.45), "does not lie on the voxel grid of case"),
        (coarse(), "does not lie on the voxel grid of case"),
        (shifted(0.9), "reaches outside case"),
        (CT.with_voxels(labels() / 3).to_sitk(), "not whole numbers"),
        (CT.with_voxels(labels().astype(np.int32) - 1).to_sitk(), "outside 0 to 65535"),
        (CT.with_voxels(labels() * 0).to_sitk(), "holds no label"),
        (sitk.Compose([CT.with_voxels(labels()).to_sitk()] * 2), "overlapping segments in several layers"),
    ],
    ids=["shifted", "coarse", "outside", "fractions", "negative", "empty", "layers"],
)
def test_what_is_no_label_map_of_this_volume_is_refused(tmp_path, image, reason):
    with pytest.raises(LabelMapError, match=reason):
        read_labels(write(tmp_path / "l.nrrd", image), CT)
