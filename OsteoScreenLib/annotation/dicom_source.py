"""The DICOM images that a label map lies on: their whole headers, and which of their frames are its planes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.readers.dicom import series_stack
from OsteoScreenLib.readers.dicom_file import read_dataset
from OsteoScreenLib.readers.slices import Slice
from OsteoScreenLib.readers.stack import MAX_SLIDE, UNEVEN
from OsteoScreenLib.volume import LPS_TO_RAS, Volume

if TYPE_CHECKING:
    from pydicom import Dataset

_NEEDED = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "FrameOfReferenceUID")
_MAY_BE_EMPTY = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate",
    "StudyTime", "ReferringPhysicianName",
)  # fmt: skip
"""What other objects of the study take over; a header without them gets them empty, as the standard allows."""


@dataclass(frozen=True, eq=False)
class DicomSource:
    """The series that a case was made from.

    `images` are headers without pixels: one for each plane of the label map, in its order, or a single multi-frame one.
    `frames` says for each plane which frame of that it is, or is empty.
    """

    images: "tuple[Dataset, ...]"
    frames: tuple[int, ...] = ()


def source_of(path: Path, series: str | None, labels: Volume) -> DicomSource:
    """Return the series in a DICOM folder, or of a DICOM file, whose slices are the planes of a label map.

    Raises `InputError` where they are not, and where a header lacks what an object that refers to it needs.
    """
    stack = series_stack(path, series)
    if not _are_planes(stack, labels):
        raise InputError(
            f"The slices of {path.name} are not the planes that the case was outlined on: it is another series, or one "
            "that had to be resampled, on which no DICOM SEG can be written."
        )
    images = {file: _header(file) for file in dict.fromkeys(s.path for s in stack)}
    if len(images) == len(stack):
        return DicomSource(tuple(images[s.path] for s in stack))
    if len(images) > 1:
        raise InputError(f"{path.name} is one series in several multi-frame files, for which no SEG can be written.")
    return DicomSource(tuple(images.values()), tuple(s.frame for s in stack))


def _are_planes(stack: Sequence[Slice], labels: Volume) -> bool:
    """Tell whether slice k is plane k of a label map, as near as the reader takes slices as they are."""
    first, planes = stack[0], np.arange(len(stack))
    rows, columns = first.shape
    if labels.voxels.shape != (len(stack), rows, columns):
        return False
    positions = np.array([s.position for s in stack])
    for i, j in ((0, 0), (columns - 1, 0), (0, rows - 1)):
        lps = positions + i * first.spacing[0] * first.along_row + j * first.spacing[1] * first.along_column
        off = labels.to_ijk(lps @ LPS_TO_RAS[:3, :3]) - np.stack([0 * planes + i, 0 * planes + j, planes], axis=1)
        if (np.abs(off) > [MAX_SLIDE, MAX_SLIDE, UNEVEN]).any():
            return False
    return True


def _header(path: Path) -> "Dataset":
    header = read_dataset(path, pixels=False)
    missing = [keyword for keyword in _NEEDED if not header.get(keyword)]
    if missing:
        raise InputError(f"{path.name} lacks {', '.join(missing)}, so that nothing can refer to it.")
    for keyword in _MAY_BE_EMPTY:
        if keyword not in header:
            setattr(header, keyword, "")
    return header
