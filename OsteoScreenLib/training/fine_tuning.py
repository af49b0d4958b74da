"""Fine-tuning: the network that outlines bodies learns from corrected cases, and goes on seeing synthetic spines.

Without those it forgets what the corrected cases do not show (catastrophic forgetting); drawing old samples among the
new ones is called rehearsal or replay (Robins, Connection Science 1995; 7: 123).
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib import __version__
from OsteoScreenLib.annotation.dataset import Case, Dataset, Split
from OsteoScreenLib.annotation.splitting import planned_splits
from OsteoScreenLib.errors import InputError, ModelError
from OsteoScreenLib.evaluation.overlap import overlap
from OsteoScreenLib.levels import SCREENED, body_mask, levels_in, trabecular_mask
from OsteoScreenLib.model_choice import role_of
from OsteoScreenLib.models import CARD, NAME, ModelCard, find, load_weights, read_card, save_model
from OsteoScreenLib.phantoms import make_phantom
from OsteoScreenLib.progress import IsCancelled, Progress, never, part, silent, stop_if
from OsteoScreenLib.result import ModelUse
from OsteoScreenLib.segmentation.networks import trained
from OsteoScreenLib.segmentation.refine import outline, paint
from OsteoScreenLib.training.corrected_samples import (
    CorrectedVertebra,
    corrected_sample,
    corrected_vertebrae,
    is_whole,
)
from OsteoScreenLib.training.segmentation import outline_loss, outline_measures
from OsteoScreenLib.training.shapes import MeasuredVertebra, load_shapes
from OsteoScreenLib.training.trainer import Settings, Task, dense_task, fit
from OsteoScreenLib.training.vertebra_samples import vertebra_sample
from OsteoScreenLib.volume import Volume

if TYPE_CHECKING:
    import torch

ROLE = "refine"
STANDARD_SEED = 1_900_000
STANDARD_GRIDS = (
    ((110, 100, 160), (1.3, 1.3, 1.3)),
    ((140, 130, 70), (1.0, 1.0, 3.0)),
    ((140, 130, 42), (1.0, 1.0, 5.0)),
    ((96, 86, 140), (1.5, 1.5, 1.5)),
)
"""Voxels and mm (i, j, k) of the standard phantoms, in turn: lumbar spines of healthy people in faultless scans."""

HELD = 12
"""At most so many held-out vertebrae, and half as many synthetic ones, are looked at while it learns."""


@dataclass(frozen=True)
class Choices:
    """How to fine-tune: passes over the vertebrae, share of synthetic samples, what stays frozen, when to stop.

    `rate` is the peak learning rate; `patience` the passes without a better reading that end it; `data` a folder of
    measured shapes for the synthetic spines (`shapes.load_shapes`); `standard` how many standard phantoms tell what was
    forgotten.
    """

    epochs: int = 10
    replay: float = 0.5
    freeze_encoder: bool = False
    rate: float = 3e-4
    patience: int = 4
    seed: int = 0
    workers: int = 1
    data: Path | None = None
    standard: int = 4


@dataclass(frozen=True)
class Tuned:
    """A fine-tuned model's card, and what there is to say about it."""

    card: ModelCard
    notes: tuple[str, ...]


def fine_tune(
    dataset: Dataset,
    parent: str,
    output: Path,
    folder: Path,
    choices: Choices,
    device: str = "cpu",
    progress: Progress = silent,
    cancelled: IsCancelled = never,
) -> Tuned:
    """Go on training a model that outlines bodies on a dataset's reviewed cases, and write it as a new one.

    Patients of the split ``validation`` say when to stop, those of ``test`` are only looked at before and after; where
    no split was made yet a fifth of the patients validate. `output` becomes the model, with `parent` and how well both
    outline in its card; checkpoints and crops go to `folder`, where a stopped run of the same masks, parent and choices
    goes on. The parent stays as it is. Raises `InputError` where there is not enough to learn from, `ModelError`
    where the parent does not outline bodies or `output` is taken.
    """
    _check_free(output)
    card, weights = load_weights(parent)
    if role_of(card) != ROLE:
        raise ModelError(f"{card.name} does not outline bodies; fine-tune st-unet, or a model made from it.")
    cases = _by_split(dataset)
    progress(0.0, "Cutting out vertebrae")
    vertebrae = {split: corrected_vertebrae(cases[split], folder / "vertebrae") for split in ("train", "validation")}
    if not vertebrae["train"] or not vertebrae["validation"]:
        raise InputError(f"{dataset.folder} has no whole vertebra for training, or none for validation.")
    stop_if(cancelled)

    network = trained(card, weights).to(device)
    judged = [*cases["validation"], *cases["test"]]
    before = _figures(network, judged, choices.standard, device, part(progress, 0.02, 0.1), cancelled)
    if choices.freeze_encoder:
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(not name.startswith("encode"))
    shapes = load_shapes(choices.data) if choices.data else []
    settings = _settings(choices, len(vertebrae["train"]))
    task = _task(vertebrae["train"], vertebrae["validation"], shapes, choices)
    run = folder / _run_name(card, cases, choices)
    tuned = fit(network, task, settings, run, device, part(progress, 0.1, 0.92), cancelled)
    after = _figures(
        trained(card, tuned).to(device).eval(), judged, choices.standard, device, part(progress, 0.92, 1.0), cancelled
    )

    learned, use = cases["train"], ModelUse.of(card)
    patients = len({case.patient for case in learned})
    made = save_model(
        output,
        {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in tuned.items()},
        version=__version__,
        task=card.task,
        architecture=card.architecture,
        parameters=card.parameters,
        trained_on=(
            f"{len(learned)} corrected cases and, before that, {use.trained_in_brief} (fine-tuned from {card.name} "
            f"{card.version}; {patients} patients, {len(vertebrae['train'])} vertebrae, {choices.replay:.0%} of the "
            f"samples synthetic{', encoder frozen' if choices.freeze_encoder else ''}, {date.today().isoformat()}). "
            f"{card.name} itself: {card.trained_on}"
        ),
        measured={
            "validation_cases": len(cases["validation"]),
            "test_cases": len(cases["test"]),
            **{f"{name}_before": value for name, value in before.items()},
            **{f"{name}_after": value for name, value in after.items()},
        },
        intended_use=card.intended_use,
        licence=card.licence,
        sources=card.sources,
        role=ROLE,
        parent=card.in_full,
        cases=len(learned),
        patients=patients,
    )
    return Tuned(made, _notes(dataset, before, after))


def outlined(network: "torch.nn.Module", volume: Volume, truth: Volume, device: str) -> list[dict[str, float]]:
    """Outline each whole body of a label map and return its Dice, ``body_dice`` and ``trabecular_dice`` by level.

    The network is shown where each body is, so that what finds and names them is no part of the figures.
    """
    levels = [level for level in SCREENED if level in levels_in(truth.voxels) and is_whole(truth, level)]
    centres = [truth.to_ras(np.argwhere(body_mask(truth.voxels, level)).mean(0)[::-1]) for level in levels]
    bodies = outline(volume, centres, network, device)
    found = paint(volume, {level: body for level, body in zip(levels, bodies, strict=True) if body})
    return [
        {
            name: overlap(of(found, level), of(truth.voxels, level), volume.spacing).dice
            for name, of in (("body_dice", body_mask), ("trabecular_dice", trabecular_mask))
        }
        for level in levels
    ]


def standard_phantom(number: int) -> tuple[Volume, Volume]:
    """Return CT and true labels of a standard phantom: a lumbar spine that no training has drawn."""
    size, spacing = STANDARD_GRIDS[number % len(STANDARD_GRIDS)]
    phantom = make_phantom(STANDARD_SEED + number, size, spacing)
    return phantom.volume, phantom.labels


def _check_free(output: Path) -> None:
    """Raise `ModelError` for a name that no model can have, or that one has already: it is never replaced."""
    if not re.fullmatch(NAME, output.name):
        raise ModelError(f"{output.name!r} is no name for a model: letters, digits, dots and dashes alone; give -o.")
    try:
        taken = find(output.name)
    except ModelError:
        taken = output if (output / CARD).exists() else None
    if taken is not None:
        raise ModelError(f"There is a model named {read_card(taken).name} in {taken}; give the new one another name.")


def _by_split(dataset: Dataset) -> dict[Split, list[Case]]:
    reviewed = [case for case in dataset.cases if case.reviewed]
    found: dict[Split, list[Case]] = {"train": [], "validation": [], "test": []}
    found["test"] = [case for case in reviewed if case.split == "test"]
    rest = replace(dataset, cases=tuple(case for case in reviewed if case.split != "test"))
    planned = planned_splits(rest, validation=0.2, test=0.0)
    for case in rest.cases:
        found[planned[case.patient]].append(case)
    if not found["train"] or not found["validation"]:
        raise InputError(
            f"{dataset.folder} has {len(found['train'])} reviewed cases to learn from and {len(found['validation'])} "
            "to validate on; at least one patient of each kind is needed."
        )
    return found


def _run_name(card: ModelCard, cases: dict[Split, list[Case]], choices: Choices) -> str:
    """Return a name that is another one as soon as anything is that the weights come from."""
    masks = [f"{split} {case.id} {case.current.id}" for split, those in cases.items() for case in those]
    said = [card.sha256, repr(replace(choices, workers=0)), *masks]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:12]


def _settings(choices: Choices, vertebrae: int) -> Settings:
    steps = max(1, round(vertebrae / (1 - choices.replay)))
    return Settings(
        steps=choices.epochs * steps,
        batch=1,
        rate=choices.rate,
        seed=choices.seed,
        workers=choices.workers,
        checkpoint_every=max(1, steps // 2),
        validate_every=steps,
        patience=choices.patience,
    )


def _task(
    learned: Sequence[CorrectedVertebra],
    held: Sequence[CorrectedVertebra],
    shapes: Sequence[MeasuredVertebra],
    choices: Choices,
) -> Task:
    """Return what is learned; a reading is the better the more both the held-out people and synthetic spines agree."""
    spread = [held[n] for n in np.unique(np.linspace(0, len(held) - 1, min(HELD, len(held))).astype(int))]
    crops = [vertebra.crop() for vertebra in spread]
    kept: list[tuple[np.ndarray, np.ndarray]] = []

    def sample(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        if rng.random() < choices.replay:
            return vertebra_sample(rng, shapes)
        return corrected_sample(rng, learned)

    def validate(network: "torch.nn.Module", settings: Settings, device: str) -> dict[str, float]:
        import torch

        from OsteoScreenLib.segmentation.networks import normalise

        def measured(image: np.ndarray, classes: np.ndarray) -> dict[str, float]:
            return outline_measures(network(torch.from_numpy(image).to(device)), torch.from_numpy(classes).to(device))

        if not kept:
            seeds = range(HELD // 2)
            kept.extend(
                tuple(part[:1] for part in vertebra_sample(np.random.default_rng([20_000_003, n]), shapes))
                for n in seeds
            )
        own = [measured(normalise(hu)[None, None], classes[None]) for hu, classes in crops]
        old = [measured(image, classes) for image, classes in kept]
        figures = {f"own_{name}": float(np.nanmean([row[name] for row in own])) for name in own[0]}
        figures |= {f"synthetic_{name}": float(np.nanmean([row[name] for row in old])) for name in old[0]}
        return {**figures, "both": (figures["own_body_dice"] + figures["synthetic_body_dice"]) / 2}

    task = dense_task(ROLE, sample, outline_loss, outline_measures)
    return replace(task, validate=validate, best="both")


def _figures(
    network: "torch.nn.Module",
    judged: Sequence[Case],
    standard: int,
    device: str,
    progress: Progress,
    cancelled: IsCancelled,
) -> dict[str, float]:
    """Return mean Dice on the judged cases by split and on the standard phantoms."""
    sources = [(f"own_{case.split or 'validation'}", partial(case.read)) for case in judged]
    sources += [("phantoms", partial(standard_phantom, number)) for number in range(standard)]
    rows: dict[str, list[dict[str, float]]] = {}
    network.eval()
    for done, (kind, read) in enumerate(sources):
        stop_if(cancelled)
        progress(done / len(sources), "Judging how well it outlines")
        rows.setdefault(kind, []).extend(outlined(network, *read(), device))
    return {
        f"{kind}_{name}": round(float(np.mean([row[name] for row in found])), 4)
        for kind, found in rows.items()
        if found
        for name in found[0]
    }


def _notes(dataset: Dataset, before: dict[str, float], after: dict[str, float]) -> tuple[str, ...]:
    left_out = sum(not case.reviewed for case in dataset.cases)
    notes = [f"{left_out} cases wait for review and were left out."] if left_out else []
    for name in ("own_validation_body_dice", "phantoms_body_dice"):
        if name in before and after[name] < before[name] - 0.01:
            notes.append(f"It lost {before[name] - after[name]:.3f} of {name}: do not use it in place of its parent.")
    if after.get("own_validation_body_dice", 1.0) <= before.get("own_validation_body_dice", 0.0):
        notes.append("It outlines the held-out cases no better than its parent.")
    return tuple(notes)
