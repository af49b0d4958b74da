"""``osteoscreen evaluate``: scores, readers and masks against a reference."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from OsteoScreenLib.cli.boxes import boxes
from OsteoScreenLib.cli.job import Job, job
from OsteoScreenLib.cli.text_table import text_table

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from OsteoScreenLib.evaluation.predictors import Predictors
    from OsteoScreenLib.volume import Volume

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
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="Write a report with figures into this folder.")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Which set a row is of, such as train or test; each counts alone."),
    ] = None,
    model: Annotated[
        list[Path] | None, typer.Option(metavar="MODEL.json", help="For the report: show this signature's weights.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Give AUCs with DeLong's intervals, Youden's cut-offs and DeLong's paired tests, as pROC does."""
    with job() as work:
        from OsteoScreenLib.evaluation.predictors import as_values, compare_predictors
        from OsteoScreenLib.evaluation.study import study
        from OsteoScreenLib.labelled_table import column
        from OsteoScreenLib.report.evaluation_page import PAGE, write_evaluation
        from OsteoScreenLib.signature.rad_score import read

        rows, names = _rows(table, label, scores, drop_missing)
        truth, values = _columns(rows, label, names)
        sets = column(rows, by).to_numpy() if by else None
        if output or by:
            parts = study(truth, values, sets, direction)
            found = {part.name: part.predictors for part in parts}
        else:
            found = {"": compare_predictors(truth, values, direction)}
        if output:
            models = {path.stem: read(path) for path in model or ()}
            write_evaluation(parts, output, table.name, models)
        if json:
            plain = {name: as_values(compared) for name, compared in found.items()}
            _say_json(work, {"sets": plain} if by else next(iter(plain.values())))
            return
        for name, compared in found.items():
            if by:
                work.say(f"{by} {name}: {len(compared)} rows")
            work.say(_printed(compared))
            for note in compared.notes:
                work.say(f"Note: {note}")
        if output:
            work.say(f"Report: {output / PAGE}")


@evaluate.command()
def dca(
    table: TableArgument,
    label: LabelOption,
    scores: ScoresOption,
    fit_risks: Annotated[
        bool, typer.Option("--fit-risks", help="Make risks of scores outside 0 to 1, by logistic regression.")
    ] = False,
    drop_missing: DropOption = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="CSV", help="Write the curves here.")] = None,
    json: JsonOption = False,
) -> None:
    """Give decision curves: net benefit over the probability from which one would act."""
    with job() as work:
        from OsteoScreenLib.evaluation.decision_curves import as_probabilities, decision_curves
        from OsteoScreenLib.output import staged_file

        rows, names = _rows(table, label, scores, drop_missing)
        truth, values = _columns(rows, label, names)
        if fit_risks:
            values = {name: as_probabilities(truth, value) for name, value in values.items()}
        curves = decision_curves(truth, values)
        if output:
            with staged_file(output) as staged:
                curves.to_csv(staged, index=False)
        wide = curves.pivot(index="threshold", columns="model", values="net_benefit")
        if json:
            by_model = {name: list(map(_finite, wide[name])) for name in wide}
            _say_json(work, {"thresholds": wide.index.tolist(), "net_benefit": by_model})
            return
        shown = wide.loc[[0.1, 0.2, 0.3, 0.4, 0.5], ["all", "none", *names]]
        heads = ["act from", *map(str, shown.columns)]
        work.say(text_table(heads, [[f"{index:.1f}", *(f"{value:.3f}" for value in row)] for index, row in zip(
            shown.index, shown.to_numpy(), strict=True)]))  # fmt: skip


@evaluate.command()
def agreement(
    table: Annotated[Path, typer.Argument(metavar="RATINGS.csv", help="A row per subject, a column per reader.")],
    readers: Annotated[str, typer.Option(metavar="A,B,…", help="The readers' columns, with commas between.")],
    json: JsonOption = False,
) -> None:
    """Give ICC(2,1) and ICC(3,1) with intervals, and Bland-Altman's limits of each two readers."""
    with job() as work:
        from dataclasses import asdict
        from itertools import combinations

        from OsteoScreenLib.evaluation.agreement import bland_altman, icc
        from OsteoScreenLib.labelled_table import numbers, read_table

        names = [name.strip() for name in readers.split(",") if name.strip()]
        ratings = numbers(read_table(table), names)
        iccs = icc(ratings)
        columns = dict(zip(names, ratings.T, strict=True))
        limits = {f"{a}~{b}": bland_altman(columns[a], columns[b]) for a, b in combinations(names, 2)}
        if json:
            found = {name: {"icc": one.icc, "ci95": [one.low, one.high]} for name, one in iccs.items()}
            _say_json(work, {"icc": found, "bland_altman": {pair: asdict(one) for pair, one in limits.items()}})
            return
        work.say(text_table(
            ["", "ICC", "95 % CI"],
            [[f"ICC({k})", f"{one.icc:.3f}", f"{one.low:.3f} to {one.high:.3f}"] for k, one in iccs.items()],
        ))  # fmt: skip
        work.say(text_table(
            ["Bland-Altman", "mean difference", "limits of agreement"],
            [[pair, f"{one.mean:.3f}", f"{one.lower:.3f} to {one.upper:.3f}"] for pair, one in limits.items()],
        ))  # fmt: skip


@evaluate.command()
def overlap(
    prediction: Annotated[Path, typer.Argument(metavar="PRED", help="A label map or .seg.nrrd.")],
    reference: Annotated[Path, typer.Argument(metavar="REF", help="The one it should be like, on the same grid.")],
    json: JsonOption = False,
) -> None:
    """Give Dice, average surface distances (both ways and symmetric) and 95 % Hausdorff distance, in mm."""
    with job() as work:
        from dataclasses import asdict

        from OsteoScreenLib.evaluation.masks import compare_masks
        from OsteoScreenLib.readers import read_labels

        grid = _grid(reference)
        truth, found = read_labels(reference, grid), read_labels(prediction, grid)
        rows = [asdict(row) for row in compare_masks(found.voxels, truth.voxels, grid.spacing)]
        if json:
            plain = [{key: _finite(value) for key, value in row.items()} for row in rows]
            _say_json(work, {"labels": {row.pop("name"): row for row in plain}})
            return
        heads = ["", "Dice", "ASD mm", "ASD back mm", "ASSD mm", "HD95 mm"]
        cells = [[row["name"], f"{row['dice']:.3f}", *(_dash(row[key]) for key in list(row)[2:])] for row in rows]
        work.say(text_table(heads, cells))


def _grid(path: Path) -> "Volume":
    """Return a label map's own grid, with whatever it holds."""
    from OsteoScreenLib.annotation.seg_nrrd import read_segmentation
    from OsteoScreenLib.errors import InputError
    from OsteoScreenLib.image_file import SEGMENTATION_SUFFIX
    from OsteoScreenLib.readers.files import is_image_file, reachable, read_image

    path = reachable(path)
    if not is_image_file(path):
        raise InputError(f"{path.name} is not a label map. Give a NIfTI, NRRD or MetaImage file.")
    if path.name.lower().endswith(SEGMENTATION_SUFFIX):
        return read_segmentation(path)
    return read_image(path)


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
    heads = ["score", "AUC", "95 % CI", "controls", "cut-off", "sensitivity", "specificity"]
    curves = []
    for name, curve in compared.curves.items():
        (low, high), best = curve.interval(), curve.youden()
        shown = [f"{best.threshold:.4g}", f"{best.sensitivity:.3f}", f"{best.specificity:.3f}"]
        curves.append([name, f"{curve.auc:.3f}", f"{low:.3f} to {high:.3f}", f"{curve.direction} cases", *shown])
    tests = [
        [f"{first} ~ {second}", f"{test.difference:+.3f}", f"{test.z:.3f}",
         f"{test.p:.4f}" if test.p >= 1e-4 else "< 0.0001"]
        for (first, second), test in compared.tests.items()
    ]  # fmt: skip
    text = text_table(heads, curves)
    return f"{text}\n{text_table(['DeLong', 'difference', 'z', 'p'], tests)}" if tests else text


def _say_json(work: Job, values: dict[str, Any]) -> None:
    from json import dumps

    work.say(dumps(values))


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _dash(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"


evaluate.command()(boxes)
