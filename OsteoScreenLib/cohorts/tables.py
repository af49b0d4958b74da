"""The tables of a cohort, made anew from the folders of its cases: nothing is only in them, so nothing can be lost."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from OsteoScreenLib.cohorts import journal
from OsteoScreenLib.cohorts.manifest import CASE, INPUT, SERIES, CohortCase
from OsteoScreenLib.cohorts.task import CASES, read_mark
from OsteoScreenLib.findings import worst_first
from OsteoScreenLib.output import staged_file
from OsteoScreenLib.result_folder import FEATURES, MEASUREMENTS, load_record

if TYPE_CHECKING:
    import pandas as pd

TABLES, OVERVIEW, FAILURES = "tables", "cases.csv", "failures.csv"
FINISHED, FAILED, WAITING = "finished", "failed", "waiting"
SHARDS = "0123456789abcdef"
"""A case lies in the shard of its key's first digit: parts of equal size that do not depend on the order of work."""
TEXT = ("case", "level", "roi", "log", "gate", "genant_suggested")
"""Columns of text; all others are numbers."""


def write_tables(cohort: Path, table: "pd.DataFrame") -> None:
    """Write ``tables/{measurements,features}/shard=*/part.parquet``: a row per case and level, or ROI, sorted by case.

    `table` is the `case_table`. A case's own tables count as they are now, corrections by hand included. Raises
    `OutputError`.
    """
    finished = table[table["status"] == FINISHED]
    keys = dict(zip(finished[CASE], finished["key"], strict=True))
    for name, file in (("measurements", MEASUREMENTS), ("features", FEATURES)):
        for shard in SHARDS:
            members = sorted(case for case, key in keys.items() if key.startswith(shard))
            _write_shard(cohort / TABLES / name / f"shard={shard}" / "part.parquet", cohort, members, file)


def case_table(cohort: Path, cases: Sequence[CohortCase]) -> "pd.DataFrame":
    """Return a row per case: its manifest's columns, status, worst finding, hash, key, cost and why it failed.

    ``worst`` is the severity of its worst finding, ``findings`` are all, each as ``severity: check``;
    ``same_image_as`` names the first case with the same image.
    """
    import pandas as pd

    last, first_with, rows = journal.last_events(cohort), {}, []
    for case in cases:
        event, mark = last.get(case.name), read_mark(cohort, case.name)
        row = {CASE: case.name, INPUT: str(case.source), SERIES: case.series, **dict(case.facts)}
        if event is not None and event.what == FAILED:
            row |= {"status": FAILED, "message": event.message}
        elif mark is not None:
            findings = worst_first(load_record(cohort / CASES / case.name).quality)
            row |= {
                "status": FINISHED,
                "worst": str(findings[0].severity) if findings else "none",
                "findings": "; ".join(dict.fromkeys(f"{one.severity}: {one.check}" for one in findings)),
                "sha256": mark.sha256,
                "key": mark.key,
                "seconds": mark.seconds,
                "memory_mb": mark.memory_mb,
                "same_image_as": first_with.setdefault(mark.sha256, case.name),
            }
            row["same_image_as"] = None if row["same_image_as"] == case.name else row["same_image_as"]
        else:
            row |= {"status": WAITING}
        rows.append(row)
    columns = ("status", "worst", "findings", "sha256", "key", "seconds", "memory_mb", "same_image_as", "message")
    facts = dict.fromkeys(name for case in cases for name, _ in case.facts)
    return pd.DataFrame(rows, columns=[CASE, INPUT, SERIES, *facts, *columns])


def write_case_table(cohort: Path, table: "pd.DataFrame") -> None:
    """Write ``cases.csv``. Raises `OutputError`."""
    with staged_file(cohort / OVERVIEW) as staged:
        table.to_csv(staged, index=False)


def write_failures(cohort: Path, cases: Sequence[CohortCase]) -> None:
    """Write ``failures.csv``: the cases whose last attempt failed, and why. Raises `OutputError`."""
    last = journal.last_events(cohort)
    with staged_file(cohort / FAILURES) as staged, staged.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow((CASE, INPUT, SERIES, "message"))
        for case in cases:
            event = last.get(case.name)
            if event is not None and event.what == FAILED:
                rows.writerow((case.name, case.source, case.series or "", event.message))


def read_rows(cohort: Path, name: str) -> "pd.DataFrame":
    """Return a table of all shards, ``measurements`` or ``features``; one without rows where no case is finished."""
    import pandas as pd

    parts = [pd.read_parquet(path) for path in sorted((cohort / TABLES / name).glob("shard=*/*.parquet"))]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["case", "level"])


def _write_shard(path: Path, cohort: Path, members: Sequence[str], file: str) -> None:
    import pandas as pd

    if not members:
        path.unlink(missing_ok=True)
        return
    parts = [pd.read_csv(cohort / CASES / case / file, float_precision="round_trip") for case in members]
    filled = [part.assign(case=case) for case, part in zip(members, parts, strict=True) if len(part)]
    rows = pd.concat(filled or parts[:1], ignore_index=True)
    rows = rows[["case", *(name for name in rows.columns if name != "case")]] if filled else rows
    kinds = {name: "string" if name in TEXT else "float64" for name in rows.columns}
    with staged_file(path) as staged:
        rows.astype(kinds).to_parquet(staged, index=False)
