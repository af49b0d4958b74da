"""DICOM folders: the right series, the right order, the right HU, or one line that says why not."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.data import get_testdata_file
from pydicom.uid import RLELossless, generate_uid

from OsteoScreenLib.errors import Cancelled, InputError
from OsteoScreenLib.readers import input_sha256, read_volume
from OsteoScreenLib.volume import Volume


def refusal(path: Path, series: str | None = None) -> str:
    """Return the one line with which an input is refused."""
    with pytest.raises(InputError) as refused:
        read_volume(path, series)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def set_to(**elements: object):
    """Return a change that sets header elements, or deletes those that are None."""

    def change(header: pydicom.Dataset, k: int) -> None:
        for keyword, value in elements.items():
            if value is None:
                delattr(header, keyword)
            else:
                setattr(header, keyword, value)

    return change


def test_voxels_geometry_and_facts_come_back_as_written(series, axial_matrix):
    hu = series()
    volume = read_volume(series.folder)
    assert volume.voxels.dtype == np.int16
    np.testing.assert_array_equal(volume.voxels, hu)
    np.testing.assert_allclose(volume.ijk_to_ras, axial_matrix, atol=1e-9)
    facts = volume.acquisition
    assert (facts.kvp, facts.slice_thickness, facts.kernel) == (120.0, 3.0, "I30f/3")
    assert (facts.manufacturer, facts.model, facts.series_description) == ("Maker", "Scanner 1", "Abdomen")
    assert (facts.patient_sex, facts.patient_age, facts.study_date) == ("F", "061Y", "20200102")
    assert facts.contrast_agent is None
    assert facts.notes == ()


def test_the_patient_is_not_named(series):
    series()
    volume = read_volume(series.folder)
    assert "ecret" not in f"{volume.name} {volume.acquisition}"
    assert volume.name == "ct"


def test_a_file_of_a_series_stands_for_its_series(series):
    hu = series(number=1, prefix="a")
    series(hu[:10], number=2, prefix="b")
    volume = read_volume(next(series.folder.glob("b*.dcm")))
    np.testing.assert_array_equal(volume.voxels, hu[:10])


@pytest.mark.parametrize(
    ("orientation", "sign"),
    [
        (((1, 0, 0), (0, 1, 0)), -1),
        (((-1, 0, 0), (0, 1, 0)), 1),  # normal towards the feet
        (((0, 1, 0), (0, 0, -1)), 1),  # sagittal
        (((1, 0, 0), (0, 0, -1)), -1),  # coronal
        (((0.936, 0.352, 0), (-0.344, 0.915, 0.211)), 1),  # oblique
    ],
)
def test_geometry_agrees_with_simpleitk(series, orientation, sign):
    row = np.array(orientation[0]) / np.linalg.norm(orientation[0])
    column = np.array(orientation[1]) - row * (row @ orientation[1])
    column /= np.linalg.norm(column)
    series(orientation=(tuple(row), tuple(column)), step=sign * 3.0 * np.cross(row, column))
    volume = read_volume(series.folder)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(series.folder)))
    reference = Volume.from_sitk(reader.Execute())
    np.testing.assert_allclose(volume.ijk_to_ras, reference.ijk_to_ras, atol=1e-4)
    np.testing.assert_array_equal(volume.voxels, reference.voxels)


def test_a_folder_is_searched_through_and_what_is_not_ct_is_passed_over(series, tmp_path):
    hu = series()
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / "._000.dcm").write_bytes(b"\0" * 300)
    for name, elements in {
        "scout": {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], "SeriesInstanceUID": generate_uid()},
        "mr": {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.4", "Modality": "MR"},
        "capture": {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7", "ImagePositionPatient": None},
        "index": {"SOPClassUID": "1.2.840.10008.1.3.10", "Modality": None},
    }.items():
        series(hu[:3], prefix=name, change=set_to(**elements), origin=(0, 0, 500))
    np.testing.assert_array_equal(read_volume(tmp_path).voxels, hu)


def test_the_largest_series_is_taken_and_the_others_are_named(series):
    hu = series(number=3)
    series(hu[:9], number=4, prefix="b", change=set_to(SeriesDescription="Thin"))
    volume = read_volume(series.folder)
    assert len(volume.voxels) == 12
    assert volume.acquisition.notes == ('Series 4 "Thin" (9 slices) was not read.',)


def test_a_series_is_chosen_by_uid_its_ending_or_its_number(series):
    hu = series(number=3, uid="1.2.3.40")
    series(hu[:9], number=4, prefix="b", uid="1.2.3.41")
    for name in ("1.2.3.41", "41", "4"):
        assert len(read_volume(series.folder, series=name).voxels) == 9
    assert "No CT series answers" in refusal(series.folder, "77")


def test_two_series_of_the_same_size_must_be_chosen_between(series):
    series(number=3)
    series(number=4, prefix="b")
    line = refusal(series.folder)
    assert '3 "Abdomen" (12 slices)' in line
    assert '4 "Abdomen" (12 slices)' in line
    assert "--series" in line


def test_an_image_of_another_shape_in_the_series_is_left_out_and_noted(series):
    uid = generate_uid()
    hu = series(uid=uid)
    series(hu[:1, ::2], uid=uid, prefix="odd", origin=(0, 0, 300))
    volume = read_volume(series.folder)
    np.testing.assert_array_equal(volume.voxels, hu)
    assert "1 images" in volume.acquisition.notes[0]


def test_a_missing_slice_is_refused_with_its_place(series):
    series(keep=[0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11])
    line = refusal(series.folder)
    assert "lacks 1 slice in 1 place" in line
    assert "between slices 5 and 6" in line


def test_several_missing_slices_are_counted(series):
    series(np.repeat(series(), 2, axis=0), keep=[n for n in range(24) if n not in (4, 5, 15)], prefix="b")
    assert "lacks 3 slices in 2 places" in refusal(series.folder)


def test_a_slice_twice_at_one_place_is_kept_once(series):
    uid = generate_uid()
    hu = series(uid=uid)
    series(uid=uid, keep=[4], prefix="again")
    volume = read_volume(series.folder)
    np.testing.assert_array_equal(volume.voxels, hu)
    assert "1 slices lie at the place of another" in volume.acquisition.notes[0]


def test_a_folder_copied_into_itself_is_read_once(series, tmp_path):
    hu = series()
    (tmp_path / "copy").mkdir()
    for path in series.folder.iterdir():
        (tmp_path / "copy" / path.name).write_bytes(path.read_bytes())
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.voxels, hu)
    assert "12 files are copies" in volume.acquisition.notes[0]


def test_phases_in_one_series_are_refused(series):
    uid = generate_uid()
    series(uid=uid)
    series(uid=uid, prefix="late")
    assert "several phases" in refusal(series.folder)


@pytest.mark.parametrize("degrees", [20.0, -12.0])
def test_gantry_tilt_is_straightened(series, degrees):
    def blob(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        return -1000 + 1200 * np.exp(-((x - 0) ** 2 + (y - 30) ** 2 + (z + 75) ** 2) / 200)

    angle = np.radians(degrees)
    column = np.array([0.0, np.cos(angle), np.sin(angle)])
    k, j, i = np.indices((18, 48, 56)).astype(float)
    origin = np.array([-20.0, 12.0, -100.0])
    y = origin[1] + 0.9 * j * column[1]
    z = origin[2] + 0.9 * j * column[2] + 3.0 * k
    hu = np.rint(blob(origin[0] + 0.8 * i, y, z)).astype(np.int16)
    series(hu, orientation=((1.0, 0.0, 0.0), tuple(column)), step=(0, 0, 3.0), origin=tuple(origin))
    volume = read_volume(series.folder)
    directions = volume.ijk_to_ras[:3, :3] / volume.spacing
    np.testing.assert_allclose(directions.T @ directions, np.eye(3), atol=1e-9)
    assert volume.spacing[2] == pytest.approx(3.0 * np.cos(angle), abs=1e-6)
    assert f"tilted by {abs(degrees):.1f} degrees" in volume.acquisition.notes[0]
    ras = volume.to_ras(np.argwhere(volume.voxels > -700)[:, ::-1])
    truth = blob(-ras[:, 0], -ras[:, 1], ras[:, 2])
    assert np.abs(volume.voxels[volume.voxels > -700] - truth).max() < 5  # HU, of linear interpolation in the plane


def test_uneven_slices_are_interpolated(series):
    heights = np.array([0, 3, 6, 8.6, 12, 15, 17.5, 21, 24, 27, 30, 33])
    hu = np.broadcast_to((10 * heights - 500).astype(np.int16)[:, None, None], (12, 16, 16))

    def place(header: pydicom.Dataset, k: int) -> None:
        header.ImagePositionPatient = [0, 0, heights[k]]

    series(hu, change=place)
    volume = read_volume(series.folder)
    expected = 10 * (volume.ijk_to_ras[2, 3] + volume.spacing[2] * np.arange(len(volume.voxels))) - 500
    np.testing.assert_allclose(volume.voxels[:, 0, 0], expected, atol=0.01)
    assert "resampled to 3.00 mm" in volume.acquisition.notes[0]


def test_positions_rounded_by_the_scanner_are_regular(series):
    series(
        change=lambda header, k: setattr(
            header, "ImagePositionPatient", [-20, 15, round(-100 + 3 * k + 0.02 * (-1) ** k, 3)]
        )
    )
    assert read_volume(series.folder).acquisition.notes == ()


def test_rescale_may_differ_between_slices(series):
    hu = series(keep=list(range(6)), uid="1.2.3")
    series(hu, keep=list(range(6, 12)), uid="1.2.3", rescale=(1.0, -1000.0))
    np.testing.assert_array_equal(read_volume(series.folder).voxels, hu)


def test_a_fractional_slope_gives_float32(series):
    hu = series(rescale=(0.3, -1024.0))
    volume = read_volume(series.folder)
    assert volume.voxels.dtype == np.float32
    np.testing.assert_allclose(volume.voxels, hu, atol=0.151)  # half a stored step


def test_padding_becomes_air(series):
    hu = series().copy()
    hu[:, :4] = -3024
    series(hu, prefix="b", number=2, change=set_to(PixelPaddingValue=-2000))
    volume = read_volume(series.folder, series="2")
    assert (volume.voxels[:, :4] == -1024).all()


def test_missing_rescale_is_refused_or_noted(series, tmp_path):
    series(change=set_to(RescaleSlope=None, RescaleIntercept=None))
    assert "lacks RescaleSlope" in refusal(series.folder)
    series.folder = tmp_path / "stored_as_hu"
    hu = series(rescale=(1.0, 0.0), change=set_to(RescaleSlope=None, RescaleIntercept=None))
    volume = read_volume(series.folder)
    np.testing.assert_array_equal(volume.voxels, hu)
    assert "missing" in volume.acquisition.notes[0]


def test_missing_facts_are_none(series):
    silent = dict.fromkeys(("KVP", "ConvolutionKernel", "Manufacturer", "PatientAge", "SeriesDescription", "StudyDate"))
    series(change=set_to(**silent))
    facts = read_volume(series.folder).acquisition
    assert (facts.kvp, facts.kernel, facts.manufacturer, facts.patient_age) == (None, None, None, None)
    assert facts.notes == ()


def test_a_fact_that_differs_between_slices_is_unknown(series):
    series(change=lambda header, k: setattr(header, "KVP", "120" if k < 6 else "100"))
    facts = read_volume(series.folder).acquisition
    assert facts.kvp is None
    assert "KVP differs" in facts.notes[0]


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        ({"PhotometricInterpretation": "MONOCHROME1"}, "MONOCHROME1"),
        ({"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}, "RGB"),
        ({"RescaleType": "Z_EFF"}, "Z_EFF values"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.4", "Modality": "MR"}, "only 12 MR"),
        ({"ImagePositionPatient": None}, "only 12 CT without position"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "only 12 CT localizer"),
    ],
)
def test_what_is_no_ct_in_hu_is_refused(series, elements, reason):
    series(change=set_to(**elements))
    assert reason in refusal(series.folder)


def test_too_few_or_too_thick_slices_are_refused(series, tmp_path):
    series(keep=[3])
    assert "(1 slice) is too small" in refusal(series.folder)
    series.folder = tmp_path / "few"
    series(keep=[0, 1, 2, 3, 4, 5, 6])
    assert "at least 8" in refusal(series.folder)
    series.folder = tmp_path / "thick"
    series(step=(0, 0, 12.0))
    assert "12.0 mm apart" in refusal(series.folder)


def test_a_truncated_file_is_refused_without_noise(series, capfd):
    series()
    path = sorted(series.folder.iterdir())[5]
    path.write_bytes(path.read_bytes()[:-600])
    assert path.name in refusal(series.folder)
    assert capfd.readouterr() == ("", "")


def test_slices_lost_to_damage_are_noted(series):
    series()
    series(keep=[11], number=2, prefix="cut")
    series(keep=[11], number=2, prefix="lost", change=set_to(ImagePositionPatient=None))
    path = next(series.folder.glob("cut*.dcm"))
    path.write_bytes(path.read_bytes()[:200])
    assert read_volume(series.folder).acquisition.notes == (
        "1 files could not be used: CT without position.",
        "1 files could not be used: damaged DICOM.",
    )


def test_folders_without_ct_are_refused(tmp_path):
    assert "is empty" in refusal(tmp_path)
    sitk.WriteImage(sitk.Image([16, 16], sitk.sitkUInt8), str(tmp_path / "000.png"))
    assert "holds no DICOM image" in refusal(tmp_path)
    assert "is not an image that can be read" in refusal(tmp_path / "000.png")
    assert "does not exist" in refusal(tmp_path / "nothing")


def test_multi_frame_files_are_read_in_the_order_of_space(series, axial_matrix):
    hu = series.enhanced(order=[3, 1, 2, 0, 4, 5, 6, 7, 8, 11, 10, 9])
    volume = read_volume(series.folder / "enhanced.dcm")
    np.testing.assert_array_equal(volume.voxels, hu)
    np.testing.assert_allclose(volume.ijk_to_ras, axial_matrix, atol=1e-9)
    assert (volume.acquisition.kvp, volume.acquisition.kernel) == (100.0, "B30f")


def test_frames_may_have_their_own_rescale(series):
    hu = series.enhanced(rescales=[(1.0, -1024.0)] * 6 + [(0.5, -1000.0)] * 6)
    np.testing.assert_array_equal(read_volume(series.folder).voxels, hu)


@pytest.mark.parametrize("codec", ["RLE", "JPEG", "JPEG2000"])
def test_compressed_slices_are_decoded(series, tmp_path, codec):
    def compress(header: pydicom.Dataset, k: int) -> None:
        if codec == "RLE":
            header.compress(RLELossless)
            return
        writer = sitk.ImageFileWriter()
        writer.SetFileName(str(tmp_path / "one.dcm"))
        writer.UseCompressionOn()
        writer.SetCompressor(codec)
        stored = np.frombuffer(header.PixelData, "<i2").reshape(header.Rows, header.Columns)
        writer.Execute(sitk.GetImageFromArray(stored))
        compressed = pydicom.dcmread(tmp_path / "one.dcm")
        header.PixelData = compressed.PixelData
        header["PixelData"].is_undefined_length = True
        header.file_meta.TransferSyntaxUID = compressed.file_meta.TransferSyntaxUID

    hu = series(change=compress)
    assert pydicom.dcmread(next(series.folder.iterdir())).file_meta.TransferSyntaxUID.is_compressed
    np.testing.assert_array_equal(read_volume(series.folder).voxels, hu)


def test_jpeg_ls_slices_are_decoded(series):
    compressed = pydicom.dcmread(get_testdata_file("MR_small_jpeg_ls_lossless.dcm", download=False))
    stored = pydicom.dcmread(get_testdata_file("MR_small.dcm", download=False)).pixel_array

    def replace_pixels(header: pydicom.Dataset, k: int) -> None:
        header.PixelData = compressed.PixelData
        header["PixelData"].is_undefined_length = True
        header.file_meta.TransferSyntaxUID = compressed.file_meta.TransferSyntaxUID

    series(np.broadcast_to(stored - 1024, (8, *stored.shape)), change=replace_pixels)
    np.testing.assert_array_equal(read_volume(series.folder).voxels[3], stored.astype(int) - 1024)


def test_reading_reports_progress_and_can_be_cancelled(series):
    series()
    seen = []
    read_volume(series.folder, progress=lambda fraction, message: seen.append(fraction))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    with pytest.raises(Cancelled):
        read_volume(series.folder, cancelled=lambda: len(seen) > 0)


def test_the_hash_is_that_of_the_series_alone(series, tmp_path):
    hu = series(number=1)
    before = input_sha256(series.folder)
    series(hu[:9], number=2, prefix="b")
    (series.folder / "readme.txt").write_text("hello")
    assert input_sha256(series.folder) == before
    assert input_sha256(series.folder, series="2") != before
    path = next(series.folder.glob("0*.dcm"))
    path.rename(path.with_name("renamed.dcm"))
    assert input_sha256(series.folder) == before
    series.folder.joinpath("renamed.dcm").write_bytes(series.folder.joinpath("renamed.dcm").read_bytes() + b"\0\0")
    assert input_sha256(series.folder) != before
