"""A finding: what speaks for care with some numbers of a case, or against using them. All faces show the same ones."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is: worth knowing, to be kept in mind with every number it touches, or a closed gate."""

    NOTE = "note"
    CAUTION = "caution"
    CLOSED = "do not use"

    @property
    def rank(self) -> int:
        """0 for a note, 2 for a closed gate."""
        return list(Severity).index(self)


class Measure(StrEnum):
    """What a finding can touch: groups of numbers that stand or fall together."""

    HU = "HU"
    VOLUME = "volume"
    HEIGHT = "height"
    BMD = "vBMD"
    FEATURES = "features"
    STATUS = "bone status"
    NAMES = "level names"


EVERYTHING: tuple[Measure, ...] = tuple(Measure)
DENSITY: tuple[Measure, ...] = (Measure.HU, Measure.BMD, Measure.FEATURES, Measure.STATUS)
SHAPE: tuple[Measure, ...] = (Measure.VOLUME, Measure.HEIGHT)

_COLUMNS: tuple[tuple[str, Measure], ...] = (
    (r"_mg_cm3", Measure.BMD),
    (r"_hu(_|$)|_z_score", Measure.HU),
    (r"_ml(_|$)|_mm2(_|$)", Measure.VOLUME),
    (r"_mm(_|$)|_ratio|genant|_degrees", Measure.HEIGHT),
)


@dataclass(frozen=True)
class Finding:
    """One thing found by one check.

    `check` names the check, `text` is one sentence that names no level (the faces put `levels` before it, so that a
    shift of all names carries it). `measures` are what it touches, none where it is only worth knowing; `levels` those
    it holds for, the whole case where there is none.
    """

    check: str
    severity: Severity
    text: str
    measures: tuple[Measure, ...] = ()
    levels: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The text with its levels before it."""
        return f"{', '.join(self.levels)}: {self.text}" if self.levels else self.text

    def touches(self, measure: Measure, level: str) -> bool:
        """Tell whether it holds for a measure of a level."""
        return measure in self.measures and (not self.levels or level in self.levels)


Findings = tuple[Finding, ...]


def measure_of(column: str) -> Measure | None:
    """Return what a column of the table of measurements measures, None for one that is no measure (``level``)."""
    return next((measure for pattern, measure in _COLUMNS if re.search(pattern, column)), None)


def worst_first(findings: Iterable[Finding]) -> Findings:
    """Return findings sorted from closed gates to notes, else as they were; of equal ones the first."""
    return tuple(sorted(dict.fromkeys(findings), key=lambda one: -one.severity.rank))


def closing(findings: Iterable[Finding], measure: Measure, level: str) -> Findings:
    """Return the findings that close the gate of a measure of a level."""
    return tuple(one for one in findings if one.severity is Severity.CLOSED and one.touches(measure, level))


def with_levels(findings: Iterable[Finding], names: dict[str, str]) -> Findings:
    """Return findings with their levels renamed."""
    return tuple(replace(one, levels=tuple(names.get(level, level) for level in one.levels)) for one in findings)
