"""A comparison as a table for the terminal and as plain values for programs."""

import math
from dataclasses import asdict
from io import StringIO

from OsteoScreenLib.evaluation.comparison import Comparison

COLUMNS = {"dice": "Dice", "inside": "inside", "asd": "ASD mm", "assd": "ASSD mm", "hd95": "HD95 mm"}


def as_table(comparison: Comparison) -> str:
    """Return the rows as a Rich table of plain text; what means nothing is a dash."""
    from rich.console import Console
    from rich.table import Table

    table = Table("level", "part")
    for title in COLUMNS.values():
        table.add_column(title, justify="right")
    for row in comparison.rows:
        values = asdict(row.agreement)
        table.add_row(row.level, row.part, *(_number(values[key], key) for key in COLUMNS))
    page = StringIO()
    Console(file=page, width=100).print(table)
    return page.getvalue().rstrip("\n")


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
