"""A department's own table: what its scanners read, and its own reference lines, fitted from cases with DXA or QCT."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from OsteoScreenLib.errors import InputError, first_fault
from OsteoScreenLib.labelled_table import column, numbers, read_table
from OsteoScreenLib.levels import BY_NAME
from OsteoScreenLib.measurement.calibration import Calibration
from OsteoScreenLib.measurement.cutoffs import Cutoff
from OsteoScreenLib.volume import Acquisition

if TYPE_CHECKING:
    import pandas as pd

QCT, DXA = "qct_mg_cm3", "t_score"
SCANNER = ("manufacturer", "model", "kvp")
FEWEST = 5
"""Cases of one scanner and voltage, and of either class, from which something is fitted."""
LARGEST = 1e5
OSTEOPOROSIS = -2.5
SHARE = 0.9
"""Sensitivity and specificity for which lines are given."""


@dataclass(frozen=True)
class Scanner:
    """One scanner at one voltage: by how many HU it reads high, and its line to mg/cm3 where QCT cases were given.

    ``mg/cm3 = intercept_mg + mg_per_hu * HU``, off by `residual_mg` (SD) in the `cases` it was fitted to.
    """

    manufacturer: str
    model: str
    kvp: float
    cases: int
    offset_hu: float
    mg_per_hu: float | None = None
    intercept_mg: float | None = None
    residual_mg: float | None = None


class Site(BaseModel):
    """The table of one department, as its JSON file holds it."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    software: Literal["osteoscreen site"] = "osteoscreen site"
    format: Literal[1] = 1
    name: str
    cases: int
    fitted_to: str
    scanners: tuple[Scanner, ...]
    cutoffs: tuple[Cutoff, ...] = ()

    def scanner(self, made: Acquisition) -> Scanner | None:
        """Return the entry of the scanner and voltage that made a CT; None where the table has none."""
        for one in self.scanners:
            same = (one.manufacturer.casefold(), one.model.casefold()) == (
                (made.manufacturer or "").casefold(), (made.model or "").casefold(),
            )  # fmt: skip
            if same and made.kvp is not None and abs(one.kvp - made.kvp) < 0.5:
                return one
        return None


def load_site(path: Path) -> tuple[Site, str]:
    """Return a department's table and the SHA-256 of its file. Raises `InputError` where it is none."""
    try:
        content = path.read_bytes()
        return Site.model_validate_json(content), hashlib.sha256(content).hexdigest()
    except OSError as error:
        raise InputError(f"Cannot read the site table {path}: {error.strerror or error}.") from error
    except ValidationError as error:
        raise InputError(
            f"{path} is no site table ({first_fault(error)}): make one with osteoscreen calibrate."
        ) from error


def fit_site(path: Path, name: str) -> Site:
    """Fit a department's table from a CSV with a row per case and body.

    Columns: ``level``, ``hu`` (mean HU of the ellipse, as scanned), ``manufacturer, model, kvp`` as in the CT's header,
    and ``qct_mg_cm3`` or ``t_score`` of the same body and of DXA. A scanner's offset is how much more it reads than all
    scanners together for the same density; lines are those that 90 % of the osteoporotic (T-score <= -2.5) lie below,
    and 90 % of the others above, per level, after the offset. Raises `InputError` where the table does not hold that.
    """
    table = read_table(path)
    kinds = [kind for kind in (QCT, DXA) if kind in table.columns]
    if not kinds:
        raise InputError(f"{path.name} has neither a column '{QCT}' nor '{DXA}': there is nothing to calibrate to.")
    truth = kinds[0]
    values = numbers(table, ["hu", "kvp", *kinds])
    if np.abs(values).max() > LARGEST:
        raise InputError(f"{path.name} holds a number above {LARGEST:g}, which is no HU, kV, mg/cm3 or T-score.")
    levels = column(table, "level").map(str)
    if unknown := set(levels) - set(BY_NAME):
        raise InputError(f"Column 'level' holds '{min(unknown)}'; levels are called L1, L2 and so on.")
    scanners = _scanners(table, values[:, 0], values[:, 2], truth)
    offsets = np.zeros(len(table))
    for one in scanners:
        offsets[_rows(table, one)] = one.offset_hu
    lines = _lines(levels.to_numpy(), values[:, 0] - offsets, values[:, -1], name) if DXA in kinds else ()
    return Site(name=name, cases=len(table), fitted_to=truth, scanners=scanners, cutoffs=lines)


def site_calibration(site: Site, scanner: Scanner) -> Calibration | None:
    """Return a scanner's own line to mg/cm3 as a calibration; None where the table was not fitted to QCT."""
    if scanner.mg_per_hu is None:
        return None
    sd = scanner.residual_mg / scanner.mg_per_hu
    return Calibration(
        method=f"site table '{site.name}' ({scanner.cases} cases with QCT)",
        slope=1.0,
        intercept=-scanner.offset_hu,
        covariance=((sd * sd, 0.0), (0.0, 0.0)),
        hu_per_mg=1 / scanner.mg_per_hu,
        factor=1.0,
        relative_sd=0.0,
        mg_at_zero=scanner.intercept_mg + scanner.mg_per_hu * scanner.offset_hu,
    )


def _scanners(table: "pd.DataFrame", hu: np.ndarray, truth: np.ndarray, kind: str) -> tuple[Scanner, ...]:
    keys = table[[*(column(table, name).name for name in SCANNER)]].drop_duplicates()
    groups = [Scanner(str(m), str(n), float(k), 0, 0.0) for m, n, k in keys.itertuples(index=False)]
    members = [(one, rows) for one in groups if (rows := _rows(table, one)).sum() >= FEWEST]
    if not members:
        raise InputError(f"No scanner and voltage has {FEWEST} cases or more: add cases.")
    used = np.sum([rows for _, rows in members], axis=0).astype(bool)
    if np.ptp(truth[used]) == 0:
        raise InputError(f"All cases have the same '{kind}': there is nothing to fit.")
    slope = _common_slope(hu, truth, [rows for _, rows in members])
    level = {id(one): float((hu - slope * truth)[rows].mean()) for one, rows in members}
    usual = float((hu - slope * truth)[used].mean())
    fitted = []
    for one, rows in members:
        line = _line(hu[rows], truth[rows], one) if kind == QCT else (None, None, None)
        offset = level[id(one)] - usual
        fitted.append(Scanner(one.manufacturer, one.model, one.kvp, int(rows.sum()), float(offset), *line))
    return tuple(fitted)


def _common_slope(hu: np.ndarray, truth: np.ndarray, members: Sequence[np.ndarray]) -> float:
    """Return HU per unit of the truth, the same for all scanners, each with a level of its own."""
    centred = [(hu[rows] - hu[rows].mean(), truth[rows] - truth[rows].mean()) for rows in members]
    return float(sum((x * y).sum() for x, y in centred) / max(sum((y * y).sum() for _, y in centred), 1e-9))


def _line(hu: np.ndarray, mg: np.ndarray, scanner: Scanner) -> tuple[float, float, float]:
    if np.ptp(hu) == 0:
        raise InputError(
            f"All cases of {scanner.model} at {scanner.kvp:g} kVp have the same HU: nothing can be fitted."
        )
    slope, intercept = np.polyfit(hu, mg, 1)
    if slope <= 0:
        raise InputError(f"On {scanner.model} at {scanner.kvp:g} kVp density falls as HU rise: look at the table.")
    residual = np.sqrt(np.square(mg - slope * hu - intercept).sum() / (len(hu) - 2))
    return float(slope), float(intercept), float(residual)


def _lines(levels: np.ndarray, hu: np.ndarray, t_score: np.ndarray, name: str) -> tuple[Cutoff, ...]:
    found = []
    for level in sorted(set(levels), key=lambda one: BY_NAME[one].code):
        mine = levels == level
        ill, well = hu[mine & (t_score <= OSTEOPOROSIS)], hu[mine & (t_score > OSTEOPOROSIS)]
        if min(len(ill), len(well)) < FEWEST:
            continue
        source = f"{name}: {len(ill)} with and {len(well)} without osteoporosis by DXA"
        sensitive = float(np.quantile(ill, SHARE, method="higher"))
        specific = float(np.quantile(well, 1 - SHARE, method="lower"))
        found += [
            Cutoff(level, sensitive, f"{SHARE:.0%} sensitive for osteoporosis (DXA) at or below this line", source),
            Cutoff(level, specific, f"{SHARE:.0%} specific for osteoporosis (DXA) at or below this line", source),
        ]
    return tuple(found)


def _rows(table: "pd.DataFrame", scanner: Scanner) -> np.ndarray:
    same = (table["manufacturer"].astype(str) == scanner.manufacturer) & (table["model"].astype(str) == scanner.model)
    return (same & (table["kvp"] == scanner.kvp)).to_numpy()
