"""``osteoscreen dicom``: a screened case back into the study that its CT came from."""

from pathlib import Path
from typing import Annotated

import typer

from OsteoScreenLib.cli.job import job
from OsteoScreenLib.cli.options import SeriesOption


def dicom(
    case: Annotated[Path, typer.Argument(metavar="CASE", help="A folder that `screen` wrote.")],
    source: Annotated[
        Path, typer.Option(metavar="DICOM", help="The DICOM folder that it was made from, or one file of the series.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="The folder to write into.")],
    series: SeriesOption = None,
    signature: Annotated[
        list[Path] | None,
        typer.Option(metavar="MODEL.json", help="Also report the rad-score of this signature; may be given again."),
    ] = None,
) -> None:
    """Write a case as DICOM segmentation and structured report."""
    with job() as work:
        from OsteoScreenLib.dicom_export import FILES, export_dicom

        levels = export_dicom(case, source, output, series, tuple(signature or ()), work.progress, work.cancelled)
        work.say(f"{', '.join(levels)}: {', '.join(str(output / name) for name in FILES)}")
