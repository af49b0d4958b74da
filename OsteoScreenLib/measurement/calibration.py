"""From HU of one scanner to HU that can be compared, and to mg/cm3 of mineral, each with its error.

Internal (phantomless) calibration fits one line through tissues whose HU are known, as reviewed in Curr Osteoporos Rep
(PMC9925590, table 2): measured against expected HU, each weighted by how much it varies between people
(`tissues.json`). The line turns the scan's HU into those of a scanner that reads the tissues as expected. What 1 mg/cm3
of hydroxyapatite adds to water at the effective energy of 120 kVp (`attenuation`) turns them into vBMD.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from OsteoScreenLib.attenuation import REFERENCE_KVP, effective_kev, hydroxyapatite_hu_per_mg, tissue_hu
from OsteoScreenLib.measurement.tissues import FAT, PSOAS, Tissue

_HERE = Path(__file__).parent
REFERENCES: dict[str, dict] = json.loads((_HERE / "tissues.json").read_text(encoding="utf-8"))
"""Expected HU of each tissue at 120 kVp, how they vary between people (SD), and where that is written."""
_DENSITY = json.loads((_HERE / "density.json").read_text(encoding="utf-8"))
CATEGORY_SOURCE: str = _DENSITY["source"]

KEV_SD = 4.0
"""How well the effective energy at 120 kVp is known, in keV: spectra and patients differ. Ours is 67 keV."""
UNKNOWN_KVP_SD = 0.08
"""Relative error where the voltage is unknown and 120 kVp is taken: about the step to 100 or 140 kVp."""
GAIN = (0.75, 1.3)
"""Slopes of the line outside which the tissues cannot have been what they were taken for."""
OFF_SD = 3.0
"""A tissue so many of its SDs off the line has not been found."""


@dataclass(frozen=True)
class Voltage:
    """What turns trabecular HU of a tube voltage into those of 120 kVp: a factor, and whether anybody has checked it.

    `factor` is None where the voltage is unknown or none of 80 to 140 kVp.
    """

    kvp: float | None
    factor: float | None
    validated: bool
    source: str


@dataclass(frozen=True)
class Calibration:
    """A line from the scan's HU to calibrated HU, and from these to mg/cm3.

    ``calibrated = intercept + slope * HU``; ``mg/cm3 = calibrated * factor / hu_per_mg + mg_at_zero``. `covariance` is
    that of (intercept, slope); `relative_sd` what else is unsure, as a share of the density. `notes` say what was left
    out or assumed.
    """

    method: str
    slope: float
    intercept: float
    covariance: tuple[tuple[float, float], tuple[float, float]]
    hu_per_mg: float
    factor: float
    relative_sd: float
    tissues: tuple[Tissue, ...] = ()
    notes: tuple[str, ...] = ()
    mg_at_zero: float = 0.0

    def hu(self, raw: float) -> float:
        """Return calibrated HU, at the scan's own voltage."""
        return self.intercept + self.slope * raw

    def density(self, raw: float) -> float:
        """Return mg/cm3."""
        return self.hu(raw) * self.factor / self.hu_per_mg + self.mg_at_zero

    def error(self, raw: float) -> float:
        """Return the SD of `density` in mg/cm3."""
        line = np.array([1.0, raw])
        of_line = np.sqrt(line @ np.array(self.covariance) @ line) * self.factor / self.hu_per_mg
        return float(np.hypot(of_line, self.relative_sd * abs(self.density(raw) - self.mg_at_zero)))


@dataclass(frozen=True)
class Rod:
    """A rod of a phantom that was scanned with the patient: its mg/cm3, and the ball in it that is read (RAS mm)."""

    mg_cm3: float
    centre: tuple[float, float, float]
    radius_mm: float


class NotCalibratedError(ValueError):
    """Why there is no calibration, as one clause."""


def voltage_correction(kvp: float | None) -> Voltage:
    """Return how trabecular HU of a tube voltage become those of 120 kVp, by published cohort means (`density.json`).

    Between published voltages the factor is interpolated, which nobody has validated. It is made for trabecular bone of
    the lumbar spine: HU of cortex, fat and muscle change otherwise.
    """
    if kvp is None:
        return Voltage(None, None, False, "the tube voltage is unknown")
    table = _DENSITY["kvp"]
    for row in table:
        if abs(row["kvp"] - kvp) < 0.5:
            return Voltage(kvp, row["factor"], row["validated"], row["source"])
    known = [row["kvp"] for row in table]
    if not known[0] < kvp < known[-1]:
        return Voltage(kvp, None, False, f"nothing is published for {kvp:g} kVp")
    factor = float(np.interp(kvp, known, [row["factor"] for row in table]))
    return Voltage(kvp, factor, False, "interpolated between published voltages")


def internal_calibration(tissues: Sequence[Tissue], kvp: float | None) -> Calibration:
    """Fit the line through the tissues found; fat and psoas are needed, air and blood help.

    Blood that contrast agent enhances is left out. Raises `NotCalibratedError` with the reason where no line is to be
    trusted.
    """
    voltage = voltage_correction(REFERENCE_KVP if kvp is None else kvp)
    if voltage.factor is None:
        raise NotCalibratedError(voltage.source)
    by_name = {one.name: one for one in tissues}
    lacking = [name for name in (FAT, PSOAS) if name not in by_name]
    if lacking:
        raise NotCalibratedError(f"{' and '.join(lacking)} not found")
    notes = [] if kvp is not None else ["The tube voltage is unknown and was taken to be 120 kVp."]
    line, covariance = _line(tissues, voltage.kvp)
    used = list(tissues)
    for name in [one.name for one in tissues if one.name not in (FAT, PSOAS)]:
        if _off(by_name[name], line, voltage.kvp) > OFF_SD:
            used = [one for one in used if one.name != name]
            notes.append(f"{name.capitalize()} ({by_name[name].hu:.0f} HU) was left out: it does not fit the others.")
            line, covariance = _line(used, voltage.kvp)
    intercept, slope = line
    worst = max(used, key=lambda one: _off(one, line, voltage.kvp))
    if not GAIN[0] < slope < GAIN[1] or _off(worst, line, voltage.kvp) > OFF_SD:
        raise NotCalibratedError(
            f"the tissues do not agree ({', '.join(f'{one.name} {one.hu:.0f} HU' for one in used)})"
        )
    energy = effective_kev(REFERENCE_KVP)
    per_mg = hydroxyapatite_hu_per_mg(energy)
    of_energy = (hydroxyapatite_hu_per_mg(energy - KEV_SD) - hydroxyapatite_hu_per_mg(energy + KEV_SD)) / 2 / per_mg
    return Calibration(
        method=f"internal: {', '.join(one.name for one in used)}",
        slope=float(slope),
        intercept=float(intercept),
        covariance=tuple(map(tuple, covariance.tolist())),
        hu_per_mg=per_mg,
        factor=voltage.factor,
        relative_sd=float(np.hypot(of_energy, 0.0 if kvp is not None else UNKNOWN_KVP_SD)),
        tissues=tuple(used),
        notes=tuple(notes),
    )


def external_calibration(hu: Sequence[float], mg_cm3: Sequence[float]) -> Calibration:
    """Fit mg/cm3 to the mean HU of three or more rods of a phantom; calibrated HU are then the raw ones.

    Raises `NotCalibratedError` for fewer rods, or rods that do not lie on a line.
    """
    x, y = np.asarray(hu, float), np.asarray(mg_cm3, float)
    if len(x) < 3 or np.ptp(x) < 20:
        raise NotCalibratedError("three rods of different density are needed")
    (slope, intercept), residual, *_ = np.polyfit(x, y, 1, full=True)
    sd = float(np.sqrt(residual.sum() / max(len(x) - 2, 1)))
    if slope <= 0 or sd > 0.1 * np.ptp(y):
        raise NotCalibratedError("the rods do not lie on a line: look at their places")
    design = np.column_stack([np.ones_like(x), x])
    covariance = np.linalg.inv(design.T @ design) * (sd / slope) ** 2
    return Calibration(
        method=f"phantom of {len(x)} rods",
        slope=1.0,
        intercept=0.0,
        covariance=tuple(map(tuple, covariance.tolist())),
        hu_per_mg=float(1 / slope),
        factor=1.0,
        relative_sd=0.0,
        mg_at_zero=float(intercept),
    )


def category(mg_cm3: float) -> str:
    """Return the name of the range that a vBMD lies in, by `CATEGORY_SOURCE`."""
    return next(
        one["name"] for one in _DENSITY["categories"] if one["below_mg_cm3"] is None or mg_cm3 < one["below_mg_cm3"]
    )


def expected_hu(name: str, kvp: float) -> float:
    """Return the HU that a tissue is expected to have at a tube voltage; its change is that of the ICRU tissue."""
    reference = REFERENCES[name]
    if "nist" not in reference:
        return float(reference["hu"])
    change = tissue_hu(kvp)[reference["nist"]] - tissue_hu(REFERENCE_KVP)[reference["nist"]]
    return float(reference["hu"] + change)


def _line(tissues: Sequence[Tissue], kvp: float) -> tuple[np.ndarray, np.ndarray]:
    """Return (intercept, slope) of expected against measured HU, and their covariance."""
    design = np.array([[1.0, one.hu] for one in tissues])
    weights = np.array([REFERENCES[one.name]["sd_hu"] ** -2 for one in tissues])
    covariance = np.linalg.inv(design.T @ (weights[:, None] * design))
    return covariance @ design.T @ (weights * [expected_hu(one.name, kvp) for one in tissues]), covariance


def _off(tissue: Tissue, line: np.ndarray, kvp: float) -> float:
    """Return by how many of its SDs a tissue lies off a line."""
    return abs(line @ [1.0, tissue.hu] - expected_hu(tissue.name, kvp)) / REFERENCES[tissue.name]["sd_hu"]
