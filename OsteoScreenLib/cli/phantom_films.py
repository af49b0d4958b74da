"""``osteoscreen phantom-films``: invented films for each radiograph system, to try training on."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from OsteoScreenLib.cli.job import job


def phantom_films(
    system: Annotated[Literal["verte-x", "bone-texture", "knee"], typer.Argument(help="Whose films.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="A new folder.")],
    count: Annotated[int, typer.Option("-n", "--count", min=2, help="Films, half of them ill.")] = 120,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same films.")] = 0,
) -> None:
    """Draw films of invented patients, a folder for each class and a table; the same seed draws the same ones."""
    with job() as work:
        from OsteoScreenLib.radiographs.systems import system as find_system
        from OsteoScreenLib.training.phantom_films import TABLE, write_phantom_films

        write_phantom_films(output, find_system(system), count, seed, work.progress, work.cancelled)
        work.say(f"{count} synthetic films: {output}; table with age, sex and BMI: {output / TABLE}")
