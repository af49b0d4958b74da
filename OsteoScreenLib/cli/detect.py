"""``osteoscreen detect``: vertebral bodies and their bone status on axial slices."""

from pathlib import Path
from typing import Annotated

import typer

from OsteoScreenLib import RESEARCH_USE
from OsteoScreenLib.cli.job import job
from OsteoScreenLib.cli.options import DeviceOption, InputArgument, SeriesOption


def detect(
    source: InputArgument,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="The folder to write into.")],
    labels: Annotated[
        Path | None,
        typer.Option(metavar="LABELMAP", help="Follow these masks on the CT's grid instead of our own outlines."),
    ] = None,
    device: DeviceOption = "auto",
    series: SeriesOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print the vertebrae as one JSON object on stdout.")] = False,
) -> None:
    """Detect vertebral bodies on axial slices, with a bone status: tables, COCO boxes, a sheet of slices."""
    with job() as work:
        from OsteoScreenLib.detecting import SHEET, detect_case
        from OsteoScreenLib.detection.tables import vertebra_table

        found = detect_case(
            source,
            output,
            labels=labels,
            device=device,
            series=series,
            progress=work.progress,
            cancelled=work.cancelled,
        )
        rows = vertebra_table(found).to_dict("records")
        if json:
            from json import dumps

            work.say(
                dumps({"vertebrae": rows, "notes": found.notes, "research_use": RESEARCH_USE, "output": str(output)})
            )
            return
        for row in rows:
            work.say(
                f"{row['level']}  {row['status']:12s} {row['confidence']:4.0%} of the vote   "
                f"{row['agreeing']} of {row['slices']} slices agree"
            )
        for note in found.notes:
            work.say(f"Note: {note}")
        work.say(f"Slices: {output / SHEET}")
        work.say(f"{found.model.name}: trained on {found.model.trained_in_brief}. A CT class is not a T-score.")
        work.say(RESEARCH_USE)
