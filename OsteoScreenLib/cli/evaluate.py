"""``osteoscreen evaluate``: scores, readers and masks against a reference."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from OsteoScreenLib.cli.job import job

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from OsteoScreenLib.evaluation.predictors import Predictors

evaluate = typer.Typer(name="evaluate", help="Compare scores, readers or masks with a reference.", no_args_is_help=True)

TableArgument = Annotated[Path, typer.Argument(metavar="SCORES.csv", help="A table with a row per case or vertebra.")]
LabelOption = Annotated[str, typer.Option(metavar="COLUMN", help="The column of labels: 1 and 0, or yes and no.")]
ScoresOption = Annotated[str, typer.Option(metavar="A,B,…", help="The columns to compare, with commas between.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object on stdout.")]
DropOption = Annotated[bool, typer.Option("--drop-missing", help="Leave out rows without a label or any score.")]


@evaluate.command()
def roc(
    table: TableArgument,
    label: LabelOption,
    scores: ScoresOption,
    direction: Annotated[
        Literal["auto", "<", ">"], typer.Option(help="Controls lower (<) or higher (>) than cases; auto asks medians.")
    ] = "auto",
    drop_missing: DropOption = False,
    json: JsonOption = False,
) -> None:
    """Give AUCs with DeLong's intervals, Youden's cut-offs and DeLong's paired tests, as pROC does."""
    with job() as work:
        from OsteoScreenLib.evaluation.predictors import as_values, compare_predictors

        rows, names = _rows(table, label, scores, drop_missing)
        truth, values = _columns(rows, label, names)
        compared = compare_predictors(truth, values, direction)
        if json:
            from json import dumps

            work.say(dumps(as_values(compared)))
            return
        work.say(_printed(compared))
        for note in compared.notes:
            work.say(f"Note: {note}")


def _rows(path: Path, label: str, scores: str, drop_missing: bool) -> "tuple[pd.DataFrame, list[str]]":
    """Return the table and the names of its scores. Raises `InputError` for names that are missing or doubled."""
    from OsteoScreenLib.errors import InputError
    from OsteoScreenLib.labelled_table import column, read_table

    rows = read_table(path)
    names = [name.strip() for name in scores.split(",") if name.strip()]
    if not names:
        raise InputError("Name at least one column of scores: --scores a,b,c.")
    if len(set(names)) < len(names):
        raise InputError(f"A score is named twice in --scores {scores}.")
    for name in (label, *names):
        column(rows, name)
    return rows.dropna(subset=[label, *names]) if drop_missing else rows, names


def _columns(rows: "pd.DataFrame", label: str, names: list[str]) -> "tuple[np.ndarray, dict[str, np.ndarray]]":
    from OsteoScreenLib.labelled_table import labels, numbers

    return labels(rows, label), dict(zip(names, numbers(rows, names).T, strict=True))


def _printed(compared: "Predictors") -> str:
    """Return curves and tests as two tables of plain text."""
    from io import StringIO

    from rich.console import Console
    from rich.table import Table

    curves = Table("score", "AUC", "95 % CI", "controls", "cut-off", "sensitivity", "specificity")
    for name, curve in compared.curves.items():
        (low, high), best = curve.interval(), curve.youden()
        curves.add_row(
            name, f"{curve.auc:.3f}", f"{low:.3f} to {high:.3f}", f"{curve.direction} cases",
            f"{best.threshold:.4g}", f"{best.sensitivity:.3f}", f"{best.specificity:.3f}",
        )  # fmt: skip
    tests = Table("DeLong's test", "difference", "z", "p")
    for (first, second), test in compared.tests.items():
        tests.add_row(
            f"{first} ~ {second}",
            f"{test.difference:+.3f}",
            f"{test.z:.3f}",
            f"{test.p:.4f}" if test.p >= 1e-4 else "< 0.0001",
        )
    page = StringIO()
    console = Console(file=page, width=110)
    console.print(curves)
    if compared.tests:
        console.print(tests)
    return page.getvalue().rstrip("\n")
