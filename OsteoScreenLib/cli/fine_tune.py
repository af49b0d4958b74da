"""``osteoscreen train segmentation DATASET --from MODEL``: what `train` does where a model and a dataset are given."""

from pathlib import Path
from typing import Any

from OsteoScreenLib.cli.job import Job


def fine_tune(
    work: Job,
    dataset: Path,
    parent: str,
    output: Path | None,
    run: Path,
    freeze_encoder: bool,
    given: dict[str, Any],
    device: str,
) -> None:
    """Fine-tune a model on a dataset and say what came of it; `given` are choices, None where nothing was said."""
    from OsteoScreenLib.annotation.dataset import open_dataset
    from OsteoScreenLib.models import own_models
    from OsteoScreenLib.training.fine_tuning import Choices
    from OsteoScreenLib.training.fine_tuning import fine_tune as run_it

    found = open_dataset(dataset)
    output = output or own_models() / dataset.resolve().name
    choices = Choices(
        freeze_encoder=freeze_encoder, **{name: value for name, value in given.items() if value is not None}
    )
    tuned = run_it(found, parent, output, run / output.name, choices, device, work.progress, work.cancelled)
    card = tuned.card
    work.say(f"{card.name} {card.version}, made from {card.parent}, with {card.cases} corrected cases: {output}")
    for name, before in card.measured.items():
        if name.endswith("_before"):
            name = name.removesuffix("_before")
            work.say(f"  {name}: {before:.3f} before, {card.measured[f'{name}_after']:.3f} after")
    for note in tuned.notes:
        work.say(f"Note: {note}")
    if output.parent.resolve() == own_models().resolve():
        work.say(f"To use it: osteoscreen models use {card.name}")


def stage_of(what: str, epochs: int | None, replay: float | None, freeze_encoder: bool) -> str:
    """Return the network to train from nothing. Raises `InputError` where that is not what was asked for."""
    from OsteoScreenLib.errors import InputError
    from OsteoScreenLib.model_choice import SEGMENTING

    if what not in SEGMENTING:
        raise InputError(f"{what} is none of {', '.join(SEGMENTING)}; to fine-tune on a dataset, add --from st-unet.")
    if epochs is not None or replay is not None or freeze_encoder:
        raise InputError("--epochs, --replay and --freeze-encoder are for fine-tuning; add --from MODEL and a dataset.")
    return what
