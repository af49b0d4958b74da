"""The columns that calibration adds to a table of measurements, and what is to be said about them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.findings import Finding, Findings, Measure, Severity
from OsteoScreenLib.measurement.calibration import (
    CATEGORY_SOURCE,
    Calibration,
    NotCalibratedError,
    Voltage,
    category,
    internal_calibration,
    voltage_correction,
)
from OsteoScreenLib.measurement.frame import Frame
from OsteoScreenLib.measurement.tissues import find_tissues
from OsteoScreenLib.volume import Acquisition, Volume

if TYPE_CHECKING:
    import pandas as pd

CHECK = "calibration"
QCT_LEVELS = ("L1", "L2")
"""The bodies whose mean is put in a category; a single one where only one is measured."""


def calibrate(volume: Volume, frames: Mapping[str, Frame]) -> tuple[Calibration | None, Volume | None, Findings]:
    """Calibrate a CT by the tissues in it: the line, where the tissues lie, and a note on either how or why not."""
    made = volume.acquisition or Acquisition()
    try:
        if not frames:
            raise NotCalibratedError("no lumbar body is outlined")
        found = find_tissues(volume, frames)
        calibration = internal_calibration(found.tissues, made.kvp)
    except NotCalibratedError as refused:
        text = f"Internal calibration refused: {refused}. HU are as scanned, and there is no vBMD."
        return None, None, (Finding(CHECK, Severity.NOTE, text, (Measure.BMD,)),)
    left_out = [f"{reason[:1].upper()}{reason[1:]}." for reason in found.missing.values()]
    text = " ".join(
        [
            f"HU were calibrated by tissues in the image ({said_tissues(calibration)}): calibrated = "
            f"{calibration.intercept:+.1f} + {calibration.slope:.3f} x HU.",
            *calibration.notes,
            *left_out,
        ]
    )
    return calibration, found.places, (Finding(CHECK, Severity.NOTE, text, (Measure.BMD,)),)


def said_tissues(calibration: Calibration) -> str:
    """Return the tissues of a calibration with their HU, as words."""
    return ", ".join(f"{one.name} {one.hu:.0f} HU" for one in calibration.tissues) or calibration.method


def with_density(rows: "pd.DataFrame", voltage: Voltage, calibration: Calibration | None) -> "pd.DataFrame":
    """Return measurements with corrected and calibrated HU and vBMD, NaN where there are none.

    Added are ``trabecular_kvp_hu, roi_kvp_hu`` (raw HU as 120 kVp would give them), ``trabecular_calibrated_hu,
    roi_calibrated_hu`` (of the scan's own voltage), ``vbmd_mg_cm3`` of the ellipse (of the trabecular compartment where
    there is none), ``vbmd_sd_mg_cm3``, its error, and ``trabecular_vbmd_mg_cm3``; mg/cm3 of hydroxyapatite.
    """
    factor = float("nan") if voltage.factor is None else voltage.factor
    added = {f"{part}_kvp_hu": rows[f"{part}_mean_hu"] * factor for part in ("trabecular", "roi")}

    def through(values: "pd.Series", function: str) -> "pd.Series":
        return values.map(lambda hu: float("nan") if calibration is None else getattr(calibration, function)(hu))

    read = rows["roi_mean_hu"].fillna(rows["trabecular_mean_hu"])
    added |= {f"{part}_calibrated_hu": through(rows[f"{part}_mean_hu"], "hu") for part in ("trabecular", "roi")}
    added |= {
        "vbmd_mg_cm3": through(read, "density"),
        "vbmd_sd_mg_cm3": through(read, "error"),
        "trabecular_vbmd_mg_cm3": through(rows["trabecular_mean_hu"], "density"),
    }
    return rows.assign(**{name: values.astype(float) for name, values in added.items()})


def density_findings(table: "pd.DataFrame", calibration: Calibration | None) -> Findings:
    """Return a note on the range that the mean vBMD of L1 and L2 lies in, of a table after its gate."""
    rows = table[table["level"].isin(QCT_LEVELS) & np.isfinite(table["vbmd_mg_cm3"])]
    if rows.empty or calibration is None:
        return ()
    mean, sd = float(rows["vbmd_mg_cm3"].mean()), float(rows["vbmd_sd_mg_cm3"].mean())
    nearby = {category(mean - sd), category(mean + sd)} - {category(mean)}
    doubt = f"; with its error also {' or '.join(sorted(nearby))}" if nearby else ""
    what = "Mean vBMD" if len(rows) > 1 else "vBMD of this level alone"
    text = (
        f"{what} {mean:.0f} ± {sd:.0f} mg/cm3 (calibration: {calibration.method}): {category(mean)}{doubt} "
        f"({CATEGORY_SOURCE}). It is an estimate and no QCT."
    )
    return (Finding("vBMD", Severity.NOTE, text, (), tuple(rows["level"])),)


def voltage_of(volume: Volume) -> Voltage:
    """Return the correction for a CT's tube voltage."""
    return voltage_correction((volume.acquisition or Acquisition()).kvp)
