"""The gate between measuring and showing: a number that is not to be used is left out, and the row says why."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from OsteoScreenLib.findings import Finding, Measure, Severity, closing, measure_of

if TYPE_CHECKING:
    import pandas as pd

GATE, OPEN = "gate", "open"
"""The column that says of each row which measures are closed and why, and what it says where none is."""
MISSING = "–"


def gated(table: "pd.DataFrame", findings: Iterable[Finding], ungated: bool = False) -> "pd.DataFrame":
    """Return a table of measurements (a row per level) with NaN, or no words, behind closed gates, and a column `GATE`.

    With `ungated` the numbers stay; the column says all the same what speaks against them.
    """
    findings = tuple(findings)
    table = table.copy()
    for row, level in zip(table.index, table["level"], strict=True):
        for column in [] if ungated else table.columns:
            measure = measure_of(column)
            if measure and closing(findings, measure, level):
                table.loc[row, column] = float("nan") if table[column].dtype.kind == "f" else ""
    return table.assign(**{GATE: [why_closed(findings, level) or OPEN for level in table["level"]]})


def reason(findings: Iterable[Finding], column: str, level: str) -> str:
    """Return in a word or two why the number in a column is not to be used; empty where it may be."""
    measure = measure_of(column)
    return next((one.check for one in closing(findings, measure, level)), "") if measure else ""


def in_place(findings: Iterable[Finding], column: str, level: str) -> str:
    """Return what every face shows where a column has no number: the `reason`, or a dash where no gate is closed."""
    return reason(findings, column, level) or MISSING


def cares(findings: Iterable[Finding], column: str, level: str) -> tuple[str, ...]:
    """Return which checks say that the number in a column is to be read with caution."""
    measure = measure_of(column)
    touching = [one for one in findings if measure and one.touches(measure, level)]
    return tuple(dict.fromkeys(one.check for one in touching if one.severity is Severity.CAUTION))


def why_closed(findings: Iterable[Finding], level: str) -> str:
    """Return which measures of a level are closed and why, as one line; empty where none is."""
    findings = tuple(findings)
    reasons: dict[str, list[str]] = {}
    for measure in Measure:
        for one in closing(findings, measure, level):
            reasons.setdefault(one.check, []).append(measure)
    return "; ".join(f"no {', '.join(measures)}: {check}" for check, measures in reasons.items())
