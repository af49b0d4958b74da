"""NIfTI voxels read by us against ITK's: every kind of number, both byte orders, slopes and intercepts."""

import gzip
import struct
import zlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import SimpleITK as sitk
from isal import isal_zlib

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.readers import nifti
from OsteoScreenLib.readers.files import read_image

KINDS = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4"}
SHAPE = (3, 4, 5)


def write(path: Path, order: str, kind: int, slope: float = 0.0, intercept: float = 0.0, axes: int = 3) -> Path:
    """Write a NIfTI-1 file from its bytes: header, four bytes of no extension, voxels."""
    dtype = np.dtype(order + KINDS[kind])
    header = bytearray(352)
    struct.pack_into(order + "i", header, 0, 348)
    struct.pack_into(order + "8h", header, 40, axes, *SHAPE[::-1], 1, 1, 1, 1)
    struct.pack_into(order + "2h", header, 70, kind, 8 * dtype.itemsize)
    struct.pack_into(order + "8f", header, 76, 1, 0.7, 0.8, 1.5, 1, 1, 1, 1)
    struct.pack_into(order + "3f", header, 108, 352, slope, intercept)
    struct.pack_into(order + "2h", header, 252, 0, 1)
    struct.pack_into(order + "12f", header, 280, -0.7, 0, 0, 10, 0, -0.8, 0, 20, 0, 0, 1.5, 30)
    header[344:348] = b"n+1\0"
    voxels = np.arange(60).reshape(SHAPE) - (0 if "u" in KINDS[kind] else 30)
    path.write_bytes(bytes(header) + voxels.astype(dtype).tobytes())
    return path


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", [(0, 0), (1, 0), (0.1, 0), (1, -1024), (2, 3.5), (0, 7)])
def test_numbers_and_place_are_those_of_itk(tmp_path: Path, order: str, kind: int, scale: tuple[float, float]) -> None:
    path = write(tmp_path / "a.nii", order, kind, *scale)
    found = read_image(path)
    image = sitk.ReadImage(str(path))
    expected = sitk.GetArrayFromImage(image)
    assert found.voxels.dtype == expected.dtype
    np.testing.assert_array_equal(found.voxels, expected)
    corner = image.TransformIndexToPhysicalPoint((4, 3, 2))
    np.testing.assert_allclose(found.to_ras(np.array([4, 3, 2])), np.array(corner) * [-1, -1, 1])


def test_a_fourth_axis_of_one_is_no_obstacle(tmp_path: Path) -> None:
    assert read_image(write(tmp_path / "a.nii", "<", 4, axes=4)).voxels.shape == SHAPE


@pytest.fixture(params=[isal_zlib, zlib], ids=lambda module: module.__name__)
def _either_decompressor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    decompressor: ModuleType = request.param
    monkeypatch.setattr(nifti, "zlib", decompressor)


@pytest.mark.usefixtures("_either_decompressor")
def test_a_compressed_file_may_have_several_members_and_zeros_behind(tmp_path: Path) -> None:
    plain = write(tmp_path / "a.nii", "<", 4)
    content = plain.read_bytes()
    members = [gzip.compress(content[:50]), gzip.compress(content[50:400]), gzip.compress(content[400:]), bytes(9)]
    (tmp_path / "b.nii.gz").write_bytes(b"".join(members))
    np.testing.assert_array_equal(read_image(tmp_path / "b.nii.gz").voxels, read_image(plain).voxels)
    (tmp_path / "c.nii.gz").write_bytes(b"".join(members[:2]))
    with pytest.raises(InputError, match="cut short"):
        read_image(tmp_path / "c.nii.gz")
    (tmp_path / "d.nii.gz").write_bytes(b"".join(members[:2]) + members[2][:-8] + bytes(8))
    with pytest.raises(InputError, match="damaged"):
        read_image(tmp_path / "d.nii.gz")


def test_a_header_that_promises_too_much_is_refused_without_filling_the_memory(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii", "<", 4)
    content = bytearray(path.read_bytes())
    struct.pack_into("<3h", content, 42, 32767, 32767, 32767)
    path.write_bytes(content)
    with pytest.raises(InputError, match="cut short"):
        read_image(path)
