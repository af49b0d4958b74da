"""A dataset of slices of invented patients, on disk: what the shipped detector learned from."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from OsteoScreenLib.detection.slices import PIXEL_MM, WINDOWS, windowed
from OsteoScreenLib.phantoms.t_score import HU_AT_ZERO, HU_PER_T, HU_SD
from OsteoScreenLib.progress import IsCancelled, Progress, never, silent, stop_if
from OsteoScreenLib.training.slice_dataset import NewSlice, write_slices
from OsteoScreenLib.training.slice_samples import slice_patient

SLICES = 8
"""Slices of each patient."""


def write_phantom_slices(
    folder: Path, patients: int, seed: int = 0, progress: Progress = silent, cancelled: IsCancelled = never
) -> int:
    """Write the slices of invented patients into `folder` as a COCO dataset, and return their number.

    Same seed, same patients, however many. Raises `OutputError`.
    """

    def slices() -> Iterator[NewSlice]:
        for number in range(patients):
            stop_if(cancelled)
            progress(number / patients, f"Drawing patient {number + 1} of {patients}")
            patient = slice_patient(np.random.default_rng([seed, number]), SLICES)
            for image, bodies in zip(windowed(patient.hu), patient.bodies, strict=True):
                whose = f"phantom-{seed}-{number}"
                yield NewSlice(image, whose, [(body.box, patient.status) for body in bodies])

    described = {
        "description": "Synthetic axial CT slices; no patient",
        "pixel_mm": PIXEL_MM,
        "windows_hu": WINDOWS,
        "trabecular_hu": f"{HU_AT_ZERO:g} + {HU_PER_T:g} T, SD {HU_SD:g} between patients",
        "seed": seed,
    }
    return write_slices(folder, described, slices())
