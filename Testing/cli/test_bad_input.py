"""Whatever is not a CT of a lumbar spine: exit code 2, one line on stderr, nothing left behind."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom.uid import generate_uid

from OsteoScreenLib.cli import main
from Testing.conftest import BoxCase
from Testing.readers.conftest import Series

Maker = Callable[[Path, BoxCase], Path]


def text_file(folder: Path, case: BoxCase) -> Path:
    path = folder / "ct.nii.gz"
    path.write_text("This is not an image.")
    return path


def truncated(folder: Path, case: BoxCase) -> Path:
    path = folder / "ct.nii.gz"
    whole = case.ct_path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


def truncated_uncompressed(folder: Path, case: BoxCase) -> Path:
    path = folder / "ct.nii"
    sitk.WriteImage(case.volume.to_sitk(), str(path))
    path.write_bytes(path.read_bytes()[:-1000])
    return path


def pictures(folder: Path, case: BoxCase) -> Path:
    for n in range(3):
        sitk.WriteImage(sitk.Image(16, 16, sitk.sitkUInt8), str(folder / f"{n}.png"))
    return folder


def mr_dicom(folder: Path, case: BoxCase) -> Path:
    def as_mr(header, k: int) -> None:
        header.Modality = "MR"
        header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"

    Series(folder)(change=as_mr)
    return folder


def two_series(folder: Path, case: BoxCase) -> Path:
    for number in (1, 2):
        Series(folder)(number=number, prefix=str(number), uid=generate_uid())
    return folder


def missing_slice(folder: Path, case: BoxCase) -> Path:
    Series(folder)(keep=[k for k in range(12) if k != 5])
    return folder


def single_slice(folder: Path, case: BoxCase) -> Path:
    path = folder / "ct.nii.gz"
    sitk.WriteImage(case.volume.to_sitk()[:, :, 30:31], str(path))
    return path


def four_d(folder: Path, case: BoxCase) -> Path:
    path = folder / "ct.nii.gz"
    sitk.WriteImage(sitk.JoinSeries([case.volume.to_sitk()] * 2), str(path))
    return path


def all_zero(folder: Path, case: BoxCase) -> Path:
    path = folder / "ct.nii.gz"
    sitk.WriteImage(case.volume.to_sitk() * 0, str(path))
    return path


def without_values(folder: Path, case: BoxCase) -> Path:
    path = folder / "ct.nii.gz"
    sitk.WriteImage(case.volume.with_voxels(np.full(case.volume.voxels.shape, np.nan, np.float32)).to_sitk(), str(path))
    return path


def two_d(folder: Path, case: BoxCase) -> Path:
    path = folder / "ct.nii.gz"
    sitk.WriteImage(case.volume.to_sitk()[:, :, 30], str(path))
    return path


def absent(folder: Path, case: BoxCase) -> Path:
    return folder / "nothing.nii.gz"


def empty_folder(folder: Path, case: BoxCase) -> Path:
    return folder


MAKERS: dict[Maker, str] = {
    text_file: "ct.nii.gz",
    truncated: "cut short",
    truncated_uncompressed: "cut short",
    pictures: "holds no",
    mr_dicom: "MR",
    two_series: "--series",
    missing_slice: "lacks 1 slice",
    single_slice: "slice",
    four_d: "4D",
    all_zero: "empty",
    without_values: "NaN",
    two_d: "single 44 x 40 picture",
    absent: "does not exist",
    empty_folder: "is empty",
}


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def assert_refused(capfd: pytest.CaptureFixture[str], arguments: list[str], expected: str) -> None:
    assert main(arguments) == 2
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.startswith("osteoscreen: ")
    assert said.err.count("\n") == 1
    assert expected in said.err


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("command", ["screen", "segment", "detect"])
def test_a_bad_input_is_refused_in_one_line(
    make: Maker, command: str, box_case: BoxCase, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "input"
    folder.mkdir()
    source = make(folder, box_case)
    before = listing(tmp_path)
    output = tmp_path / "out" / ("labels.nii.gz" if command == "segment" else "report")
    assert_refused(capfd, [command, str(source), "-o", str(output)], MAKERS[make])
    assert listing(tmp_path) == before


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/nowhere/out"])
def test_a_place_that_cannot_be_written_is_refused_in_one_line(
    place: str, box_case: BoxCase, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    output = tmp_path / place
    if place.startswith("/proc") and not Path("/proc").is_dir():
        pytest.skip("this system has no /proc")
    engine = ["--engine", str(box_case.labels_path)]
    assert_refused(capfd, ["screen", str(box_case.ct_path), "-o", str(output), *engine], "Cannot write")
    assert listing(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("engine", "expected"), [("no-such-engine", "no-such-engine"), ("absent.nii.gz", "absent.nii.gz")]
)
def test_an_engine_that_is_not_there_is_refused_in_one_line(
    engine: str, expected: str, box_case: BoxCase, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    assert_refused(capfd, ["screen", str(box_case.ct_path), "-o", str(output), "--engine", engine], expected)
    assert listing(tmp_path) == []


def test_a_label_map_of_another_image_is_refused_in_one_line(
    box_case: BoxCase, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shifted = tmp_path / "shifted.nii.gz"
    image = sitk.ReadImage(str(box_case.labels_path))
    image.SetOrigin([x + 0.7 for x in image.GetOrigin()])
    sitk.WriteImage(image, str(shifted))
    before = listing(tmp_path)
    for command, *rest in (["screen", "--engine", str(shifted)], ["measure", str(shifted)]):
        arguments = [command, str(box_case.ct_path), *rest, "-o", str(tmp_path / "out")]
        assert_refused(capfd, arguments, "grid")
        assert listing(tmp_path) == before


@pytest.mark.parametrize("name", ["out.xyz", "out", "out.seg.nrrd"])
def test_a_phantom_needs_a_known_ending(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert_refused(capfd, ["phantom", "-o", str(tmp_path / name)], ".nii.gz")
    assert listing(tmp_path) == []


def test_it_is_the_same_from_a_shell(tmp_path: Path, box_case: BoxCase) -> None:
    source = four_d(tmp_path, box_case)
    run = "import sys; from OsteoScreenLib.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", run, "screen", str(source), "-o", str(tmp_path / "out"), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "4D" in done.stderr
    assert listing(tmp_path) == ["ct.nii.gz"]


def test_values_are_not_taken_for_hu_without_air(
    box_case: BoxCase, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mr.nii.gz"
    positive = box_case.volume.with_voxels(np.abs(box_case.volume.voxels))
    sitk.WriteImage(positive.to_sitk(), str(path))
    assert_refused(capfd, ["screen", str(path), "-o", str(tmp_path / "out")], "not a CT in HU")
    assert listing(tmp_path) == ["mr.nii.gz"]


def head(folder: Path) -> Path:
    """A skull with a brain in it, in air, on a grid of 4 mm."""
    from OsteoScreenLib.image_file import write_image
    from OsteoScreenLib.phantoms.solids import ellipsoid
    from OsteoScreenLib.volume import grid

    field = grid(np.zeros(3), (56, 64, 56), 4.0)
    points = np.stack(np.meshgrid(*[np.arange(n) * 4.0 - 2.0 * n for n in (56, 64, 56)], indexing="ij")).T
    distance = ellipsoid((0, 0, 0), (75, 95, 90))(np.moveaxis(points, -1, 0).astype(np.float32))
    noise = np.random.default_rng(0).normal(0, 10, distance.shape)
    hu = np.select([distance < -7, distance < 0, distance < 4], [35.0, 900.0, 20.0], -1000.0) + noise
    path = folder / "head.nii.gz"
    write_image(field.with_voxels(hu.astype(np.int16)), path)
    return path


def chest(folder: Path) -> Path:
    """A phantom from T6 to T10: a CT with a spine, but without L1-L4."""
    from OsteoScreenLib.image_file import write_image
    from OsteoScreenLib.phantoms import make_phantom

    path = folder / "chest.nii.gz"
    write_image(make_phantom(3, (90, 70, 27), (4.0, 4.0, 4.0), centre="T8").volume, path)
    return path


@pytest.mark.parametrize("make", [head, chest], ids=lambda make: make.__name__)
@pytest.mark.parametrize("command", ["screen", "segment", "detect"])
def test_a_ct_without_l1_to_l4_is_refused_in_one_line(
    command: str, make: Callable[[Path], Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = make(tmp_path)
    before = listing(tmp_path)
    output = tmp_path / ("out.seg.nrrd" if command == "segment" else "out")
    assert_refused(capfd, [command, str(source), "-o", str(output)], "choose")
    assert listing(tmp_path) == before
