"""Files made to harm: sizes that lie, bombs, names that lead elsewhere, numbers that are none. Each gives one line."""

import gzip
import resource
import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from OsteoScreenLib.errors import LONGEST, InputError
from OsteoScreenLib.readers import read_volume, sizes
from OsteoScreenLib.readers.sizes import check_size
from OsteoScreenLib.volume import Volume
from Testing.readers.conftest import Series

LARGE = (1024, 1024, 2000)
GIB = 2**30


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Return a folder with a small CT in every format."""
    hu = np.random.default_rng(3).normal(-100, 300, (10, 12, 14)).clip(-1000, 1500).astype(np.int16)
    volume = Volume(hu, np.diag([0.8, 0.9, 3.0, 1.0]))
    for kind in ("nii", "nii.gz", "nrrd", "nhdr", "mha", "mhd"):
        sitk.WriteImage(volume.to_sitk(), str(tmp_path / f"a.{kind}"))
    return tmp_path


def refusal(path: Path) -> str:
    """Return the one line with which a file is refused, for which hardly any memory may be taken."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError) as refused:
        read_volume(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << 10  # KiB
    return str(refused.value)


def edited(path: Path, old: str, new: str) -> Path:
    """Change the text at the head of a file."""
    content = path.read_bytes()
    assert old.encode() in content
    path.write_bytes(content.replace(old.encode(), new.encode(), 1))
    return path


def with_field(path: Path, place: int, kind: str, *values: float) -> Path:
    """Change numbers in the header of a NIfTI file."""
    content = bytearray(path.read_bytes())
    struct.pack_into("<" + kind, content, place, *values)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "size", ["14 12 1000000", "999999999 999999999 999999999", "14 12 0", "14 12 -10", "14 12 1e1"]
)
@pytest.mark.parametrize("kind", ["nrrd", "nhdr", "mha", "mhd"])
def test_a_size_that_lies_is_refused_before_memory_is_taken(image: Path, kind: str, size: str) -> None:
    assert f"a.{kind}" in refusal(edited(image / f"a.{kind}", "14 12 10", size))


@pytest.mark.parametrize("size", [(14, 12, 32767), (32767, 32767, 32767), (14, 12, 0), (14, 12, -10)])
@pytest.mark.parametrize("kind", ["nii", "nii.gz"])
def test_a_nifti_size_that_lies_is_refused_before_memory_is_taken(image: Path, kind: str, size: tuple) -> None:
    path = with_field(image / "a.nii", 42, "3h", *size)
    if kind == "nii.gz":
        (image / "a.nii.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert "a.nii" in refusal(image / f"a.{kind}")


@pytest.mark.parametrize(("place", "kind"), [(80, "f"), (108, "f"), (268, "f"), (280, "f"), (296, "f")])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 3e38])
def test_a_nifti_that_lies_nowhere_is_refused(image: Path, place: int, kind: str, value: float) -> None:
    refusal(with_field(image / "a.nii", place, kind, value))


@pytest.mark.parametrize("value", ["nan", "inf", "1e308", "9" * 4000, "0", "1e-30"])
def test_a_spacing_that_is_none_is_refused(image: Path, value: str) -> None:
    refusal(edited(image / "a.mha", f"ElementSpacing = {0.8:.17g}", f"ElementSpacing = {value}"))
    refusal(edited(image / "a.nrrd", f"(-{0.8:.17g},", f"({value},"))


def test_a_negative_spacing_is_the_flipped_axis_that_it_means(image: Path) -> None:
    flipped = read_volume(edited(image / "a.nrrd", "(0,0,3)", "(0,0,-3)"))
    np.testing.assert_array_equal(flipped.voxels, read_volume(image / "a.nii").voxels)
    assert flipped.ijk_to_ras[2, 2] == -3
    assert min(flipped.spacing) > 0


ELSEWHERE = ["../secret.raw", "/etc/passwd", "sub/../../secret.raw", "/dev/zero", "a%03d.raw 1 10 1", "LIST", "..", ""]


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_voxels_are_read_from_beside_the_header_alone(image: Path, elsewhere: str) -> None:
    (image.parent / "secret.raw").write_bytes((image / "a.raw").read_bytes())
    assert "beside it" in refusal(edited(image / "a.nhdr", "data file: a.raw", f"data file: {elsewhere}"))
    assert "beside it" in refusal(edited(image / "a.mhd", "a.raw", elsewhere))


def test_a_link_to_a_device_is_no_data_file(image: Path) -> None:
    (image / "a.raw").unlink()
    (image / "a.raw").symlink_to("/dev/zero")
    assert "no file beside it" in refusal(image / "a.mhd")


def test_lines_of_an_nrrd_may_end_as_on_windows_but_not_in_the_middle(image: Path) -> None:
    path, before = image / "a.nrrd", read_volume(image / "a.nrrd").voxels
    head, end, voxels = path.read_bytes().partition(b"\n\n")
    path.write_bytes((head + end).replace(b"\n", b"\r\n") + voxels)
    np.testing.assert_array_equal(read_volume(path).voxels, before)
    path.write_bytes(head + b"\nnote:=" + 500 * b"9" + b"\r" + 2000 * b"9" + end + voxels)
    assert "bare carriage return" in refusal(path)


def test_a_bomb_is_not_unpacked_to_its_end(image: Path) -> None:
    whole = gzip.decompress((image / "a.nii.gz").read_bytes())
    (image / "a.nii.gz").write_bytes(gzip.compress(whole, 1) + gzip.compress(bytes(400 << 20), 1))
    assert "far more than the image" in refusal(image / "a.nii.gz")


def test_a_large_volume_is_read_where_memory_allows_and_refused_where_not(monkeypatch: pytest.MonkeyPatch) -> None:
    bytes_of = 2 * int(np.prod(LARGE))
    monkeypatch.setattr(sizes, "free_memory", lambda: 16 * GIB)
    check_size("large.nii", bytes_of, bytes_of + 352)
    monkeypatch.setattr(sizes, "free_memory", lambda: 8 * GIB)
    with pytest.raises(InputError, match=r"large.nii needs 11.7 GiB of memory to be read, and 8.0 GiB are free"):
        check_size("large.nii", bytes_of, bytes_of + 352)
    monkeypatch.setattr(sizes, "free_memory", lambda: None)
    check_size("large.nii", bytes_of, bytes_of + 352)


def test_a_large_volume_is_refused_by_the_reader_itself(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = with_field(image / "a.nii", 42, "3h", *LARGE)
    with path.open("r+b") as file:
        file.truncate(352 + 2 * int(np.prod(LARGE)))  # a file with holes: it takes no room on the disk
    monkeypatch.setattr(sizes, "free_memory", lambda: 8 * GIB)
    assert "11.7 GiB" in refusal(path)


def test_a_dicom_series_that_claims_more_than_its_files_hold_is_refused(series: Series) -> None:
    def enlarge(header, k: int) -> None:
        header.Rows = header.Columns = 65535

    series(change=enlarge)
    assert "cannot hold" in refusal(series.folder)


def test_slices_far_from_any_patient_are_refused(series: Series) -> None:
    series(origin=(-20.0, 15.0, 1e15))
    refusal(series.folder)


def test_nothing_in_a_file_can_write_to_the_terminal_or_without_end(image: Path) -> None:
    said = refusal(edited(image / "a.nrrd", "encoding: raw", "encoding: \x1b[2Jgone" + "x" * 5000))
    assert said.isprintable()
    assert len(said) <= LONGEST + 1
    error = InputError("a\n\x1b[31m" + "b" * 5000)
    assert str(error).isprintable()
    assert len(str(error)) == LONGEST + 1
