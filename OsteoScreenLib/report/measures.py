"""The tables of density and shape: which columns of the measurements the report shows, and in which words."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.findings import Findings
from OsteoScreenLib.measurement.gate import in_place

if TYPE_CHECKING:
    from OsteoScreenLib.result import ScreeningResult

Row = dict[str, object]


@dataclass(frozen=True)
class _Column:
    """The columns of the measurements that a cell shows, and its text where all of them are numbers or words."""

    names: tuple[str, ...]
    text: Callable[..., str]

    def cell(self, row: Row, findings: Findings) -> str:
        values = [row[name] for name in self.names]
        if any(value in ("", None) or (isinstance(value, float) and not np.isfinite(value)) for value in values):
            return in_place(findings, self.names[0], str(row["level"]))
        return self.text(*values)


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
        _table("Density", _DENSITY, rows, result.quality, _calibrated(result)),
        _table("Heights", _HEIGHTS, rows, result.quality, _bend(result)),
    )


def _number(name: str, digits: int = 0) -> _Column:
    return _Column((name,), f"{{:.{digits}f}}".format)


def _pair(first: str, second: str, between: str, digits: int = 0) -> _Column:
    return _Column((first, second), f"{{:.{digits}f}}{between}{{:.{digits}f}}".format)


_DENSITY: dict[str, _Column] = {
    "Ellipse, raw (HU)": _number("roi_mean_hu"),
    "Ellipse, as at 120 kVp (HU)": _number("roi_kvp_hu"),
    "Ellipse, calibrated (HU)": _number("roi_calibrated_hu"),
    "vBMD ± SD (mg/cm³)": _pair("vbmd_mg_cm3", "vbmd_sd_mg_cm3", " ± "),
    "Trabecular, raw (HU)": _number("trabecular_mean_hu"),
    "Trabecular, mask ± 1 voxel (HU)": _pair("trabecular_mean_hu_low", "trabecular_mean_hu_high", " to "),
    "Body volume, mask ± 1 voxel (ml)": _pair("body_volume_ml_low", "body_volume_ml_high", " to ", 1),
}
_HEIGHTS: dict[str, _Column] = {
    "Anterior (mm)": _number("anterior_height_mm", 1),
    "Middle (mm)": _number("middle_height_mm", 1),
    "Posterior (mm)": _number("posterior_height_mm", 1),
    "Wedge": _number("wedge_ratio", 2),
    "Biconcavity": _number("biconcavity_ratio", 2),
    "Crush": _number("crush_ratio", 2),
    "Lost": _Column(("height_loss_ratio",), "{:.0%}".format),
    "Genant": _Column(("genant_suggested",), str),
}


def _table(title: str, columns: dict[str, _Column], rows: list[Row], findings: Findings, remark: str) -> MeasureTable:
    cells = tuple((str(row["level"]), *(one.cell(row, findings) for one in columns.values())) for row in rows)
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
