"""What a case shows, in a few plain sentences by the rules of ``conclusion.json``; none rules out low bone density."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.findings import Finding, Measure, Severity, closing
from OsteoScreenLib.levels import SCREENED
from OsteoScreenLib.measurement.cutoffs import Cutoff
from OsteoScreenLib.measurement.norms import NO_POSITION, POSITION
from OsteoScreenLib.report.bone_status import disagreements, votes

if TYPE_CHECKING:
    from collections.abc import Callable

    from OsteoScreenLib.result import ScreeningResult

_TABLE = json.loads(Path(__file__).with_name("conclusion.json").read_text(encoding="utf-8"))

LIMIT: str = _TABLE["limit"]
NEVER: tuple[str, ...] = tuple(_TABLE["never"])
"""Words that no sentence of ours contains."""

SURE = 0.9
"""Level confidence from which a level needs no second look."""
UNEVEN = 2.0
"""An ellipse is uneven if its SD is this many times the median of all levels: noise alone does not differ so much."""
UNFIT = ("tube voltage", "contrast agent")
"""Checks whose cautions say that a scan is not of the kind that reference lines are made from."""
OWN_SENTENCE = ("level names", "missing", "cut by the field of view")
"""Checks that have rules of their own."""


@dataclass(frozen=True)
class Sentence:
    """One sentence; `attention` marks what the reader has to look at first."""

    text: str
    attention: bool = False


@dataclass(frozen=True, eq=False)
class Shown:
    """What the rules look at: the case, its rows by level, and the reference lines."""

    result: "ScreeningResult"
    rows: dict[str, dict]
    cutoffs: tuple[Cutoff, ...]

    def value(self, level: str) -> tuple[float, str]:
        """Return a level's trabecular HU and where it was read; NaN where there is none."""
        row = self.rows[level]
        if np.isfinite(row["roi_mean_hu"]):
            return row["roi_mean_hu"], "in the anterior ellipse"
        return row["trabecular_mean_hu"], "over the trabecular compartment (no room for an ellipse)"

    def quality(self, severity: Severity) -> list[Finding]:
        """Return the findings of one severity that have no rule of their own."""
        return [one for one in self.result.quality if one.severity is severity and one.check not in OWN_SENTENCE]


def conclusion(result: "ScreeningResult", cutoffs: tuple[Cutoff, ...]) -> tuple[Sentence, ...]:
    """Return the sentences of one case in the order of the table of rules."""
    shown = Shown(result, {row["level"]: row for row in result.measurements.to_dict("records")}, cutoffs)
    said = []
    for entry in _TABLE["rules"]:
        for values in RULES[entry["rule"]](shown):
            said.append(Sentence(entry["text"].format(limit=LIMIT, **values), entry["attention"]))
    return tuple(said)


def _nothing(shown: Shown) -> Iterator[dict]:
    if not shown.rows:
        yield {}


def _closed(shown: Shown) -> Iterator[dict]:
    for one in shown.quality(Severity.CLOSED):
        measures = "everything" if len(one.measures) >= len(Measure) - 1 else _list(list(one.measures))
        levels = _list(list(one.levels)) if one.levels else "all levels"
        yield {"measures": measures, "levels": levels, "check": one.check, "reason": one.text}


def _lines(shown: Shown) -> Iterator[tuple[str, str, dict]]:
    """Yield which rule holds for the reference lines of each level, and its values."""
    for level in dict.fromkeys(cutoff.level for cutoff in shown.cutoffs):
        if level not in shown.rows:
            if shown.rows:
                yield "line of an unmeasured level", level, {"level": level}
            continue
        hu, where = shown.value(level)
        if not np.isfinite(hu):
            closed = closing(shown.result.quality, Measure.HU, level)
            if closed:
                yield "line of a closed level", level, {"level": level, "check": closed[0].check}
            else:
                yield "line without trabecular bone", level, {"level": level}
            continue
        lines = sorted({cutoff.hu for cutoff in shown.cutoffs if cutoff.level == level}, reverse=True)
        parts = [
            f"{words} {_list(some)} HU"
            for words, some in (
                ("at or below", [line for line in lines if hu <= line]),
                ("above", [line for line in lines if hu > line]),
            )
            if some
        ]
        rule = "at or below a line" if hu <= lines[0] else "above all lines"
        yield rule, level, {"level": level, "hu": hu, "where": where, "compared": ", ".join(parts)}


def _line(rule: str) -> "Callable[[Shown], Iterator[dict]]":
    return lambda shown: (values for name, _, values in _lines(shown) if name == rule)


def _no_lines(shown: Shown) -> Iterator[dict]:
    if shown.rows and not shown.cutoffs:
        yield {}


def _lines_do_not_fit(shown: Shown) -> Iterator[dict]:
    compared = [level for rule, level, _ in _lines(shown) if rule in ("at or below a line", "above all lines")]
    against = [
        one.check
        for one in shown.result.quality
        if one.check in UNFIT
        and one.severity is not Severity.NOTE
        and any(one.touches(Measure.HU, level) for level in compared)
    ]
    if against:
        yield {"checks": _list(list(dict.fromkeys(against)))}


def _densitometry(shown: Shown) -> Iterator[dict]:
    if any(rule == "at or below a line" for rule, _, _ in _lines(shown)):
        yield {}


def _lowest(shown: Shown) -> Iterator[dict]:
    means = {level: row["trabecular_mean_hu"] for level, row in shown.rows.items()}
    means = {level: hu for level, hu in means.items() if np.isfinite(hu)}
    if means:
        level = min(means, key=means.get)
        yield {"hu": means[level], "level": level, "count": len(means)}


def _position(shown: Shown) -> Iterator[dict]:
    for one in shown.result.quality:
        if one.check == POSITION and not one.text.startswith(NO_POSITION):
            yield {"sentence": one.sentence}


def _caution(shown: Shown) -> Iterator[dict]:
    if not shown.rows:
        return
    by_levels: dict[tuple[str, ...], list[str]] = {}
    for one in shown.quality(Severity.CAUTION):
        by_levels.setdefault(one.levels, []).append(one.check)
    for levels, checks in by_levels.items():
        yield {"levels": _list(list(levels)) if levels else "all levels", "checks": _list(list(dict.fromkeys(checks)))}


def _uneven(shown: Shown) -> Iterator[dict]:
    deviations = [row["roi_sd_hu"] for row in shown.rows.values() if np.isfinite(row["roi_sd_hu"])]
    if len(deviations) >= 3:
        for level, row in shown.rows.items():
            if row["roi_sd_hu"] > UNEVEN * np.median(deviations):
                yield {"level": level, "sd": row["roi_sd_hu"]}


def _against_slices(shown: Shown) -> Iterator[dict]:
    if shown.result.detection is not None:
        hu = {level: shown.value(level)[0] for level in shown.rows}
        for sentence in disagreements(shown.result.detection, hu, shown.cutoffs):
            yield {"sentence": sentence}


def _votes(shown: Shown) -> Iterator[dict]:
    if shown.rows and shown.result.detection is not None and shown.result.detection.vertebrae:
        yield {"sentence": votes(shown.result.detection)}


def _confidence(shown: Shown) -> dict[str, float]:
    return {one.level: one.confidence for one in shown.result.segmentation.findings if one.level in shown.rows}


def _names_unknown(shown: Shown) -> Iterator[dict]:
    if shown.rows and not _confidence(shown):
        yield {}


def _names_unsure(shown: Shown) -> Iterator[dict]:
    unsure = {level: value for level, value in _confidence(shown).items() if value < SURE}
    if unsure:
        yield {"doubts": ", ".join(f"{level} {value:.0%}" for level, value in unsure.items())}


def _names_given(shown: Shown) -> Iterator[dict]:
    known = _confidence(shown)
    if known and min(known.values()) == 1:
        yield {}


def _names_sure(shown: Shown) -> Iterator[dict]:
    known = _confidence(shown)
    if known and SURE <= min(known.values()) < 1:
        yield {"confidence": min(known.values())}


def _names_doubted(shown: Shown) -> Iterator[dict]:
    for one in shown.result.segmentation.doubts:
        if one.severity is not Severity.NOTE and one.check == "level names":
            yield {"sentence": one.sentence}


def _cut_levels(shown: Shown) -> list[str]:
    return [one.level for one in shown.result.segmentation.findings if not one.complete]


def _cut(shown: Shown) -> Iterator[dict]:
    if _cut_levels(shown):
        yield {"levels": _list(_cut_levels(shown))}


def _missing(shown: Shown) -> Iterator[dict]:
    absent = [level for level in SCREENED if level not in shown.rows and level not in _cut_levels(shown)]
    if absent:
        yield {"levels": _list(absent)}


RULES: "dict[str, Callable[[Shown], Iterator[dict]]]" = {
    "nothing measured": _nothing,
    "closed": _closed,
    "line of a closed level": _line("line of a closed level"),
    "line of an unmeasured level": _line("line of an unmeasured level"),
    "line without trabecular bone": _line("line without trabecular bone"),
    "at or below a line": _line("at or below a line"),
    "above all lines": _line("above all lines"),
    "no lines": _no_lines,
    "lines do not fit": _lines_do_not_fit,
    "densitometry": _densitometry,
    "lowest": _lowest,
    "position for age": _position,
    "caution": _caution,
    "uneven ellipse": _uneven,
    "slices against HU": _against_slices,
    "votes of the slices": _votes,
    "names unknown": _names_unknown,
    "names unsure": _names_unsure,
    "names given": _names_given,
    "names sure": _names_sure,
    "names doubted": _names_doubted,
    "cut": _cut,
    "missing": _missing,
}
"""When each rule of the table speaks, and of what: it yields the values of its text, once for each sentence."""


def _list(items: list) -> str:
    words = [f"{item:g}" if isinstance(item, float) else str(item) for item in items]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
