"""``osteoscreen train``: networks from synthetic and corrected data."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from OsteoScreenLib.cli.job import job
from OsteoScreenLib.cli.options import DeviceOption
from OsteoScreenLib.cli.train_films import trainer_of

train = typer.Typer(name="train", help="Train a network; a stopped run goes on where it was.", no_args_is_help=True)


@train.command()
def segmentation(
    what: Annotated[
        str,
        typer.Argument(
            metavar="locate|count|refine|DATASET",
            help="What finds the spine, counts levels, or outlines a body; with --from also a dataset of corrections.",
        ),
    ] = "refine",
    parent: Annotated[
        str | None, typer.Option("--from", metavar="MODEL", help="Go on from this model; st-unet, with a dataset.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="With a dataset: at most so many passes over the dataset; else 10.")
    ] = None,
    replay: Annotated[
        float | None, typer.Option(min=0.0, max=0.9, help="With a dataset: share of synthetic samples; else 0.5.")
    ] = None,
    freeze_encoder: Annotated[
        bool, typer.Option("--freeze-encoder", help="With a dataset: leave what looks at the image as it is.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="The model's folder; else models/STAGE, or among your own."),
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
    """Train one of the three segmentation networks on synthetic CT drawn on the fly, or fine-tune one on a dataset."""
    with job() as work:
        from OsteoScreenLib.cli.fine_tune import fine_tune, stage_of
        from OsteoScreenLib.device import choose
        from OsteoScreenLib.errors import InputError
        from OsteoScreenLib.model_choice import SEGMENTING
        from OsteoScreenLib.training.configuration import SMOKE, load_settings
        from OsteoScreenLib.training.segmentation import smoke_test
        from OsteoScreenLib.training.segmentation import train as fit

        if parent and smoke:
            raise InputError("--smoke trains from nothing; leave out --from.")
        if parent and what not in SEGMENTING:
            if config or steps or batch:
                raise InputError("--config, --steps and --batch are for training on synthetic CT, not on a dataset.")
            given = {"epochs": epochs, "replay": replay, "seed": seed, "workers": workers, "data": data}
            fine_tune(work, Path(what), parent, output, run, freeze_encoder, given, choose(device))
            return
        stage = stage_of(what, epochs, replay, freeze_encoder)
        if smoke:
            first, last = smoke_test(stage, SMOKE, choose(device), work.progress, work.cancelled)
            work.say(f"{stage}: in {SMOKE.steps} steps the loss fell from {first:.3f} to {last:.3f}")
            return
        settings = load_settings(config, steps=steps, batch=batch, workers=workers, seed=seed)
        output = output or Path("models") / stage
        card = fit(stage, output, run / stage, settings, data, choose(device), work.progress, work.cancelled, parent)
        work.say(f"{card.name} {card.version}: {output}")
        for name, value in card.measured.items():
            work.say(f"  {name}: {value:.3f}")


@train.command()
def detection(
    dataset: Annotated[
        Path,
        typer.Argument(metavar="DATASET", help="Slices with boxes: a COCO JSON, or a folder with annotations.json."),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="The model's folder.")] = Path(
        "models/detect"
    ),
    run: Annotated[Path, typer.Option(metavar="DIR", help="Checkpoints and the curve; taken up when there.")] = Path(
        "runs/detection"
    ),
    phantoms: Annotated[
        int | None, typer.Option(metavar="N", min=2, help="Draw N invented patients into DATASET first.")
    ] = None,
    cases: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Columns ct, labels, patient, t_score: cut their slices into DATASET first."),
    ] = None,
    t_scores: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Columns patient, t_score: the WHO's classes in place of categories."),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Times that each slice is seen, on average.")] = 100,
    batch: Annotated[int, typer.Option(min=1, help="Slices a step.")] = 9,
    backbone: Annotated[
        Literal["resnet10", "resnet50", "vgg16", "mobilenet"], typer.Option(help="What looks at the slices.")
    ] = "resnet10",
    attention: Annotated[Literal["ds", "sk", "se", "none"], typer.Option(help="Channel attention in it.")] = "ds",
    paper: Annotated[
        bool, typer.Option("--paper", help="The paper's sizes: 800 pixels, pyramid of 256 channels.")
    ] = False,
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="ImageNet or COCO weights to start the backbone from.")
    ] = None,
    soft_dice: Annotated[bool, typer.Option("--soft-dice", help="Add a soft Dice loss on the class scores.")] = False,
    workers: Annotated[int, typer.Option(min=0, help="Processes that read slices.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same training.")] = 0,
    device: DeviceOption = "auto",
) -> None:
    """Train the detector of bone status on slices; four patients of five are learned from, one is judged on."""
    with job() as work:
        from OsteoScreenLib.detection.dsnet import PAPER, SMALL
        from OsteoScreenLib.device import choose
        from OsteoScreenLib.errors import InputError
        from OsteoScreenLib.progress import part
        from OsteoScreenLib.safe_weights import read_weights
        from OsteoScreenLib.training.case_slices import write_case_slices
        from OsteoScreenLib.training.detection import Choices
        from OsteoScreenLib.training.detection import train as fit
        from OsteoScreenLib.training.phantom_slices import write_phantom_slices
        from OsteoScreenLib.training.slice_dataset import description_of, read_slices

        drawn = 0.3 if phantoms or cases else 0.0
        if phantoms and cases:
            raise InputError("Give --phantoms or --cases, not both: a model says which patients it has seen.")
        if cases:
            write_case_slices(dataset, cases, part(work.progress, 0.0, drawn), work.cancelled)
        if phantoms:
            write_phantom_slices(dataset, phantoms, seed, part(work.progress, 0.0, drawn), work.cancelled)
        card = fit(
            read_slices(dataset, t_scores),
            output,
            run,
            Choices(epochs=epochs, batch=batch, seed=seed, workers=workers, soft_dice=soft_dice),
            {**(PAPER if paper else SMALL), "backbone_name": backbone, "attention": attention},
            description_of(dataset),
            read_weights(weights) if weights else None,
            choose(device),
            part(work.progress, drawn, 1.0),
            work.cancelled,
        )
        work.say(f"{card.name} {card.version}: {output}")
        for name, value in card.measured.items():
            work.say(f"  {name}: {value}")


for _system in ("verte-x", "verte-x-vfa", "bone-texture", "knee"):
    train.command(_system)(trainer_of(_system))
