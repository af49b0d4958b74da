"""``osteoscreen signature``: fit a rad-score, and apply it."""

from json import dumps
from pathlib import Path
from typing import Annotated, Literal

import typer

from OsteoScreenLib.cli.job import job

signature = typer.Typer(
    name="signature", help="Fit a rad-score to features and labels, or apply one.", no_args_is_help=True
)

FeaturesArgument = Annotated[Path, typer.Argument(metavar="FEATURES.csv", help="A row per vertebra or patient.")]
LabelOption = Annotated[str, typer.Option(metavar="COLUMN", help="The column of labels: 1 and 0, or yes and no.")]
LabelsOption = Annotated[
    Path | None, typer.Option(metavar="CSV", help="A table with the label, joined by the columns that both have.")
]
GroupOption = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Who a row is of; else the column patient, else case.")
]
RoiOption = Annotated[str | None, typer.Option(help="Take the rows of this region: body or trabecular.")]
ExcludeOption = Annotated[str, typer.Option(metavar="A,B,…", help="Columns that are no features.")]
BatchOption = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Harmonise across the scanners in this column, with ComBat.")
]
RedundancyOption = Annotated[
    Literal["findCorrelation", "representative"], typer.Option(help="Which of correlated features stay.")
]
FoldsOption = Annotated[int, typer.Option(min=3, help="Folds of the LASSO's cross-validation.")]
KeepOption = Annotated[int, typer.Option(min=0, help="Features the random forest passes on; 0: all, and no forest.")]


@signature.command()
def fit(
    features: FeaturesArgument,
    label: LabelOption,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="MODEL.json", help="The signature to write.")],
    labels: LabelsOption = None,
    group: GroupOption = None,
    roi: RoiOption = None,
    exclude: ExcludeOption = "",
    batch: BatchOption = None,
    split: Annotated[
        Literal["none", "patient", "paper"],
        typer.Option(help="Hold out patients, or (paper) rows blind to patients; none learns from all rows."),
    ] = "none",
    test_share: Annotated[float, typer.Option(min=0.05, max=0.5, help="What a split holds out.")] = 0.3,
    scores: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Write the scores of all rows, too, with set train or test.")
    ] = None,
    correlation: Annotated[float, typer.Option(min=0.01, max=1.0, help="Beyond it features count as copies.")] = 0.9,
    redundancy: RedundancyOption = "findCorrelation",
    exact: Annotated[
        bool | None, typer.Option("--exact/--fast", help="How findCorrelation looks; else exact below 100 features.")
    ] = None,
    trees: Annotated[int, typer.Option(min=1, help="Trees of the random forest.")] = 500,
    keep: KeepOption = 30,
    folds: FoldsOption = 10,
    lambda_rule: Annotated[Literal["min", "1se"], typer.Option("--lambda", help="Which penalty is taken.")] = "min",
    resamples: Annotated[int, typer.Option(min=0, help="Bootstrap samples for intervals; 0: none.")] = 200,
    seed: Annotated[int, typer.Option(help="For folds, forest and split.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print the signature as one JSON object on stdout.")] = False,
) -> None:
    """Select features and fit a LASSO: the rad-score of Liu et al. 2024."""
    with job() as work:
        import numpy as np

        from OsteoScreenLib.labelled_table import read_table
        from OsteoScreenLib.output import staged_file
        from OsteoScreenLib.progress import stop_if
        from OsteoScreenLib.signature import rad_score
        from OsteoScreenLib.signature.labelled_features import join_labels, read_rows, take_features
        from OsteoScreenLib.splits import held_out

        work.progress(0.0, "Reading")
        rows = read_rows(features, roi)
        rows = join_labels(rows, read_table(labels)) if labels else rows
        apart = tuple(name.strip() for name in exclude.split(",") if name.strip())
        taken = take_features(rows, label, group=group, batch=batch, exclude=apart)
        test, warnings = held_out(split, taken.data.y, taken.data.groups, test_share, seed)
        training = taken.data.rows(~test)
        settings = rad_score.Settings(
            correlation=correlation, redundancy=redundancy, exact=exact, trees=trees, keep=keep, folds=folds,
            lambda_rule=lambda_rule, seed=seed,
        )  # fmt: skip
        work.progress(0.1, "Fitting")
        learned = training.blind_to_patients() if split == "paper" else training
        model = rad_score.fit(learned, settings, label=label, roi=roi, batch=batch)
        stop_if(work.cancelled)
        if resamples and model.features:
            work.progress(0.7, "Resampling")
            model = rad_score.with_doubt(model, learned, resamples)
        stop_if(work.cancelled)
        if scores:
            X = taken.data.X[:, [taken.data.names.index(name) for name in model.features]]
            table = rad_score.scores(model, X, taken.data.batches, taken.others)
            with staged_file(scores) as staged:
                table.assign(set=np.where(test, "test", "train")).to_csv(staged, index=False)
        rad_score.write(model, output)
        if json:
            work.say(model.model_dump_json())
            return
        for note in (*taken.notes, *warnings):
            work.say(f"Note: {note}")
        for name, weight in model.weights.items():
            work.say(f"{weight:+8.3f}  {name}")
        work.say(f"{len(model.features)} of {len(taken.data.names)} features from {len(training)} rows: {output}")


@signature.command()
def apply(
    model: Annotated[Path, typer.Argument(metavar="MODEL.json", help="A signature that `signature fit` wrote.")],
    features: FeaturesArgument,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="SCORES.csv", help="The table to write.")],
    prefix: Annotated[str, typer.Option(help="Goes before the names of the columns, as in body_rad_score.")] = "",
) -> None:
    """Write rad-score and probability of every row, beside the columns that are no features."""
    with job() as work:
        from OsteoScreenLib.labelled_table import numbers
        from OsteoScreenLib.output import staged_file
        from OsteoScreenLib.signature import rad_score
        from OsteoScreenLib.signature.doubt import INSIDE, UNKNOWN
        from OsteoScreenLib.signature.labelled_features import RADIOMICS, identities, read_rows

        fitted = rad_score.read(model)
        rows = read_rows(features, fitted.roi)
        X = numbers(rows, list(fitted.features))
        batches = identities(rows, fitted.batch) if fitted.batch else None
        others = [one for one in rows if one not in fitted.features and not RADIOMICS.search(str(one))]
        with staged_file(output) as staged:
            table = rad_score.scores(fitted, X, batches, rows[others], prefix)
            table.to_csv(staged, index=False)
        ranges = table[f"{prefix}training_range"]
        if (ranges == UNKNOWN).any():
            work.say(
                "Note: This signature was saved without the ranges of its features in training; fit it again for them."
            )
        elif (ranges != INSIDE).any():
            work.say(
                f"Caution: {(ranges != INSIDE).sum()} rows have features outside of the training range; see the table."
            )
        work.say(f"{len(rows)} rows: {output}")


@signature.command()
def validate(
    model: Annotated[Path, typer.Argument(metavar="MODEL.json", help="Its settings are validated, not its weights.")],
    features: FeaturesArgument,
    labels: LabelsOption = None,
    group: GroupOption = None,
    exclude: ExcludeOption = "",
    outer_folds: Annotated[int, typer.Option(min=2, help="Folds of patients held out in turn.")] = 5,
    repeats: Annotated[int, typer.Option(min=1, help="Times that is done, with other folds.")] = 1,
    resamples: Annotated[int, typer.Option(min=0, help="Bootstrap samples of the whole chain; 0: none.")] = 50,
    json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object on stdout.")] = False,
) -> None:
    """Fit the whole chain over and over, to see how far the rad-score can be believed on new patients."""
    with job() as work:
        from dataclasses import asdict

        from OsteoScreenLib.labelled_table import read_table
        from OsteoScreenLib.progress import part
        from OsteoScreenLib.signature import rad_score
        from OsteoScreenLib.signature.labelled_features import join_labels, read_rows, take_features
        from OsteoScreenLib.signature.validation import bootstrap_optimism, nested_cross_validation

        fitted = rad_score.read(model)
        rows = read_rows(features, fitted.roi)
        rows = join_labels(rows, read_table(labels)) if labels else rows
        apart = tuple(name.strip() for name in exclude.split(",") if name.strip())
        taken = take_features(rows, fitted.label, group=group, batch=fitted.batch, exclude=apart)
        first = part(work.progress, 0.0, 0.5 if resamples else 1.0)
        nested = nested_cross_validation(
            taken.data, fitted.settings, outer_folds, repeats, progress=first, cancelled=work.cancelled
        )
        boot = None
        if resamples:
            boot = bootstrap_optimism(
                taken.data, fitted.settings, resamples, progress=part(work.progress, 0.5, 1.0), cancelled=work.cancelled
            )
        if json:
            found = {"auc": nested.auc, "ci95": [nested.low, nested.high], "chosen": nested.chosen, "fits": nested.fits}
            work.say(dumps({"nested": found, "bootstrap": asdict(boot) if boot else None}))
            return
        for note in taken.notes:
            work.say(f"Note: {note}")
        work.say(f"Nested cross-validation: AUC {nested.auc:.3f} ({nested.low:.3f} to {nested.high:.3f})")
        if boot:
            work.say(f"On its own rows: AUC {boot.apparent:.3f}, of which optimism is {boot.optimism:.3f}")
            work.say(f"Bootstrap, corrected: AUC {boot.corrected:.3f} ({boot.low:.3f} to {boot.high:.3f})")
        for name, times in list(nested.chosen.items())[:15]:
            work.say(f"{times:4d} of {nested.fits} fits chose  {name}")
