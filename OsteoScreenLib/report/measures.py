"""The tables of density and shape: which columns of the measurements the report shows, and in which words."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from OsteoScreenLib.result import ScreeningResult

Row = dict[str, object]
MISSING = "–"


@dataclass(frozen=True)
class MeasureTable:
    """One table: its heading, the heads of its columns, a row per level (the level first), and a remark below."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    remark: str = ""


def density_and_shape(result: "ScreeningResult") -> tuple[MeasureTable, ...]:
    """Return the tables of a result that has their columns; those of an older one have none."""
    rows = result.measurements.to_dict("records")
    if not rows or "vbmd_mg_cm3" not in rows[0] or "anterior_height_mm" not in rows[0]:
        return ()
    return (
        _table("Density", _DENSITY, rows, _calibrated(result)),
        _table("Heights", _HEIGHTS, rows, _bend(result)),
    )


def _number(name: str, digits: int = 0) -> Callable[[Row], str]:
    return lambda row: _format(row[name], digits)


def _format(value: object, digits: int) -> str:
    return f"{value:.{digits}f}" if isinstance(value, float) and np.isfinite(value) else MISSING


def _pair(first: str, second: str, between: str, digits: int = 0) -> Callable[[Row], str]:
    def cell(row: Row) -> str:
        shown = [_format(row[name], digits) for name in (first, second)]
        return MISSING if MISSING in shown else between.join(shown)

    return cell


_DENSITY: dict[str, Callable[[Row], str]] = {
    "Ellipse, raw (HU)": _number("roi_mean_hu"),
    "Ellipse, as at 120 kVp (HU)": _number("roi_kvp_hu"),
    "Ellipse, calibrated (HU)": _number("roi_calibrated_hu"),
    "vBMD ± SD (mg/cm³)": _pair("vbmd_mg_cm3", "vbmd_sd_mg_cm3", " ± "),
    "Trabecular, raw (HU)": _number("trabecular_mean_hu"),
    "Trabecular, mask ± 1 voxel (HU)": _pair("trabecular_mean_hu_low", "trabecular_mean_hu_high", " to "),
    "Body volume, mask ± 1 voxel (ml)": _pair("body_volume_ml_low", "body_volume_ml_high", " to ", 1),
}
_HEIGHTS: dict[str, Callable[[Row], str]] = {
    "Anterior (mm)": _number("anterior_height_mm", 1),
    "Middle (mm)": _number("middle_height_mm", 1),
    "Posterior (mm)": _number("posterior_height_mm", 1),
    "Wedge": _number("wedge_ratio", 2),
    "Biconcavity": _number("biconcavity_ratio", 2),
    "Crush": _number("crush_ratio", 2),
    "Lost (%)": lambda row: _format(100 * row["height_loss_ratio"], 0),
    "Genant": lambda row: str(row["genant_suggested"]),
}


def _table(title: str, columns: dict[str, Callable[[Row], str]], rows: list[Row], remark: str) -> MeasureTable:
    cells = tuple((str(row["level"]), *(cell(row) for cell in columns.values())) for row in rows)
    return MeasureTable(title, ("Level", *columns), cells, remark)


def _calibrated(result: "ScreeningResult") -> str:
    made = result.volume.acquisition
    kvp = f"{made.kvp:g} kVp" if made and made.kvp else "an unknown tube voltage"
    where = result.calibration.method if result.calibration else "none"
    return f"Scanned at {kvp}. Calibration: {where}. mg/cm³ are of hydroxyapatite; an estimate, no QCT."


def _bend(result: "ScreeningResult") -> str:
    remark = (
        "Ratios: wedge is anterior to posterior, biconcavity middle to posterior, crush posterior to the neighbours. "
        "Grades are suggestions that a person has to confirm."
    )
    if result.angles is None:
        return remark
    bend = result.angles
    return (
        f"From the upper endplate of {bend.first} to the lower one of {bend.last}: lordosis {bend.lordosis:.0f}°, "
        f"largest angle seen from the front {bend.scoliosis:.0f}°. {remark}"
    )
