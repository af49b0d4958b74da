"""``osteoscreen dataset``: corrected cases, kept for training, passed on in other people's formats."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from OsteoScreenLib.cli.job import job
from OsteoScreenLib.cli.options import DeviceOption

if TYPE_CHECKING:
    from OsteoScreenLib.annotation.interrater import Agreement

dataset = typer.Typer(name="dataset", help="Keep corrected cases as training data.", no_args_is_help=True)

DatasetArgument = Annotated[Path, typer.Argument(metavar="DATASET", help="The dataset's folder.")]
DatasetOption = Annotated[Path, typer.Option("-d", "--dataset", metavar="DATASET", help="The dataset's folder.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object on stdout.")]


@dataset.command()
def add(
    cases: Annotated[
        list[Path],
        typer.Argument(metavar="CASE…", help="Result folders of 'osteoscreen screen', or CT LABELMAP, or CT RESULT."),
    ],
    folder: DatasetOption,
    reader: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who corrected the masks; a pseudonym will do.")
    ] = None,
    adjudicated: Annotated[
        bool, typer.Option("--adjudicated", help="The masks settle what readers disagreed on, and count from now on.")
    ] = False,
    as_proposal: Annotated[
        bool, typer.Option("--as-proposal", help="Nobody has looked at the masks: they are to be reviewed.")
    ] = False,
    proposal: Annotated[
        Path | None, typer.Option(metavar="LABELMAP", help="What the mask was corrected from; for one case.")
    ] = None,
    patient: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Whose CTs these are, where no DICOM header says; kept as a pseudonym alone."),
    ] = None,
    series: Annotated[str | None, typer.Option(metavar="UID|NUMBER", help="Which series of a DICOM folder.")] = None,
    json: JsonOption = False,
) -> None:
    """Add cases to a dataset, which is begun where there is none. Only what the work needs is kept of them.

    Several people and machines may add at the same time. A further mask of a known CT is kept beside the others.
    """
    with job() as work:
        from OsteoScreenLib.annotation.index import write_index
        from OsteoScreenLib.annotation.submission import sources, submit
        from OsteoScreenLib.errors import Cancelled, InputError, OsteoScreenError
        from OsteoScreenLib.progress import stop_if

        given = sources(cases)
        if adjudicated and as_proposal:
            raise InputError("Masks are either adjudicated or a proposal; give one of both options.")
        if proposal and len(given) > 1:
            raise InputError(f"--proposal belongs to one case, and there are {len(given)}; add them one by one.")
        role: Literal["adjudicated", "proposal"] | None = (
            "adjudicated" if adjudicated else "proposal" if as_proposal else None
        )
        added, refused = [], []
        for number, source in enumerate(given):
            stop_if(work.cancelled)
            work.progress(number / len(given), f"Adding {source.masks.name}")
            try:
                one = submit(
                    source, folder, reader=reader, role=role, proposal=proposal, patient=patient, series=series
                )
            except Cancelled:
                raise
            except OsteoScreenError as error:
                refused.append(f"{source.masks.name}: {error}")
                continue
            added.append(one)
            if not json:
                what = "new" if one.new_case else "new mask" if one.new_mask else "there already"
                work.say(f"{one.case.id}  {one.case.patient}  {what}")
        if added:
            write_index(folder)
        if json:
            from json import dumps

            said = [
                {"case": one.case.id, "patient": one.case.patient, "mask": one.mask_id, "new": one.new_mask}
                for one in added
            ]
            work.say(dumps({"added": said, "refused": refused}))
        if refused:
            rest = "" if len(given) == 1 else f"{len(refused)} of {len(given)} cases were not added, the first "
            raise InputError(f"{rest}{refused[0]}")


@dataset.command("list")
def list_cases(folder: DatasetArgument, json: JsonOption = False) -> None:
    """List the cases of a dataset and what has been decided about them."""
    with job() as work:
        from OsteoScreenLib.annotation.dataset import open_dataset
        from OsteoScreenLib.annotation.index import as_text, rows
        from OsteoScreenLib.cli.text_table import text_table

        opened = open_dataset(folder)
        found = rows(opened)
        if json:
            from json import dumps

            work.say(dumps({"cases": found}))
            return
        shown = ("case", "patient", "split", "role", "reader", "masks", "reviewed", "added")
        work.say(text_table(shown, [[as_text(row)[name] for name in shown] for row in found], left=5))
        reviewed = sum(case.reviewed for case in opened.cases)
        work.say(f"{len(found)} cases of {len(opened.patients)} patients; {reviewed} reviewed.")


@dataset.command()
def check(folder: DatasetArgument, json: JsonOption = False) -> None:
    """Look for damage, copies, patients in two splits, and for anything that tells whose a CT is."""
    with job() as work:
        from OsteoScreenLib.annotation.checking import check as run
        from OsteoScreenLib.errors import InputError

        found = run(folder, work.progress, work.cancelled)
        if json:
            from dataclasses import asdict
            from json import dumps

            work.say(dumps(asdict(found)))
        else:
            for problem in found.problems:
                work.say(f"{problem.kind}: {problem.place}: {problem.text}")
        if found.problems:
            raise InputError(f"{folder} has {len(found.problems)} problems in {found.cases} cases.")
        if not json:
            work.say(f"{found.cases} cases are as they were added; {found.files} files hold nothing that identifies.")


@dataset.command()
def split(
    folder: DatasetArgument,
    validation: Annotated[float, typer.Option(min=0, max=1, help="Share of patients to choose settings with.")] = 0.15,
    test: Annotated[float, typer.Option(min=0, max=1, help="Share of patients to test on, once.")] = 0.15,
    json: JsonOption = False,
) -> None:
    """Say once and for all of every new patient whether to learn from, validate on or test on; earlier words stay."""
    with job() as work:
        from OsteoScreenLib.annotation.dataset import open_dataset
        from OsteoScreenLib.annotation.index import write_index
        from OsteoScreenLib.annotation.splitting import assign_splits

        found = assign_splits(open_dataset(folder), validation, test)
        opened = write_index(folder)
        names = ("train", "validation", "test")
        counts = {
            name: (sum(one == name for one in found.values()), sum(case.split == name for case in opened.cases))
            for name in names
        }
        if json:
            from json import dumps

            counted = {name: {"patients": patients, "cases": cases} for name, (patients, cases) in counts.items()}
            work.say(dumps({"patients": found, "counts": counted}))
            return
        for name, (patients, cases) in counts.items():
            work.say(f"{name}: {patients} patients, {cases} cases")


@dataset.command("next")
def next_cases(
    folder: DatasetArgument,
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="How many cases to name.")] = 5,
    quick: Annotated[
        bool, typer.Option("--quick", help="Go by what is known already; no network looks at the masks again.")
    ] = False,
    device: DeviceOption = "auto",
    json: JsonOption = False,
) -> None:
    """Name the cases that most need a review, and say why: the masks that are most in doubt first."""
    with job() as work:
        from OsteoScreenLib.annotation.dataset import CT, LABELS, open_dataset
        from OsteoScreenLib.annotation.queue import look_at_all, queue

        opened = open_dataset(folder)
        looks = None if quick else look_at_all(opened, device, work.progress, work.cancelled)
        waiting = queue(opened, looks)
        if json:
            from json import dumps

            named = [
                {
                    "case": one.case.id,
                    "score": one.score,
                    "why": one.reasons,
                    "ct": str(one.case.folder / CT),
                    "labels": str(one.case.current.folder / LABELS),
                }
                for one in waiting[:count]
            ]
            work.say(dumps({"waiting": len(waiting), "next": named}))
            return
        for one in waiting[:count]:
            work.say(f"{one.case.id}  {one.score:.2f}  {'; '.join(one.reasons)}")
        work.say(f"{len(waiting)} of {len(opened.cases)} cases wait for a review.")


@dataset.command()
def agreement(
    folder: DatasetArgument,
    readers: Annotated[
        str | None, typer.Option(metavar="A,B,…", help="The readers to compare; needless where there are two.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="CSV", help="Write a row per vertebra and part here.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Compare readers who outlined the same cases: Dice, ASSD, and the ICC of volume and HU with its interval."""
    with job() as work:
        from dataclasses import asdict

        from OsteoScreenLib.annotation.dataset import open_dataset
        from OsteoScreenLib.annotation.interrater import PARTS, interrater
        from OsteoScreenLib.cli.text_table import text_table

        names = [name.strip() for name in readers.split(",") if name.strip()] if readers else None
        found = interrater(open_dataset(folder), names, work.progress, work.cancelled)
        if output:
            import pandas as pd

            from OsteoScreenLib.output import staged_file

            with staged_file(output) as staged:
                pd.DataFrame([asdict(one) for one in found.readings]).to_csv(staged, index=False)
        if json:
            work.say(_agreement_json(found))
            return
        work.say(f"{', '.join(found.readers)}: {found.cases} cases, {found.vertebrae} vertebrae outlined by all")
        means = [[part, *(f"{found.mean(part, one):.3f}" for one in ("dice", "assd_mm", "hd95_mm"))] for part in PARTS]
        work.say(text_table(["mean", "Dice", "ASSD mm", "HD95 mm"], means))
        rows = [
            [f"{part} {measure}", kind, f"{one.icc:.3f}", f"{one.low:.3f} to {one.high:.3f}"]
            for (part, measure), both in found.icc.items()
            for kind, one in both.items()
        ]
        work.say(text_table(["ICC of", "kind", "ICC", "95 % CI"], rows, left=2))
        limits = [
            [f"{part} {measure}", f"{one.mean:.3f}", f"{one.lower:.3f} to {one.upper:.3f}"]
            for (part, measure), one in found.limits.items()
        ]
        work.say(text_table(["Bland-Altman", "mean difference", "limits of agreement"], limits))


@dataset.command()
def export(
    folder: DatasetArgument,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="A new folder to write into.")],
    kind: Annotated[
        Literal["nnunet", "monai", "coco", "bids"],
        typer.Option("--format", help="nnU-Net v2, MONAI's Decathlon lists, COCO slices, or BIDS."),
    ],
    json: JsonOption = False,
) -> None:
    """Write the reviewed cases in another format: equal voxels, equal geometry, equal splits."""
    with job() as work:
        from OsteoScreenLib.annotation.dataset import open_dataset
        from OsteoScreenLib.annotation.exports.formats import FORMATS

        made = FORMATS[kind].write(open_dataset(folder), output, work.progress, work.cancelled)
        if json:
            from json import dumps

            work.say(dumps({"cases": made.cases, "left_out": made.left_out, "output": str(output)}))
            return
        waiting = f"; {made.left_out} left out, which nobody has reviewed" if made.left_out else ""
        work.say(f"{made.cases} cases{waiting}: {output}")


@dataset.command()
def rebuild(folder: DatasetArgument) -> None:
    """Make the index again from the folders: exactly the cases that were added to their end."""
    with job() as work:
        from OsteoScreenLib.annotation.dataset import INDEX
        from OsteoScreenLib.annotation.index import write_index

        work.say(f"{len(write_index(folder).cases)} cases: {folder / INDEX}")


def _agreement_json(found: "Agreement") -> str:
    from dataclasses import asdict
    from json import dumps

    plain = [
        {key: None if isinstance(value, float) and value != value else value for key, value in asdict(one).items()}
        for one in found.readings
    ]
    iccs = {
        f"{part}_{measure}": {kind: {"icc": one.icc, "ci95": [one.low, one.high]} for kind, one in both.items()}
        for (part, measure), both in found.icc.items()
    }
    limits = {f"{part}_{measure}": asdict(one) for (part, measure), one in found.limits.items()}
    return dumps(
        {
            "readers": found.readers,
            "cases": found.cases,
            "vertebrae": found.vertebrae,
            "icc": iccs,
            "bland_altman": limits,
            "readings": plain,
        }
    )
