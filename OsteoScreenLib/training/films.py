"""Training of the radiographs' networks on films, and their test on patients that were held out."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib import __version__
from OsteoScreenLib.errors import ModelError
from OsteoScreenLib.evaluation.classification import Classification, classify
from OsteoScreenLib.evaluation.roc import roc
from OsteoScreenLib.models import ModelCard, save_model
from OsteoScreenLib.output import staged_file
from OsteoScreenLib.progress import IsCancelled, Progress, never, silent, stop_if
from OsteoScreenLib.radiographs.clinical import fit_clinical
from OsteoScreenLib.radiographs.film import read_film
from OsteoScreenLib.radiographs.pretrained import Start, begin_with
from OsteoScreenLib.radiographs.systems import Recipe, System, Variation, ill_logit
from OsteoScreenLib.splits import held_out_patients, held_out_rows, on_both_sides
from OsteoScreenLib.training.pictures import Picture
from OsteoScreenLib.training.trainer import Settings, Task, fit

if TYPE_CHECKING:
    import torch

LEARN_SHARE, WATCHED_SHARE = 0.7, 0.15
"""Shares of the films: not held out until the end, and of these the ones that the best weights are chosen on."""

PAPER_LOOKS = 2
"""Varied looks at each film in the paper's order; the knee paper says that they come before the split, not how many."""


@dataclass(frozen=True, eq=False)
class Films:
    """Prepared films (n, row, column) in [0, 1], memory-mapped float16, and what is known of each."""

    images: np.ndarray
    pictures: tuple[Picture, ...]

    @property
    def ill(self) -> np.ndarray:
        """Whether each film is of the ill class (n,)."""
        return np.array([one.ill for one in self.pictures])

    @property
    def patients(self) -> np.ndarray:
        """Whose each film is (n,)."""
        return np.array([one.patient for one in self.pictures])

    def take(self, chosen: np.ndarray) -> "Films":
        """Return the films where `chosen` (n,) is true."""
        places = np.flatnonzero(chosen)
        return Films(self.images[places], tuple(self.pictures[n] for n in places))


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained system: its card, and how it does on the films held out, with their scores (n,) in [0, 1].

    `seconds_for_10_epochs` is None where nothing was left to be learned.
    """

    card: ModelCard
    test: Films
    scores: np.ndarray
    result: Classification
    seconds_for_10_epochs: float | None
    warnings: tuple[str, ...] = ()


def prepare_films(
    pictures: Sequence[Picture],
    system: System,
    folder: Path,
    progress: Progress = silent,
    cancelled: IsCancelled = never,
) -> Films:
    """Prepare films as a system takes them, once: they stay in `folder` for the next start."""
    named = "\n".join([system.name, *(str(one.path.resolve()) for one in pictures)])
    kept = folder / f"films-{hashlib.sha256(named.encode()).hexdigest()[:16]}.npy"
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        images = []
        for number, picture in enumerate(pictures):
            stop_if(cancelled)
            progress(number / len(pictures), f"Preparing film {number + 1} of {len(pictures)}")
            images.append(system.prepare(read_film(picture.path).pixels).astype(np.float16))
        with staged_file(kept) as staged, staged.open("wb") as file:
            np.save(file, np.stack(images))
    return Films(np.load(kept, mmap_mode="r"), tuple(pictures))


@dataclass(frozen=True)
class Choices:
    """What a person chooses of a training; None is as the paper says.

    `learn_share` of the films are learned from, the others tested on. With `paper_order`, films are varied before they
    are split, and split film by film (`_in_paper_order`).
    """

    network: str | None = None
    epochs: int | None = None
    seed: int = 0
    workers: int = 1
    learn_share: float = LEARN_SHARE
    paper_order: bool = False
    start: Start | None = None
    recipe: Recipe | None = None


@dataclass(frozen=True, eq=False)
class Split:
    """Films held out until the end, those that choose weights and threshold, those that are learned from.

    `warnings` say how the first may flatter the network.
    """

    test: Films
    watched: Films
    learned: Films
    warnings: tuple[str, ...] = ()


def split_films(system: System, films: Films, choices: Choices) -> Split:
    """Split films by patient and stratified by class, or as the paper did, which leaks."""
    if choices.paper_order:
        return _in_paper_order(system, films, choices)
    tested = held_out_patients(films.ill, films.patients, 1 - choices.learn_share, choices.seed)
    test, rest = films.take(tested), films.take(~tested)
    watched = held_out_patients(rest.ill, rest.patients, WATCHED_SHARE, choices.seed + 1)
    return Split(test, rest.take(watched), rest.take(~watched))


def _in_paper_order(system: System, films: Films, choices: Choices) -> Split:
    """Vary films first, then split all of them at random: looks at one film then stand on both sides."""
    rng = np.random.default_rng([choices.seed, 5])
    looks = [films.images] + [
        np.stack([varied(np.asarray(image, np.float32), system.variation, rng) for image in films.images]).astype(
            np.float16
        )
        for _ in range(PAPER_LOOKS)
    ]
    every = Films(np.concatenate(looks), films.pictures * len(looks))
    whose = np.tile(np.arange(len(films.pictures)), len(looks))
    tested = held_out_rows(every.ill, 1 - choices.learn_share, choices.seed)
    both = on_both_sides(whose, tested)
    warning = (
        f"As in the paper, films were varied before the split: of {both} of {len(films.pictures)} films, one look was "
        "learned from and another tested on. The test result is flattered; it says nothing of new patients."
    )
    test, rest = every.take(tested), every.take(~tested)
    watched = held_out_rows(rest.ill, WATCHED_SHARE, choices.seed + 1)
    return Split(test, rest.take(watched), rest.take(~watched), (warning,))


def fitted(
    system: System,
    split: Split,
    folder: Path,
    choices: Choices,
    device: str = "cpu",
    progress: Progress = silent,
    cancelled: IsCancelled = never,
) -> "torch.nn.Module":
    """Return a system's network trained on the films learned from, with the weights of the best AUC on those watched.

    The weights have half precision, as they are saved. Checkpoints and the curve go to `folder`.
    """
    import torch

    torch.manual_seed(choices.seed)
    _, network, published = system.network(choices.network)
    if choices.start:
        begin_with(network, choices.start)
    recipe = choices.recipe or published
    learned = split.learned
    batch = min(recipe.batch, len(learned.pictures))
    each = max(1, len(learned.pictures) // batch)
    steps = each * (choices.epochs or recipe.epochs)
    settings = Settings(
        steps, batch, recipe.rate, choices.seed, choices.workers, each, each, patience=recipe.patience
    )  # fmt: skip
    looks = Variation(rotation=0) if choices.paper_order else system.variation
    task = _task(replace(system, variation=looks), learned, split.watched, recipe)
    weights = fit(network, task, settings, folder, device, progress, cancelled)
    network.load_state_dict({key: t.half() if t.is_floating_point() else t for key, t in weights.items()})
    return network.to(device).eval()


def train(
    system: System,
    films: Films,
    output: Path,
    folder: Path,
    choices: Choices,
    device: str = "cpu",
    progress: Progress = silent,
    cancelled: IsCancelled = never,
) -> Trained:
    """Train a system's network on films, write the model to `output`, and test it on films held out.

    The threshold is that of the films watched, by Youden, midway between two scores. Where age, sex or BMI is known and
    the system takes it, a logistic layer over them and the logit is fitted on these films (`clinical`). Raises
    `ModelError` where the network has learned nothing.
    """
    name, _, recipe = system.network(choices.network)
    split = split_films(system, films, choices)
    epochs = choices.epochs or (choices.recipe or recipe).epochs
    watch = _Watch(progress)
    network = fitted(system, split, folder, choices, device, watch, cancelled)
    seconds = watch.seconds_per_whole and 10 * watch.seconds_per_whole / epochs

    test, watched, learned = split.test, split.watched, split.learned
    watched_logits, test_logits = logits(network, watched.images, device), logits(network, test.images, device)
    if np.ptp(watched_logits) == 0 or np.ptp(test_logits) == 0:
        raise ModelError(
            f"{name} says the same of every film: it has learned nothing. Train it longer or on more films."
        )
    clinical = _clinical(watched, watched_logits) if system.clinical else None
    score = partial(_scores, clinical=clinical)
    best = roc(watched.ill, score(watched, watched_logits), "<").youden().threshold
    threshold = best if np.isfinite(best) else 0.5
    scores = score(test, test_logits)
    result = classify(test.ill, scores, threshold)
    begun = f" It started from {choices.start.source}." if choices.start else ""
    card = save_model(
        output,
        {key: t.half() if t.is_floating_point() else t for key, t in network.state_dict().items()},
        version=__version__,
        task=f"Tell {system.classes[1]} from {system.classes[0]} on films, as {system.name} does.",
        architecture=name,
        parameters={"system": system.name, "threshold": threshold, "clinical": clinical and asdict(clinical)},
        trained_on=(
            f"{len(learned.pictures)} films of {len(set(learned.patients))} patients, "
            f"at most {epochs} epochs, seed {choices.seed}; {len(watched.pictures)} more chose the weights and the "
            f"threshold.{begun}"
        ),
        measured={
            "test_films": len(test.pictures), **result.as_values(),
            "seconds_for_10_epochs": seconds and round(seconds, 1),
            **({"warnings": list(split.warnings)} if split.warnings else {}),
        },
        intended_use="Research use only. Cannot be used to rule out low bone density.",
        licence="Apache-2.0",
        sources=(),
    )  # fmt: skip
    return Trained(card, test, scores, result, seconds, split.warnings)


class _Watch:
    """Passes progress on, and measures how long the whole would take, however much of it was done."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._told: list[tuple[float, float]] = []

    def __call__(self, fraction: float, message: str) -> None:
        self._told.append((time.monotonic(), fraction))
        self._progress(fraction, message)

    @property
    def seconds_per_whole(self) -> float | None:
        """Seconds for a fraction of 1; None where less than two steps were done."""
        if len(self._told) < 2:
            return None
        (start, first), (end, last) = self._told[0], self._told[-1]
        return (end - start) / (last - first)


def _task(system: System, learned: Films, watched: Films, recipe: Recipe) -> Task:
    """Return what a network has to learn from some films; it is watched on others."""
    import torch

    ill = learned.ill
    share = system.ill_share or float(ill.mean())
    cases, controls = np.flatnonzero(ill), np.flatnonzero(~ill)
    weight = torch.tensor(len(controls) / len(cases)) if system.ill_share is None else torch.tensor(1.0)

    def sample(rng: np.random.Generator) -> tuple[np.ndarray, np.float32]:
        one = rng.choice(cases if rng.random() < share else controls)
        return varied(np.asarray(learned.images[one], np.float32), system.variation, rng), np.float32(ill[one])

    def loss(network: "torch.nn.Module", batch: "list[torch.Tensor]", device: str) -> "torch.Tensor":
        image, wanted = (part.to(device) for part in batch)
        found = ill_logit(network(as_channels(image)))
        return torch.nn.functional.binary_cross_entropy_with_logits(found, wanted, pos_weight=weight.to(device))

    def validate(network: "torch.nn.Module", settings: Settings, device: str) -> dict[str, float]:
        return {"auc": area(watched.ill, logits(network, watched.images, device))}

    def optimiser(parameters, rate: float) -> "torch.optim.Optimizer":
        if recipe.optimiser == "adam":
            return torch.optim.Adam(parameters, lr=rate, weight_decay=recipe.weight_decay)
        return torch.optim.SGD(parameters, lr=rate, momentum=recipe.momentum, weight_decay=recipe.weight_decay)

    return Task(system.name, sample, loss, validate, optimizer=optimiser, best="auc")


def varied(image: np.ndarray, variation: Variation, rng: np.random.Generator) -> np.ndarray:
    """Return a film (row, column) as another look at it would be: turned, moved, mirrored, brighter, noisier."""
    import torch
    from torchvision.transforms.v2 import functional

    v = variation
    turned = functional.affine(
        torch.from_numpy(image)[None],
        angle=float(rng.uniform(-v.rotation, v.rotation)),
        translate=[int(rng.uniform(-v.shift, v.shift) * n) for n in image.shape[::-1]],
        scale=float(1 + rng.uniform(-v.zoom, v.zoom)),
        shear=[0.0],
        interpolation=functional.InterpolationMode.BILINEAR,
    )[0].numpy()
    if v.mirrored and rng.random() < 0.5:
        turned = turned[:, ::-1]
    if v.upside_down and rng.random() < 0.5:
        turned = turned[::-1]
    brighter = 1 + rng.choice([-1, 1]) * rng.uniform(*v.brightness)
    noisy = turned * brighter + rng.normal(0, v.noise, image.shape) if v.noise else turned * brighter
    return np.ascontiguousarray(np.clip(noisy, 0, 1), np.float32)


def as_channels(image: "torch.Tensor") -> "torch.Tensor":
    """Return films (n, row, column) as the three equal channels (n, 3, row, column) that the networks take."""
    return image[:, None].expand(-1, 3, -1, -1)


def area(ill: np.ndarray, found: np.ndarray) -> float:
    """Return the AUC of logits (n,); 0.5 where they are all the same, as a network's are that has died."""
    return roc(ill, found, "<").auc if np.ptp(found) > 0 else 0.5


def logits(network: "torch.nn.Module", images: np.ndarray, device: str, batch: int = 8) -> np.ndarray:
    """Return the logit (n,) of the ill class of prepared films (n, row, column)."""
    import torch

    found = []
    with torch.inference_mode():
        for start in range(0, len(images), batch):
            part = torch.from_numpy(np.asarray(images[start : start + batch], np.float32)).to(device)
            found.append(ill_logit(network(as_channels(part))).float().cpu().numpy())
    return np.concatenate(found)


def _clinical(watched: Films, found: np.ndarray):
    known = [one.clinical for one in watched.pictures]
    if not any(value is not None for row in known for value in row.values()):
        return None
    return fit_clinical(found.tolist(), known, watched.ill)


def _scores(films: Films, found: np.ndarray, clinical) -> np.ndarray:
    if clinical is None:
        return 1 / (1 + np.exp(-found.astype(float)))
    return np.array([clinical.probability(x, one.clinical) for x, one in zip(found, films.pictures, strict=True)])
