"""The one entrance: whatever the user points at becomes a CT volume in HU."""

from dataclasses import replace
from pathlib import Path

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.progress import IsCancelled, Progress, never, silent
from OsteoScreenLib.readers.check import check_ct, replace_non_finite, tidy
from OsteoScreenLib.readers.dicom import read_dicom
from OsteoScreenLib.readers.files import is_image_file, reachable, read_image
from OsteoScreenLib.volume import Acquisition, Volume


def read_volume(
    path: Path | str,
    series: str | None = None,
    progress: Progress = silent,
    cancelled: IsCancelled = never,
) -> Volume:
    """Return the CT that a NIfTI, NRRD or MetaImage file, a DICOM folder or one DICOM file of a series holds.

    `series` picks one of several DICOM series: its SeriesInstanceUID, the unique ending of that, or its
    SeriesNumber; without it the series with the most slices is taken. Voxels (k, j, i) are HU, int16 where that is
    exact and float32 otherwise, never below -1024. What had to be mended stands in `acquisition.notes`.
    Raises `InputError` for anything that is not a CT volume in HU, and `Cancelled`.
    """
    path = reachable(path)
    if is_image_file(path):
        if series is not None:
            raise InputError(f"{path.name} is a single image: --series is for DICOM. Leave it out.")
        volume = _read_file(path, progress)
    else:
        volume = read_dicom(path, series, progress, cancelled)
    check_ct(volume, path.name or str(path))
    return volume


def _read_file(path: Path, progress: Progress) -> Volume:
    progress(0.0, f"Reading {path.name}")
    volume = read_image(path)
    voxels, notes = replace_non_finite(volume.voxels, path.name)
    progress(1.0, f"Read {path.name}")
    return replace(volume, voxels=tidy(voxels), acquisition=Acquisition(notes=notes))
