"""What a case shows, in a few plain sentences; none of them rules out low bone density."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.levels import SCREENED
from OsteoScreenLib.measurement.cutoffs import Cutoff
from OsteoScreenLib.report.bone_status import disagreements, votes

if TYPE_CHECKING:
    from OsteoScreenLib.result import ScreeningResult

SURE = 0.9
"""Level confidence from which a level needs no second look."""
UNEVEN = 2.0
"""An ellipse is uneven if its SD is this many times the median of all levels: noise alone does not differ so much."""
LIMIT = "A value above a line does not rule out low bone density."


@dataclass(frozen=True)
class Finding:
    """One sentence; `attention` marks what the reader has to look at first."""

    text: str
    attention: bool = False


def findings(result: "ScreeningResult", cutoffs: tuple[Cutoff, ...]) -> tuple[Finding, ...]:
    """Return the sentences of one case: values against the reference lines, the lowest level, how sure the levels are.

    A line is compared with the anterior ellipse of its own level (the trabecular mean if there is no ellipse).
    """
    rows = {row["level"]: row for row in result.measurements.to_dict("records")}
    if not rows:
        return (Finding("No level from L1 to L4 was measured.", attention=True), *_missing(result, rows))
    return (
        *_against_lines(rows, cutoffs),
        *_lowest(rows),
        *_uneven(rows),
        *_on_slices(result, rows, cutoffs),
        *_level_names(result, rows),
        *_missing(result, rows),
    )


def _value(row: dict) -> tuple[float, str]:
    """Return a level's trabecular HU and where it was read."""
    if np.isfinite(row["roi_mean_hu"]):
        return row["roi_mean_hu"], "in the anterior ellipse"
    return row["trabecular_mean_hu"], "over the trabecular compartment (no room for an ellipse)"


def _against_lines(rows: dict[str, dict], cutoffs: tuple[Cutoff, ...]) -> list[Finding]:
    said = []
    for level in dict.fromkeys(cutoff.level for cutoff in cutoffs):
        if level not in rows:
            said.append(
                Finding(f"{level} was not measured, so the reference lines, which are for {level}, do not apply.", True)
            )
            continue
        hu, where = _value(rows[level])
        if not np.isfinite(hu):
            said.append(Finding(f"{level} holds no trabecular voxels, so its reference lines do not apply.", True))
            continue
        lines = sorted({cutoff.hu for cutoff in cutoffs if cutoff.level == level}, reverse=True)
        reached = [line for line in lines if hu <= line]
        passed = [line for line in lines if hu > line]
        parts = []
        if reached:
            parts.append(f"at or below {_list(reached)} HU")
        if passed:
            parts.append(f"above {_list(passed)} HU")
        said.append(Finding(f"{level}: {hu:.0f} HU {where}; {', '.join(parts)}. {LIMIT}", attention=bool(reached)))
    return said or [Finding(f"No reference lines are configured. {LIMIT}")]


def _lowest(rows: dict[str, dict]) -> list[Finding]:
    means = {level: row["trabecular_mean_hu"] for level, row in rows.items() if np.isfinite(row["trabecular_mean_hu"])}
    if not means:
        return []
    level = min(means, key=means.get)
    return [Finding(f"Lowest trabecular mean: {means[level]:.0f} HU at {level} ({len(means)} levels measured).")]


def _uneven(rows: dict[str, dict]) -> list[Finding]:
    deviations = [row["roi_sd_hu"] for row in rows.values() if np.isfinite(row["roi_sd_hu"])]
    if len(deviations) < 3:
        return []
    usual = np.median(deviations)
    return [
        Finding(
            f"{level}: the ellipse is uneven (SD {row['roi_sd_hu']:.0f} HU); look at its cut before using it.", True
        )
        for level, row in rows.items()
        if row["roi_sd_hu"] > UNEVEN * usual
    ]


def _on_slices(result: "ScreeningResult", rows: dict[str, dict], cutoffs: tuple[Cutoff, ...]) -> list[Finding]:
    if result.detection is None:
        return []
    hu = {level: _value(row)[0] for level, row in rows.items()}
    doubts = disagreements(result.detection, hu, cutoffs)
    return [*(Finding(text, attention=True) for text in doubts), Finding(votes(result.detection))]


def _level_names(result: "ScreeningResult", rows: dict[str, dict]) -> list[Finding]:
    confidence = {one.level: one.confidence for one in result.segmentation.findings if one.level in rows}
    if not confidence:
        return [Finding("How sure the level names are is not known: check them on the overviews.", attention=True)]
    unsure = {level: value for level, value in confidence.items() if value < SURE}
    if unsure:
        doubts = ", ".join(f"{level} {value:.0%}" for level, value in unsure.items())
        return [Finding(f"Level names are uncertain ({doubts}): check them on the overviews.", attention=True)]
    return [Finding(f"Level names: confidence {min(confidence.values()):.0%} or more; check them on the overviews.")]


def _missing(result: "ScreeningResult", rows: dict[str, dict]) -> list[Finding]:
    said = []
    cut = [one.level for one in result.segmentation.findings if not one.complete]
    if cut:
        said.append(Finding(f"Cut by the field of view: {_list(cut)}. Nothing is measured in a part of a body.", True))
    absent = [level for level in SCREENED if level not in rows and level not in cut]
    if absent:
        said.append(Finding(f"Not measured: {_list(absent)}.", attention=True))
    return said


def _list(items: list) -> str:
    words = [f"{item:g}" if isinstance(item, float) else str(item) for item in items]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
