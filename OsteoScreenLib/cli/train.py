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
        typer.Argument(help="What finds the spine, counts levels, or outlines a body."),
    ] = "refine",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="The model's folder; else models/STAGE.")
    ] = None,
    run: Annotated[Path, typer.Option(metavar="DIR", help="Checkpoints and the curve; taken up when there.")] = Path(
        "runs/segmentation"
    ),
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Settings as TOML (steps = 1500 ...); options here win.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Optimiser steps; 1500 where nothing is said.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Samples a step, each seen more than once.")] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes that draw samples.")] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Label maps of vertebrae whose shapes join the analytic ones.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Same seed, same training.")] = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="Two minutes, nothing kept: does it learn?")] = False,
    device: DeviceOption = "auto",
) -> None:
    """Train one of the three segmentation networks on synthetic CT drawn on the fly."""
    with job() as work:
        from OsteoScreenLib.device import choose
        from OsteoScreenLib.training.configuration import SMOKE, load_settings
        from OsteoScreenLib.training.segmentation import smoke_test
        from OsteoScreenLib.training.segmentation import train as fit

        if smoke:
            first, last = smoke_test(stage, SMOKE, choose(device), work.progress, work.cancelled)
            work.say(f"{stage}: in {SMOKE.steps} steps the loss fell from {first:.3f} to {last:.3f}")
            return
        settings = load_settings(config, steps=steps, batch=batch, workers=workers, seed=seed)
        output = output or Path("models") / stage
        card = fit(stage, output, run / stage, settings, data, choose(device), work.progress, work.cancelled)
        work.say(f"{card.name} {card.version}: {output}")
        for name, value in card.measured.items():
            work.say(f"  {name}: {value:.3f}")
