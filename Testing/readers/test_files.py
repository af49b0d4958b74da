"""NIfTI, NRRD and MetaImage files: HU on the file's grid, or one line that says why not."""

import gzip
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.readers import input_sha256, read_volume
from OsteoScreenLib.volume import Volume

KINDS = ["nii", "nii.gz", "nrrd", "nhdr", "mha", "mhd"]
OBLIQUE = np.array([[0.0, 0.64, 1.8, 5.0], [-0.9, 0.0, 0.0, -7.0], [0.0, 0.48, -2.4, 11.0], [0.0, 0.0, 0.0, 1.0]])


def ct(dtype: type = np.int16) -> Volume:
    """Return a noisy CT-like volume on an oblique grid of 0.9 x 0.8 x 3 mm."""
    hu = np.random.default_rng(3).normal(-100, 300, (10, 20, 30)).clip(-1000, 1500)
    return Volume(np.rint(hu).astype(dtype) if dtype is np.int16 else hu.astype(dtype), OBLIQUE)


def write(path: Path, volume: Volume) -> Path:
    """Write a volume as the file's name says and return the path."""
    sitk.WriteImage(volume.to_sitk(), str(path))
    return path


def refusal(path: Path) -> str:
    """Return the one line with which an input is refused."""
    with pytest.raises(InputError) as refused:
        read_volume(path)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("kind", KINDS)
def test_voxels_and_grid_come_back_as_written(tmp_path, kind):
    volume = read_volume(write(tmp_path / f"case.1.{kind}", ct()))
    assert volume.voxels.dtype == np.int16
    np.testing.assert_array_equal(volume.voxels, ct().voxels)
    np.testing.assert_allclose(volume.ijk_to_ras, OBLIQUE, atol=1e-5)  # NIfTI keeps float32
    assert volume.name == "case.1"
    assert volume.acquisition.kvp is None
    assert volume.acquisition.notes == ()


def test_fractional_hu_stay_float32_and_whole_floats_become_int16(tmp_path):
    assert read_volume(write(tmp_path / "a.nii", ct(np.float64))).voxels.dtype == np.float32
    whole = Volume(ct().voxels.astype(np.float32), OBLIQUE)
    assert read_volume(write(tmp_path / "b.nii", whole)).voxels.dtype == np.int16


def test_values_below_air_are_clipped(tmp_path):
    hu = ct().voxels.copy()
    hu[0] = -3024
    voxels = read_volume(write(tmp_path / "a.nrrd", Volume(hu, OBLIQUE))).voxels
    assert (voxels[0] == -1024).all()
    np.testing.assert_array_equal(voxels[1:], hu[1:])


def test_a_few_voxels_without_value_become_air_and_are_noted(tmp_path):
    hu = ct(np.float32).voxels.copy()
    hu[2, 3, 4:6] = np.nan, np.inf
    volume = read_volume(write(tmp_path / "a.nii.gz", Volume(hu, OBLIQUE)))
    assert volume.voxels[2, 3, 4] == volume.voxels[2, 3, 5] == -1024
    assert "2 voxels without a value" in volume.acquisition.notes[0]
    hu[:5] = np.nan
    assert "no value (NaN or infinite) in 50%" in refusal(write(tmp_path / "b.nii.gz", Volume(hu, OBLIQUE)))


@pytest.mark.parametrize("kind", ["nii", "nii.gz", "nrrd", "mha"])
@pytest.mark.parametrize("damage", ["text", "truncated", "empty"])
def test_damaged_files_are_refused_without_noise(tmp_path, capfd, kind, damage):
    path = write(tmp_path / f"case.{kind}", ct())
    content = path.read_bytes()
    path.write_bytes({"text": b"hello\n" * 200, "truncated": content[: len(content) * 3 // 4], "empty": b""}[damage])
    assert path.name in refusal(path)
    assert capfd.readouterr() == ("", "")


def test_a_flipped_bit_in_a_compressed_file_is_noticed(tmp_path):
    path = tmp_path / "case.nii.gz"
    write(tmp_path / "case.nii", ct())
    content = bytearray(gzip.compress((tmp_path / "case.nii").read_bytes(), 0))
    content[5000] ^= 4
    path.write_bytes(content)
    assert "damaged" in refusal(path)


def test_nifti_2_is_refused_by_name(tmp_path):
    path = tmp_path / "case.nii"
    path.write_bytes(struct.pack("<i8s", 540, b"n+2\0\r\n\x1a\n") + bytes(5000))
    assert "is NIfTI-2" in refusal(path)


@pytest.mark.parametrize("qform", [0, 1])
def test_sheared_axes_are_refused(tmp_path, qform):
    path = write(tmp_path / "case.nii", ct())
    content = bytearray(path.read_bytes())
    sheared = OBLIQUE.copy()
    sheared[:3, 2] += 0.2 * sheared[:3, 1]
    struct.pack_into("<2h", content, 252, qform, 1)
    struct.pack_into("<12f", content, 280, *sheared[:3].ravel())
    path.write_bytes(content)
    assert "not at right angles" in refusal(path)


def test_what_is_not_one_3d_scalar_volume_is_refused(tmp_path):
    sitk.WriteImage(sitk.Image([20, 20, 20, 3], sitk.sitkInt16), str(tmp_path / "4d.nii.gz"))
    assert "is 4D, of size 20 x 20 x 20 x 3" in refusal(tmp_path / "4d.nii.gz")
    sitk.WriteImage(sitk.Image([20, 20], sitk.sitkInt16), str(tmp_path / "2d.nrrd"))
    assert "single 20 x 20 picture" in refusal(tmp_path / "2d.nrrd")
    sitk.WriteImage(sitk.Image([20, 20, 20], sitk.sitkVectorUInt8, 3), str(tmp_path / "rgb.nrrd"))
    assert "3 values per voxel" in refusal(tmp_path / "rgb.nrrd")


def test_a_fourth_axis_of_one_is_no_obstacle(tmp_path):
    sitk.WriteImage(sitk.JoinSeries([ct().to_sitk()]), str(tmp_path / "a.nrrd"))
    np.testing.assert_array_equal(read_volume(tmp_path / "a.nrrd").voxels, ct().voxels)


@pytest.mark.parametrize(
    ("voxels", "reason"),
    [
        (np.zeros((10, 20, 30), np.int16), "every voxel is 0"),
        (ct().voxels.clip(0, 255).astype(np.uint8), "nothing below zero"),
        ((ct().voxels + 1024).astype(np.uint16), "nothing below zero"),
        (np.tanh(ct(np.float32).voxels / 200), "too narrow"),
        (ct().voxels[:7], "only 7 slices"),
        (ct().voxels[:1], "only 1 slice;"),
    ],
    ids=["zero", "picture", "stored values", "normalised", "few slices", "single slice"],
)
def test_what_is_not_ct_in_hu_is_refused(tmp_path, voxels, reason):
    assert reason in refusal(write(tmp_path / "a.nrrd", Volume(voxels, OBLIQUE)))


def test_slices_thicker_than_10_mm_are_refused(tmp_path):
    coarse = OBLIQUE @ np.diag([1, 1, 4, 1])
    assert "12.0 mm apart" in refusal(write(tmp_path / "a.nrrd", Volume(ct().voxels, coarse)))


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be an ordinary user for a moment; as root every file may be read."""
    if os.name != "posix":
        pytest.skip("permissions are tested on POSIX systems")
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_unreadable_files_and_folders_are_refused(tmp_path):
    path, folder = write(tmp_path / "case.nii.gz", ct()), tmp_path / "ct"
    folder.mkdir()
    path.chmod(0)
    folder.chmod(0)
    try:
        with unprivileged():
            assert "may not be read" in refusal(path)
            assert "may not be read" in refusal(folder)
    finally:
        folder.chmod(0o700)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "case.nii")
    assert "neither a file nor a folder" in refusal(tmp_path / "case.nii")


def test_missing_files_and_series_of_files_are_refused(tmp_path):
    assert "does not exist" in refusal(tmp_path / "none.nii.gz")
    with pytest.raises(InputError, match="--series is for DICOM"):
        read_volume(write(tmp_path / "a.nii", ct()), series="3")


def test_the_hash_covers_a_detached_data_file(tmp_path):
    path = write(tmp_path / "a.mhd", ct())
    before = input_sha256(path)
    data = (tmp_path / "a.raw").read_bytes()
    (tmp_path / "a.raw").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert input_sha256(path) != before
