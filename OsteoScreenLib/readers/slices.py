"""DICOM headers: one `Slice` per CT image, whether it has a file to itself or is a frame of many."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.progress import IsCancelled, Progress, stop_if
from OsteoScreenLib.readers.acquisition import FACT_TAGS
from OsteoScreenLib.readers.dicom_file import is_dicom, read_dataset
from OsteoScreenLib.readers.sizes import FARTHEST

if TYPE_CHECKING:
    from pydicom import Dataset

CT_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.2": "CT",
    "1.2.840.10008.5.1.4.1.1.2.1": "Enhanced CT",
    "1.2.840.10008.5.1.4.1.1.2.2": "Legacy Converted Enhanced CT",
}
UNPLACED, DAMAGED = "CT without position", "damaged DICOM"
"""Kinds of image that may belong to the series and yet cannot be used."""

_TAGS = [
    *FACT_TAGS,
    "SOPClassUID", "SOPInstanceUID", "Modality", "ImageType", "SeriesInstanceUID", "SeriesNumber", "InstanceNumber",
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns", "NumberOfFrames",
    "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "RescaleSlope", "RescaleIntercept", "RescaleType",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Slice:
    """One CT image in its place.

    `position` is the centre of its first voxel (LPS, mm), `along_row` and `along_column` the unit vectors in which
    the column index i and the row index j grow, `spacing` the voxel size along them (mm), `shape` (rows, columns).
    `rescale` is (slope, intercept), None where the header lacks it; `frame` counts within a multi-frame file,
    to all of which GDCM applies the rescale of the first frame, `decoder_rescale`.
    """

    path: Path
    header: "Dataset"
    frame: int
    position: np.ndarray
    along_row: np.ndarray
    along_column: np.ndarray
    spacing: tuple[float, float]
    shape: tuple[int, int]
    rescale: tuple[float, float] | None
    rescale_type: str
    decoder_rescale: tuple[float, float] | None = None

    @property
    def uid(self) -> str:
        """The SeriesInstanceUID."""
        return str(self.header.get("SeriesInstanceUID", ""))

    @property
    def normal(self) -> np.ndarray:
        """The unit vector (LPS) across the slice."""
        return np.cross(self.along_row, self.along_column)

    def lies_like(self, other: "Slice") -> bool:
        """Tell whether two slices have the same size, spacing and orientation, so that they can form a stack."""
        return (
            self.shape == other.shape
            and np.allclose(self.spacing, other.spacing, rtol=1e-3)
            and np.allclose(self.along_row, other.along_row, atol=2e-3)
            and np.allclose(self.along_column, other.along_column, atol=2e-3)
        )


def scan(folder: Path, deep: bool, progress: Progress, cancelled: IsCancelled) -> tuple[list[Slice], Counter[str]]:
    """Return all CT slices in a folder (and below, if `deep`), and how many images of what other kind lie there."""
    slices: list[Slice] = []
    others: Counter[str] = Counter()
    files = _files(folder, deep)
    for n, path in enumerate(files):
        stop_if(cancelled)
        progress(n / len(files), "Reading DICOM headers")
        header = read_header(path)
        if header is None:
            continue
        found = list(_slices(path, header))
        slices += found
        if not found:
            others[_kind(header)] += 1
    return slices, others


def read_header(path: Path) -> "Dataset | None":
    """Return the header elements that the reader needs, none if it is damaged, or None if the file is not DICOM."""
    from pydicom import Dataset

    try:
        return read_dataset(path, _TAGS, pixels=False) if is_dicom(path) else None
    except PermissionError:
        raise InputError(f"{path} may not be read by this user. Change its permissions or copy the folder.") from None
    except (InputError, OSError):
        return Dataset()


def frame_count(header: "Dataset") -> int:
    """Return how many frames a header speaks of, one where it does not."""
    try:
        return max(1, int(header.get("NumberOfFrames") or 1))
    except (TypeError, ValueError, OverflowError):
        return 1


def _files(folder: Path, deep: bool) -> list[Path]:
    def refuse(error: OSError) -> None:
        raise InputError(f"{error.filename} may not be read by this user. Change its permissions or copy the folder.")

    found = []
    for directory, folders, names in os.walk(folder, onerror=refuse):
        found += [Path(directory, name) for name in names]
        if not deep:
            folders.clear()
    return sorted(path for path in found if path.is_file())


def _slices(path: Path, header: "Dataset") -> Iterator[Slice]:
    is_ct = str(header.get("SOPClassUID", "")) in CT_CLASSES or (
        "SOPClassUID" not in header and header.get("Modality") == "CT"
    )
    if not is_ct or "LOCALIZER" in str(header.get("ImageType")):
        return
    frames = header.get("PerFrameFunctionalGroupsSequence") or [None]
    shared = (header.get("SharedFunctionalGroupsSequence") or [None])[0]
    found = [
        _slice(path, header, number, [group for group in (frame, shared) if group is not None])
        for number, frame in enumerate(frames)
    ]
    decoder_rescale = found[0].rescale if found[0] else None
    yield from (replace(s, decoder_rescale=decoder_rescale) for s in found if s)


def _slice(path: Path, header: "Dataset", number: int, groups: "list[Dataset]") -> Slice | None:
    def element(keyword: str, sequence: str) -> object:
        for group in groups:
            for item in group.get(sequence) or []:
                if item.get(keyword) not in (None, ""):
                    return item.get(keyword)
        return header.get(keyword)

    try:
        position = np.array(element("ImagePositionPatient", "PlanePositionSequence"), dtype=float)
        cosines = np.array(element("ImageOrientationPatient", "PlaneOrientationSequence"), dtype=float).reshape(2, 3)
        down, across = (float(mm) for mm in element("PixelSpacing", "PixelMeasuresSequence"))
        along_row, along_column = cosines / np.linalg.norm(cosines, axis=1, keepdims=True)
        place = np.array([*position, down, across, *along_row, *along_column])
        if place.shape != (11,) or not (np.abs(place) <= FARTHEST).all():
            return None
        if min(down, across) <= 0 or abs(along_row @ along_column) > 1e-2:
            return None
        slope = element("RescaleSlope", "PixelValueTransformationSequence")
        intercept = element("RescaleIntercept", "PixelValueTransformationSequence")
        known = slope not in (None, "") and intercept not in (None, "") and float(slope) != 0
        if known and not (np.abs([float(slope), float(intercept)]) <= FARTHEST).all():
            return None
        return Slice(
            path=path,
            header=header,
            frame=number,
            position=position,
            along_row=along_row,
            along_column=along_column,
            spacing=(across, down),
            shape=(int(header.Rows), int(header.Columns)),
            rescale=(float(slope), float(intercept)) if known else None,
            rescale_type=str(element("RescaleType", "PixelValueTransformationSequence") or ""),
        )
    except (
        TypeError,
        ValueError,
        AttributeError,
        ArithmeticError,
    ):  # without these elements the image has no place in space
        return None


def _kind(header: "Dataset") -> str:
    if len(header) == 0:
        return DAMAGED
    if "LOCALIZER" in str(header.get("ImageType")):
        return "CT localizer"
    if str(header.get("SOPClassUID", "")) in CT_CLASSES:
        return UNPLACED
    return str(header.get("Modality") or "other DICOM")
