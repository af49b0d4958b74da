"""One DICOM file as pydicom reads it, whatever is in it: what breaks the standard is left out, never met later."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from OsteoScreenLib.errors import InputError

if TYPE_CHECKING:
    from pydicom import Dataset

_DEFLATED = b"1.2.840.10008.1.2.1.99"
_LARGEST_DEFLATED = 1 << 20
"""Bytes of a deflated file, which is unpacked whole and may then have a thousand times as many."""


def is_dicom(path: Path) -> bool:
    """Tell whether a file begins as DICOM files do. Raises `OSError` where it cannot be read."""
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def read_dataset(path: Path, tags: list[str] | None = None, *, pixels: bool = True) -> "Dataset":
    """Return the elements of a DICOM file, all of them converted; those that cannot be are left out.

    Raises `InputError` where the file is damaged as a whole, or unpacks to more than is sound; `OSError` of the system.
    """
    import pydicom

    with path.open("rb") as file:
        deflated = _DEFLATED in file.read(2048)
    if deflated and path.stat().st_size > _LARGEST_DEFLATED:
        raise InputError(f"{path.name} is deflated DICOM and too large for that. Export it uncompressed or as JPEG.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = pydicom.dcmread(path, stop_before_pixels=not pixels, specific_tags=tags)
            _convert(found)
    except Exception as error:  # pydicom has many ways to fail on what is broken
        if isinstance(error, OSError) and error.errno is not None:  # the system's; pydicom's own have no number
            raise
        raise InputError(f"{path.name} is damaged DICOM, or none. Export it again.") from error
    return found


def _convert(found: "Dataset") -> None:
    for tag in list(found.keys()):
        try:
            element = found[tag]
        except Exception:  # an element that breaks the standard is as good as missing
            del found[tag]
            continue
        if element.VR == "SQ":
            for item in element.value:
                _convert(item)
