"""Films come in as they are looked at, and go to each network as its paper prepared them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.radiographs import prepare
from OsteoScreenLib.radiographs.film import read_film


def ramp(rows: int, columns: int) -> np.ndarray:
    """Return a picture that grows brighter to the right and downwards, with all values from 0 to 1."""
    return np.add.outer(np.linspace(0, 0.5, rows), np.linspace(0, 0.5, columns)).astype(np.float32)


def filled(image: np.ndarray) -> tuple[int, int, int, int]:
    """Return the first and last row and column that are not zero."""
    rows, columns = (np.flatnonzero(image.max(axis)) for axis in (1, 0))
    return rows[0], rows[-1], columns[0], columns[-1]


@pytest.mark.parametrize(("rows", "columns", "height", "width"), [(2000, 900, 1024, 461), (900, 2000, 230, 512)])
def test_verte_x_keeps_the_aspect_and_pads_around_the_middle(rows: int, columns: int, height: int, width: int) -> None:
    image = prepare.verte_x(ramp(rows, columns))
    assert image.shape == (1024, 512)
    top, bottom, left, right = filled(image)
    assert bottom - top + 1 == pytest.approx(height, abs=1)
    assert right - left + 1 == pytest.approx(width, abs=1)
    assert top == pytest.approx((1024 - height) / 2, abs=1)
    assert left == pytest.approx((512 - width) / 2, abs=1)


def test_a_high_film_too_wide_for_the_frame_is_512_wide() -> None:
    top, bottom, left, right = filled(prepare.verte_x(ramp(1000, 900)))
    assert (left, right) == (0, 511)
    assert bottom - top + 1 == pytest.approx(569, abs=1)


def test_a_vfa_image_is_always_1024_high() -> None:
    narrow, wide = prepare.verte_x_vfa(ramp(1000, 300)), prepare.verte_x_vfa(ramp(700, 600))
    assert narrow.shape == wide.shape == (1024, 512)
    assert filled(narrow)[:2] == (0, 1023)
    assert filled(narrow)[3] - filled(narrow)[2] + 1 == pytest.approx(307, abs=1)
    assert filled(wide) == (0, 1023, 0, 511)


def test_verte_x_equalises_first_and_cuts_the_borders_last() -> None:
    film = ramp(400, 200) ** 2
    film[:, :10] = 1.2
    image = prepare.verte_x(film)
    assert image.max() < 1.0, "the brightest columns are the border that is cut off, after scaling with them"
    assert np.median(image) == pytest.approx(0.475, abs=0.03), "half of what is not border, which takes the last 5 %"


def test_the_texture_crop_is_the_middle_square_in_8_bit() -> None:
    film = np.zeros((400, 300), np.float32)
    film[50:350] = ramp(300, 300)
    image = prepare.bone_texture(film)
    assert image.shape == (224, 224)
    assert image.min() < 0.02
    assert image.max() > 0.98
    square = prepare.bone_texture_placement(film).cut(film)
    assert np.array_equal(square, film[50:350])


def test_a_knee_loses_its_burned_in_frame() -> None:
    film = np.full((500, 400), 255.0, np.float32)
    film[40:460, 30:370] = 200 * ramp(420, 340)
    assert prepare.without_blank_margin(film) == (40, 30, 420, 340)
    image = prepare.knee(film)
    assert image.shape == (224, 224)
    assert np.allclose(image, prepare.resized(prepare.scaled(ramp(420, 340)), (224, 224)), atol=1e-3)


@settings(deadline=None, max_examples=20)
@given(st.integers(40, 300), st.integers(40, 300))
def test_every_shape_becomes_the_shape_that_its_network_takes(rows: int, columns: int) -> None:
    film = ramp(rows, columns)
    for system, shape in (
        (prepare.verte_x, (1024, 512)),
        (prepare.verte_x_vfa, (1024, 512)),
        (prepare.bone_texture, (224, 224)),
        (prepare.knee, (224, 224)),
    ):
        image = system(film)
        assert image.shape == shape
        assert image.dtype == np.float32
        assert image.min() >= -1e-6
        assert image.max() <= 1 + 1e-6


@pytest.mark.parametrize("shape", [(2000, 900), (900, 2000), (700, 600), (512, 512)])
@pytest.mark.parametrize("name", ["verte_x", "verte_x_vfa", "bone_texture", "knee"])
def test_the_window_says_where_on_the_film_each_prepared_pixel_lies(name: str, shape: tuple[int, int]) -> None:
    film = 0.05 * ramp(*shape)
    row, column, half = round(0.45 * shape[0]), round(0.52 * shape[1]), min(shape) // 6
    film[row - half : row + half + 1, column - half : column + half + 1] = 1.0
    image = getattr(prepare, name)(film)
    top, left, rows, columns = getattr(prepare, f"{name}_placement")(film).window
    bright = np.argwhere(image > 0.97 * image.max()).mean(0) + 0.5
    found = np.array([top, left]) + bright * [rows / image.shape[0], columns / image.shape[1]]
    assert found == pytest.approx([row + 0.5, column + 0.5], abs=3)


def dicom_film(path: Path, stored: np.ndarray, photometric: str) -> Path:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = (
        DigitalXRayImageStorageForPresentation,
        generate_uid(),
    )
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    header.SOPClassUID, header.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    header.Modality, header.PhotometricInterpretation = "DX", photometric
    header.Rows, header.Columns, header.SamplesPerPixel = *stored.shape, 1
    header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 12, 11, 0
    header.WindowCenter, header.WindowWidth, header.ImagerPixelSpacing = 1000, 1001, [0.14, 0.15]
    header.PixelData = stored.astype(np.uint16).tobytes()
    header.save_as(path)
    return path


def test_dicom_is_windowed_and_monochrome1_turned_over(tmp_path: Path) -> None:
    stored = np.rint(4000 * ramp(64, 48))
    bright = read_film(dicom_film(tmp_path / "a.dcm", stored, "MONOCHROME2"))
    dark = read_film(dicom_film(tmp_path / "b.dcm", stored, "MONOCHROME1"))
    assert bright.spacing == (0.14, 0.15)
    assert bright.pixels[0, 0] == bright.pixels.min()
    assert (stored >= 1501).sum() > 500
    assert np.ptp(bright.pixels[stored >= 1501]) == 0, "all above the window is white"
    assert np.allclose(dark.pixels, bright.pixels.max() + bright.pixels.min() - bright.pixels)


@pytest.mark.parametrize(("suffix", "mode"), [("png", "I;16"), ("tif", "I;16"), ("png", "L"), ("jpg", "RGB")])
def test_pictures_are_read_in_grey(tmp_path: Path, suffix: str, mode: str) -> None:
    deep = mode == "I;16"
    values = np.rint(ramp(64, 48) * (65535 if deep else 255)).astype(np.uint16 if deep else np.uint8)
    path = tmp_path / f"film.{suffix}"
    Image.fromarray(values if mode != "RGB" else np.stack([values] * 3, -1)).save(path)
    assert np.allclose(read_film(path).pixels, values, atol=3)


def test_bad_films_are_refused_in_one_line(tmp_path: Path) -> None:
    blank, small, text, pair = (tmp_path / name for name in ("blank.png", "small.png", "film.png", "pair.tif"))
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(blank)
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(small)
    text.write_text("not a picture")
    pages = [Image.fromarray(np.full((64, 64), n, np.uint8)) for n in range(2)]
    pages[0].save(pair, save_all=True, append_images=pages[1:])
    for path, why in (
        (blank, "shows nothing"),
        (small, "8 x 8 pixels"),
        (text, "cannot be read"),
        (pair, "holds 2 images"),
        (tmp_path / "none.png", "There is no file"),
        (Path(__file__), "neither DICOM nor"),
    ):
        with pytest.raises(InputError, match=why):
            read_film(path)
