"""A film: one flat greyscale image, bone bright, from DICOM, PNG, TIFF or JPEG."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.readers.dicom_file import read_dataset
from OsteoScreenLib.readers.sizes import MOST_COMPRESSION, check_size
from OsteoScreenLib.readers.slices import frame_count

if TYPE_CHECKING:
    from pydicom import Dataset

SMALLEST = 32
"""Rows and columns below which a picture is taken for a thumbnail."""

_PICTURES = {".png", ".tif", ".tiff", ".jpg", ".jpeg"}


@dataclass(frozen=True, eq=False)
class Film:
    """A radiograph: `pixels` (row, column) float32, bright where much was absorbed, in whatever unit the file had.

    `spacing` is the pixel size in mm (row, column), or None where the file does not say.
    """

    pixels: np.ndarray
    spacing: tuple[float, float] | None
    name: str


def read_film(path: Path) -> Film:
    """Read a DICOM radiograph, or a PNG, TIFF or JPEG picture.

    A DICOM image comes with its window or lookup table applied and MONOCHROME1 inverted (PS3.3 C.7.6.3.1.2); a colour
    picture becomes grey. Raises `InputError` for a series, a thumbnail, an image of one grey level, or no image.
    """
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    film = _picture(path) if path.suffix.lower() in _PICTURES else _dicom(path)
    if min(film.pixels.shape) < SMALLEST:
        rows, columns = film.pixels.shape
        raise InputError(f"{path.name} has {columns} x {rows} pixels; a radiograph has {SMALLEST} at least each way.")
    if not np.isfinite(film.pixels).all() or np.ptp(film.pixels) == 0:
        raise InputError(f"{path.name} shows nothing: all its pixels have the same value, or some have none.")
    return film


def save_film(film: Film, folder: Path) -> Path:
    """Write a film's pixels as they are into a folder, as a TIFF that `read_film` reads, and return its path."""
    from PIL import Image

    name = "".join(one if one.isalnum() or one in " -_." else "_" for one in film.name).strip(" .") or "film"
    path = folder / f"{name}.tif"
    Image.fromarray(film.pixels).save(path)
    return path


def names_of(paths: Sequence[Path]) -> list[str]:
    """Return what films are called: their files' names; where two share one, the paths below the common folder."""
    if len({path.name for path in paths}) == len(paths):
        return [path.name for path in paths]
    full = [path.absolute() for path in paths]
    common = Path(os.path.commonpath([path.parent for path in full]))
    return [path.relative_to(common).as_posix() for path in full]


def _picture(path: Path) -> Film:
    from PIL import Image

    try:
        with Image.open(path, formats=("PNG", "TIFF", "JPEG")) as picture:
            frames = getattr(picture, "n_frames", 1)
            grey = picture if picture.mode in ("L", "I", "I;16", "I;16B", "F") else picture.convert("L")
            pixels = np.asarray(grey, np.float32)
    except Exception as error:  # Pillow has many ways to fail on a broken picture, DecompressionBombError among them
        raise InputError(f"{path.name} cannot be read as a picture: {error or type(error).__name__}.") from error
    if frames > 1:
        raise InputError(f"{path.name} holds {frames} images; give one radiograph a file.")
    return Film(pixels, None, path.name)


def _dicom(path: Path) -> Film:
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    try:
        header = read_dataset(path)
    except (InputError, OSError) as error:
        raise InputError(f"{path.name} is neither DICOM nor PNG, TIFF or JPEG.") from error
    if "PixelData" not in header:
        raise InputError(f"{path.name} is DICOM without an image.")
    try:
        promised = header.Rows * header.Columns * header.SamplesPerPixel * header.BitsAllocated // 8
        check_size(path.name, promised * frame_count(header), MOST_COMPRESSION * path.stat().st_size)
        stored = header.pixel_array
        if stored.ndim != 2:
            raise InputError(f"{path.name} is not one greyscale image; give one radiograph a file.")
        pixels = apply_voi_lut(apply_modality_lut(stored, header), header).astype(np.float32)
    except InputError:
        raise
    except Exception as error:  # each element may be missing or of any kind, and pydicom tells so in many ways
        raise InputError(f"The pixels of {path.name} cannot be decoded: {error}.") from error
    if header.get("PhotometricInterpretation") == "MONOCHROME1":
        pixels = pixels.max() + pixels.min() - pixels
    return Film(pixels, _spacing(header), path.name)


def _spacing(header: "Dataset") -> tuple[float, float] | None:
    """Return the pixel size in mm, at the patient where that is said, else at the detector."""
    values = header.get("PixelSpacing") or header.get("ImagerPixelSpacing")
    try:
        down, across = map(float, values)
    except (TypeError, ValueError):
        return None
    return (down, across) if 0 < down < np.inf and 0 < across < np.inf else None
