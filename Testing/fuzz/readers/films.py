"""Radiographs: pictures and DICOM."""

import io
from random import Random

import numpy as np
from pydicom.uid import SecondaryCaptureImageStorage

from OsteoScreenLib.radiographs.film import read_film
from Testing.fuzz.given import Given
from Testing.fuzz.mutation import spoilt_bytes
from Testing.fuzz.reader import Reader
from Testing.fuzz.readers import dicom
from Testing.readers.conftest import Series


def _pixels() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 255, (33, 34), dtype=np.uint8)


def _pictures() -> list[Given]:
    from PIL import Image

    found = []
    for suffix, options in (("png", {}), ("tif", {}), ("tif", {"compression": "tiff_lzw"}), ("jpg", {"quality": 60})):
        content = io.BytesIO()
        kind = {"png": "PNG", "tif": "TIFF", "jpg": "JPEG"}[suffix]
        Image.fromarray(_pixels()).save(content, kind, **options)
        found.append({f"a.{suffix}": content.getvalue()})
    return found


def _dicoms() -> list[Given]:
    content = io.BytesIO()
    writer = Series(None)
    header = writer.header(SecondaryCaptureImageStorage, "1.2.3", 1)
    writer.pixels(header, _pixels())
    header.Modality, header.PixelSpacing = "DX", [0.2, 0.2]
    header.WindowCenter, header.WindowWidth = 100, 200
    header.RescaleSlope, header.RescaleIntercept = 1, 0
    header.save_as(content, enforce_file_format=True)
    return [dicom.with_plain_uids({"a.dcm": content.getvalue()})]


def _spoilt_picture(rng: Random, given: Given) -> Given:
    ((name, content),) = given.items()
    return {name: spoilt_bytes(rng, content)}


def _read(folder) -> None:
    (path,) = folder.iterdir()
    film = read_film(path)
    assert film.pixels.dtype == np.float32
    assert film.pixels.ndim == 2
    assert np.isfinite(film.pixels).all()
    assert film.spacing is None or (np.isfinite(film.spacing).all() and min(film.spacing) > 0)


READERS = (
    Reader("film-picture", _pictures, _spoilt_picture, _read),
    Reader("film-dicom", _dicoms, dicom.spoilt, _read),
)
