"""``osteoscreen train``: networks from synthetic and corrected data."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from OsteoScreenLib.cli.job import job
from OsteoScreenLib.cli.options import DeviceOption

train = typer.Typer(name="train", help="Train a network; a stopped run goes on where it was.", no_args_is_help=True)


@train.callback()
def _group() -> None:
    """Keep ``segmentation`` a command of its own while it is the only one."""


@train.command()
def segmentation(
    stage: Annotated[
        Literal["locate", "count", "refine"],
        typer.Argument(help="What finds the spine, counts levels, outlines a body."),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="The model's folder, named as it.")],
    run: Annotated[Path, typer.Option(metavar="DIR", help="Checkpoints and the curve; taken up when there.")] = Path(
        "runs/segmentation"
    ),
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps, of two samples each.")] = 1500,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Label maps of vertebrae whose shapes join the analytic ones.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same training.")] = 0,
    device: DeviceOption = "auto",
) -> None:
    """Train one of the three segmentation networks on synthetic CT drawn on the fly."""
    with job() as work:
        from OsteoScreenLib.device import choose
        from OsteoScreenLib.training.segmentation import train as fit
        from OsteoScreenLib.training.trainer import Settings

        card = fit(
            stage,
            output,
            run / stage,
            Settings(steps=steps, seed=seed),
            data,
            choose(device),
            work.progress,
            work.cancelled,
        )
        work.say(f"{card.name} {card.version}: {output}")
        for name, value in card.measured.items():
            work.say(f"  {name}: {value:.3f}")
