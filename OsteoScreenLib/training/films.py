"""Training of the radiographs' networks on films, and their test on patients that were held out."""

import time
from collections.abc import Callable
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
from OsteoScreenLib.progress import IsCancelled, Progress, never, silent
from OsteoScreenLib.radiographs.clinical import fit_clinical
from OsteoScreenLib.radiographs.pretrained import Start, begin_with
from OsteoScreenLib.radiographs.systems import Recipe, System, Variation, ill_logit
from OsteoScreenLib.training.film_sets import LEARN_SHARE, Films, Split, split_films, varied
from OsteoScreenLib.training.trainer import Settings, Task, fit

if TYPE_CHECKING:
    import torch


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


@dataclass(frozen=True)
class Choices:
    """What a person chooses of a training; None is as the paper says.

    `learn_share` of the films are learned from, the others tested on. With `paper_order`, films are varied before they
    are split, and split film by film (`film_sets.split_films`).
    """

    network: str | None = None
    epochs: int | None = None
    seed: int = 0
    workers: int = 1
    learn_share: float = LEARN_SHARE
    paper_order: bool = False
    start: Start | None = None
    recipe: Recipe | None = None


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
    watch = Watch(progress)
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


class Watch:
    """Passes progress on, and measures by a clock how long the whole would take, however much of it was done."""

    def __init__(self, progress: Progress, clock: Callable[[], float] = time.monotonic) -> None:
        self._progress, self._clock = progress, clock
        self._told: list[tuple[float, float]] = []

    def __call__(self, fraction: float, message: str) -> None:
        self._told.append((self._clock(), fraction))
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
