"""The overview of a cohort: one HTML file with counts, distributions, findings, failures and a link to each report."""

import base64
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np

from OsteoScreenLib import RESEARCH_USE, __version__
from OsteoScreenLib.findings import Severity
from OsteoScreenLib.levels import BY_NAME, SCREENED
from OsteoScreenLib.output import staged_file
from OsteoScreenLib.report.evaluation_charts import INK, QUIET, svg
from OsteoScreenLib.report.templates import templates

if TYPE_CHECKING:
    import pandas as pd

    from OsteoScreenLib.result import ModelUse

PAGE = "overview.html"
SHOWN = "roi_mean_hu"
BIN_HU = 20.0
GRADES = ("0 (none)", "1 (mild)", "2 (moderate)", "3 (severe)")


@dataclass(frozen=True)
class Level:
    """A level in numbers: in how many cases it was measured, its ellipse's HU, and the suggested Genant grades."""

    name: str
    measured: int
    median: float
    low: float
    high: float
    grades: tuple[int, ...]


def write_overview(
    folder: Path, cases: "pd.DataFrame", measurements: "pd.DataFrame", models: "tuple[ModelUse, ...]", reports: str
) -> None:
    """Write ``overview.html`` into a cohort's folder.

    `cases` has a row per case (``case, status, worst, findings, seconds, message, same_image_as``), `measurements` one
    per case and level; `reports` is the path of a case's report in the folder, with ``{case}`` in it. Numbers that a
    closed gate left out are in no distribution. Raises `OutputError`.
    """
    by_level = {name: measurements[measurements["level"] == name] for name in SCREENED}
    first = by_level[SCREENED[0]].set_index("case")[SHOWN] if len(measurements) else {}
    page = templates().get_template("cohort.html.j2")
    text = page.render(
        title=folder.absolute().name,
        counts=Counter(cases["status"]),
        repeated=int(cases["same_image_as"].notna().sum()),
        levels=[_level(name, rows) for name, rows in by_level.items()],
        grades=GRADES,
        chart=base64.b64encode(hu_svg(by_level)).decode("ascii") if len(measurements) else "",
        findings=finding_counts(cases),
        failures=cases[cases["status"] == "failed"].to_dict("records"),
        rows=[
            {**row, "hu": first.get(row["case"], np.nan), "link": quote(reports.format(case=row["case"]))}
            for row in cases.to_dict("records")
        ],
        first_level=SCREENED[0],
        models=models,
        research_use=RESEARCH_USE,
        version=__version__,
    )
    with staged_file(folder / PAGE) as staged:
        staged.write_text(text, encoding="utf-8")


def finding_counts(cases: "pd.DataFrame") -> list[tuple[str, str, int]]:
    """Return severity, check and number of cases of each finding, the worst and most frequent first."""
    said = cases["findings"].dropna()
    counts = Counter(one for text in said for one in set(text.split("; ")) if one)
    split = [(*one.split(": ", 1), count) for one, count in counts.items()]
    return sorted(split, key=lambda one: (-Severity(one[0]).rank, -one[2], one[1]))


def hu_svg(by_level: "dict[str, pd.DataFrame]") -> bytes:
    """Draw a histogram of the anterior ellipse's HU for each level, the median as a line."""
    from matplotlib.figure import Figure

    values = {name: rows[SHOWN].dropna().to_numpy() for name, rows in by_level.items()}
    every = np.concatenate(list(values.values()))
    low, high = (every.min(), every.max()) if len(every) else (0.0, BIN_HU)
    edges = np.arange(BIN_HU * np.floor(low / BIN_HU), BIN_HU * (np.floor(high / BIN_HU) + 2), BIN_HU)
    figure = Figure(figsize=(9.2, 2.3), layout="constrained")
    for axes, (name, hu) in zip(figure.subplots(1, len(values), sharex=True, sharey=True), values.items(), strict=True):
        axes.hist(hu, edges, color=BY_NAME[name].color, edgecolor="white", linewidth=0.5)
        if len(hu):
            axes.axvline(float(np.median(hu)), color=INK, linewidth=1)
        axes.set_title(f"{name} ({len(hu)})", fontsize=9, color=INK)
        axes.yaxis.get_major_locator().set_params(integer=True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8, colors=QUIET)
    figure.supxlabel("anterior ellipse, HU", fontsize=8, color=INK)
    figure.supylabel("cases", fontsize=8, color=INK)
    return svg(figure)


def _level(name: str, rows: "pd.DataFrame") -> Level:
    hu = rows[SHOWN].dropna().to_numpy() if len(rows) else np.empty(0)
    low, median, high = np.percentile(hu, (10, 50, 90)) if len(hu) else (np.nan,) * 3
    grade = rows["genant_grade"].dropna() if len(rows) else np.empty(0)
    grades = tuple(int((grade == one).sum()) for one in range(len(GRADES)))
    return Level(name, len(hu), float(median), float(low), float(high), grades)
