"""Training of the detector on slices with boxes."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from OsteoScreenLib import __version__
from OsteoScreenLib.bone_status import NAMES
from OsteoScreenLib.detection.slices import SIZE
from OsteoScreenLib.errors import InputError
from OsteoScreenLib.evaluation.boxes import BoxFigures, LabelledBoxes, compare_boxes
from OsteoScreenLib.models import ModelCard, save_model
from OsteoScreenLib.progress import IsCancelled, Progress, never, silent, stop_if
from OsteoScreenLib.training.slice_dataset import SliceImage, split_patients
from OsteoScreenLib.training.slice_samples import MARGIN
from OsteoScreenLib.training.trainer import Settings, Task, fit, sgd

if TYPE_CHECKING:
    import torch
    from torchvision.models.detection import FasterRCNN

RATE, BATCH, EPOCHS = 0.01, 9, 100
"""As in Xue et al. 2022."""

ROLE = "detect"
"""The shipped model that a trained one can be used in place of."""

WATCHED = 160
"""Held-out slices that the best weights are chosen by, evenly taken from all."""

SEEN = SIZE / (SIZE + 2 * MARGIN)
"""Share of a slice's sides that is cut out of it in training, so that bodies are seen anywhere."""

_BRIGHTNESS, _CONTRAST = 0.03, 0.04

Sample = tuple[np.ndarray, np.ndarray, np.ndarray]
"""A slice (3, row, column) in [0, 1], its boxes (n, 4) and their labels (n,)."""


@dataclass(frozen=True)
class Choices:
    """How the detector is trained, beyond what the network is.

    `epochs` times each slice is seen on average, `batch` slices a step, at a peak learning `rate`; held-out slices are
    read at least `readings` times on the way; `workers` are processes that read slices.
    """

    epochs: int = EPOCHS
    batch: int = BATCH
    rate: float = RATE
    seed: int = 0
    workers: int = 1
    readings: int = 10
    soft_dice: bool = False


def train(
    slices: Sequence[SliceImage],
    output: Path,
    folder: Path,
    choices: Choices,
    architecture: dict[str, Any],
    described: str,
    weights: "dict[str, torch.Tensor] | None" = None,
    device: str = "cpu",
    progress: Progress = silent,
    cancelled: IsCancelled = never,
) -> ModelCard:
    """Train a detector and write the model with the best mAP at IoU 0.5 on held-out patients to `output`.

    `architecture` holds the arguments of `dsnet.build`, `described` says what the slices are. Four patients of five are
    learned from; slices of one patient stay together. `weights` start the backbone. Checkpoints and the curve go to
    `folder`, and training goes on from there.
    """
    import torch

    from OsteoScreenLib.detection.dsnet import build, with_soft_dice

    learned, held_out = split_patients(slices, choices.seed)
    if not any(len(one.labels) for one in learned) or not any(len(one.labels) for one in held_out):
        raise InputError("No slice to learn from, or none held out, has a box; add annotated patients.")
    torch.manual_seed(choices.seed)
    network = build(**architecture, weights=weights)
    if choices.soft_dice:
        network = with_soft_dice(network)
    steps = max(1, choices.epochs * len(learned) // choices.batch)
    watch = max(1, min(len(learned) // choices.batch, steps // choices.readings))
    settings = Settings(
        steps, choices.batch, choices.rate, choices.seed, choices.workers, checkpoint_every=watch, validate_every=watch
    )
    best = fit(network, detection_task(learned, held_out), settings, folder, device, progress, cancelled)
    network.load_state_dict(best)
    figures = figures_of(network.to(device), held_out, device)
    return save_model(
        output,
        {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in best.items()},
        version=__version__,
        task="Find vertebral bodies on axial CT slices and tell normal, osteopenia and osteoporosis by their look.",
        architecture="DSNet",
        parameters=architecture,
        trained_on=f"{described} ({len(learned)} slices of {len({one.patient for one in learned})} patients, "
        f"{steps} steps of {choices.batch}, seed {choices.seed})",
        measured={
            "judged_on": described,
            "held_out_patients": len({one.patient for one in held_out}),
            **_finite(as_measured(figures)),
        },
        intended_use="Research use only. Cannot be used to rule out low bone density. A CT class is not a T-score.",
        licence="Apache-2.0",
        sources=(),
        role=ROLE,
    )


def detection_task(learned: Sequence[SliceImage], held_out: Sequence[SliceImage]) -> Task:
    """Return what a detector has to learn from some slices; it is watched on `WATCHED` of those held out."""
    watched = held_out[:: max(1, len(held_out) // WATCHED)]

    def sample(rng: np.random.Generator) -> Sample:
        one = learned[rng.integers(len(learned))]
        return varied(one.pixels(), one.boxes, one.labels, rng)

    def loss(network: "FasterRCNN", batch: list[Sample], device: str) -> "torch.Tensor":
        import torch

        from OsteoScreenLib.detection.dsnet import training_loss

        images = [torch.from_numpy(image).to(device) for image, _, _ in batch]
        targets = [
            {"boxes": torch.from_numpy(boxes).to(device), "labels": torch.from_numpy(labels + 1).to(device)}
            for _, boxes, labels in batch
        ]
        return training_loss(network, images, targets)

    def validate(network: "FasterRCNN", settings: Settings, device: str) -> dict[str, float]:
        return as_measured(figures_of(network, watched, device))

    return Task("detection", sample, loss, validate, collate=list, optimizer=sgd, best="map50")


def varied(image: np.ndarray, boxes: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> Sample:
    """Return a slice cut to `SEEN` of its sides somewhere, mirrored half of the time, slightly brighter or darker.

    Boxes of which less than 60 % of the area is left are no longer asked for.
    """
    rows, columns = (round(SEEN * n) for n in image.shape[1:])
    top, left = (int(rng.integers(0, n - seen + 1)) for n, seen in zip(image.shape[1:], (rows, columns), strict=True))
    image = image[:, top : top + rows, left : left + columns]
    moved = boxes - np.float32([left, top, left, top])
    bounds = np.float32([image.shape[2], image.shape[1]] * 2)
    cut = np.clip(moved, 0, bounds)
    area, rest = ((b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]) for b in (moved, cut))
    kept = rest > 0.6 * area
    cut = cut[kept]
    if rng.random() < 0.5:
        image = image[:, :, ::-1]
        cut = np.stack([bounds[0] - cut[:, 2], cut[:, 1], bounds[0] - cut[:, 0], cut[:, 3]], axis=1)
    image = image * np.float32(1 + rng.normal(0, _CONTRAST)) + np.float32(rng.normal(0, _BRIGHTNESS))
    return np.ascontiguousarray(np.clip(image, 0, 1)), np.ascontiguousarray(cut), labels[kept]


def figures_of(network: "FasterRCNN", slices: Sequence[SliceImage], device: str) -> BoxFigures:
    """Return how a detector does on some slices."""
    found, truth = predictions(network, slices, device)
    return compare_boxes(found, truth, len(NAMES))


def predictions(
    network: "FasterRCNN",
    slices: Sequence[SliceImage],
    device: str,
    progress: Progress = silent,
    cancelled: IsCancelled = never,
) -> tuple[list[LabelledBoxes], list[LabelledBoxes]]:
    """Return what a detector finds in each slice, one box for each class that it considers, and what is there.

    A slice is scaled as the parts that are cut out of it in training are.
    """
    from OsteoScreenLib.detection.dsnet import SCORED_FROM, predict

    found = []
    learned_at = network.transform.min_size
    network.transform.min_size = tuple(round(size / SEEN) for size in learned_at)
    try:
        for number, one in enumerate(slices):
            stop_if(cancelled)
            progress(number / len(slices), "Looking at slices")
            (seen,) = predict(network, one.pixels()[None], device)
            body, status = np.nonzero(seen.scores >= SCORED_FROM)
            found.append(LabelledBoxes(seen.corners[body], status, seen.scores[body, status]))
    finally:
        network.transform.min_size = learned_at
    return found, [LabelledBoxes(one.boxes, one.labels) for one in slices]


def as_measured(figures: BoxFigures) -> dict[str, float]:
    """Return the figures by name, without the confusion matrix."""
    plain = {name: value for name, value in asdict(figures).items() if name != "confusion"}
    return {**plain, "class_accuracy": figures.class_accuracy}


def _finite(figures: dict[str, float]) -> dict[str, float | None]:
    return {name: round(value, 4) if np.isfinite(value) else None for name, value in figures.items()}
