"""``osteoscreen drr``: the lateral or frontal film that a CT would have been."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from OsteoScreenLib.cli.job import job
from OsteoScreenLib.cli.options import InputArgument, SeriesOption


def drr(
    source: InputArgument,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The PNG to write.")],
    view: Annotated[Literal["lateral", "ap"], typer.Option(help="From the side, or from the front.")] = "lateral",
    series: SeriesOption = None,
) -> None:
    """Simulate a radiograph from a CT: parallel rays, 1 mm pixels, marked as simulated."""
    with job() as work:
        from OsteoScreenLib.radiographs.drr import simulated_film, write_film
        from OsteoScreenLib.readers import read_volume

        write_film(simulated_film(read_volume(source, series), view), output)
        work.say(f"Simulated {view} film: {output}")
