"""What the benchmark of cohorts found, as tables, and what a million CTs a year would take by it."""

import os

import pandas as pd

from OsteoScreenLib.screening import STAGES
from Testing.benchmarks.table import markdown

YEAR, BUSY = 365 * 86400, 0.7
"""Seconds in a year, and the share of it that processors of a cluster do useful work."""


def report(found: dict[str, dict], what: str) -> str:
    """Return what the steps `found` as tables; `what` says on what they were run."""
    lines = [
        "# Cohorts: figures",
        f"Made by `python -m Testing.benchmarks.cohort`: {what}, {os.cpu_count()} processors without a GPU.",
    ]
    if harmed := {name: found[name] for name in ("disturbed", "ray") if name in found}:
        texts = {
            name: {key.replace("_", " "): str(value) for key, value in one.items()} for name, one in harmed.items()
        }
        lines += ["## Disturbed", markdown(pd.DataFrame(texts).fillna("-").rename_axis("what").reset_index())]
    if "cost" in found:
        costs = pd.DataFrame([{key: str(value) for key, value in one.items()} for one in found["cost"]["after"]])
        lines += ["## What a case costs", markdown(costs.rename(columns=lambda name: name.replace("_", " ")))]
    kinds = {"phantom": found.get("cost"), "real CT": found.get("real")}
    kinds = {name: one for name, one in kinds.items() if one}
    if kinds:
        stages = pd.DataFrame({name: [cpu for _, cpu in one["stages"].values()] for name, one in kinds.items()})
        stages.insert(0, "stage", list(STAGES))
        yearly = pd.DataFrame([{"input": name, **a_million_a_year(one)} for name, one in kinds.items()])
        lines += [
            "CPU seconds of each stage, means:",
            markdown(stages),
            f"## A million CTs a year\n\nCPU seconds per case x 1,000,000 / ({YEAR:,} s x {BUSY:g}) are the cores; "
            "MB per case x 1,000,000 are the disk and, over a year, the network.",
            markdown(yearly),
        ]
    return "\n\n".join(lines) + "\n"


def a_million_a_year(one: dict[str, float]) -> dict[str, float]:
    """Return what a million cases a year take, from what one does."""
    return {
        "CPU s per case": one["cpu_seconds_per_case"],
        "cores": float(round(one["cpu_seconds_per_case"] * 1e6 / (YEAR * BUSY), 1)),
        "TB read": one["mb_read_per_case"],
        "MB/s read, mean": one["mb_read_per_case"] * 1e6 / YEAR,
        "TB written": one["mb_written_per_case"],
    }
