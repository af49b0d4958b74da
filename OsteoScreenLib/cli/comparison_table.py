"""A comparison as a table for the terminal and as plain values for programs."""

import math
from dataclasses import asdict

from OsteoScreenLib.cli.text_table import text_table
from OsteoScreenLib.evaluation.comparison import Comparison

COLUMNS = {"dice": "Dice", "inside": "inside", "asd": "ASD mm", "assd": "ASSD mm", "hd95": "HD95 mm"}


def as_table(comparison: Comparison) -> str:
    """Return the rows as a table of plain text; what means nothing is a dash."""
    rows = [(row.level, row.part, asdict(row.agreement)) for row in comparison.rows]
    numbers = [[level, part, *(_number(values[key], key) for key in COLUMNS)] for level, part, values in rows]
    return text_table(("level", "part", *COLUMNS.values()), numbers, left=2)


def as_values(comparison: Comparison) -> list[dict[str, str | float | None]]:
    """Return a dictionary per row, `None` for what means nothing; distances are in mm."""
    return [
        {"level": row.level, "part": row.part}
        | {key: None if math.isnan(value) else value for key, value in asdict(row.agreement).items()}
        for row in comparison.rows
    ]


def _number(value: float, key: str) -> str:
    digits = 3 if key in ("dice", "inside") else 2
    return "-" if math.isnan(value) else f"{value:.{digits}f}"
