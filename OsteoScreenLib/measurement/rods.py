"""Calibration by the rods of a phantom that was scanned with the patient, whose places a person gives."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.findings import Finding, Findings, Measure, Severity
from OsteoScreenLib.labelled_table import numbers, read_table
from OsteoScreenLib.measurement.calibration import Calibration, NotCalibratedError, Rod, external_calibration
from OsteoScreenLib.measurement.frame import sample
from OsteoScreenLib.volume import Volume

COLUMNS = ("mg_cm3", "r", "a", "s", "radius_mm")
STEP_MM = 0.5
LARGEST_MM = 30.0


def load_rods(path: Path) -> tuple[Rod, ...]:
    """Read rods from a CSV with `COLUMNS`: density, middle of the ball that is read (RAS mm), its radius.

    Raises `InputError` where it is no such table, or has a radius that is none.
    """
    rows = numbers(read_table(path), list(COLUMNS)).tolist()
    rods = tuple(Rod(mg, (r, a, s), radius) for mg, r, a, s, radius in rows)
    if not all(0 < one.radius_mm <= LARGEST_MM for one in rods):
        raise InputError(f"{path.name}: radius_mm has to lie above 0 and up to {LARGEST_MM:g}.")
    return rods


def rod_hu(volume: Volume, rod: Rod) -> float:
    """Return the mean HU in a rod's ball; raises `InputError` where the ball is not wholly in the image."""
    axis = np.arange(-rod.radius_mm, rod.radius_mm + STEP_MM / 2, STEP_MM)
    ball = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(-1, 3)
    ball = ball[np.linalg.norm(ball, axis=1) <= rod.radius_mm]
    values = sample(volume, np.asarray(rod.centre) + ball, outside=np.nan)
    if not np.isfinite(values).all():
        place = ", ".join(f"{value:g}" for value in rod.centre)
        raise InputError(f"The rod at ({place}) does not lie in the image; give its middle in RAS mm.")
    return float(values.mean())


def calibrate_by_rods(volume: Volume, rods: Sequence[Rod]) -> tuple[Calibration, None, Findings]:
    """Return the line from the HU of a CT to the density of rods in it, nowhere for tissues, and a note that says so.

    Raises `InputError` where the rods do not lie in the image, are fewer than three, or do not lie on a line.
    """
    hu = [rod_hu(volume, one) for one in rods]
    try:
        calibration = external_calibration(hu, [one.mg_cm3 for one in rods])
    except NotCalibratedError as refused:
        raise InputError(f"The rods do not calibrate this CT: {refused}.") from refused
    read = ", ".join(f"{one.mg_cm3:g} mg/cm3 {value:.0f} HU" for one, value in zip(rods, hu, strict=True))
    text = f"vBMD comes from the {len(rods)} rods of a phantom ({read}), whose places were given."
    return calibration, None, (Finding("calibration", Severity.NOTE, text, (Measure.BMD,)),)
