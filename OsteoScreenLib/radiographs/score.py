"""A film's score by a trained system, its class at the model's threshold, and where the network looked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.models import ModelCard, load_folder
from OsteoScreenLib.progress import IsCancelled, Progress, never, silent, stop_if
from OsteoScreenLib.radiographs.clinical import ClinicalLayer
from OsteoScreenLib.radiographs.film import Film, names_of, read_film
from OsteoScreenLib.radiographs.model_folder import card_for
from OsteoScreenLib.radiographs.systems import System, ill_logit, system

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False)
class Scorer:
    """A trained system, ready to score: made by `load_scorer`."""

    system: System
    card: ModelCard
    network: "torch.nn.Module"
    device: str
    threshold: float
    clinical: ClinicalLayer | None


@dataclass(frozen=True, eq=False)
class Score:
    """What a system says of one film: `score` in [0, 1], its class, the film as the network saw it, and a heat map.

    `prepared` (row, column) is in [0, 1]; so is `heat` (row, column), 1 where most spoke for the ill class and 0
    everywhere where nothing did (`heat_map`). Both cover `window` of the film: top, left, rows, columns in its pixels,
    which may reach beyond it.
    """

    film: Film
    score: float
    label: str
    prepared: np.ndarray
    heat: np.ndarray
    window: tuple[float, float, float, float]

    @property
    def name(self) -> str:
        """The film's name."""
        return self.film.name


@dataclass(frozen=True, eq=False)
class Scored:
    """Films with what a system says of them; a film is of the ill class from `threshold` up."""

    system: str
    card: ModelCard
    threshold: float
    scores: tuple[Score, ...]

    @property
    def ill(self) -> str:
        """The name of the ill class."""
        return system(self.system).classes[1]

    @property
    def in_words(self) -> list[list[str]]:
        """A row for each film, for a person to read: `COLUMNS`."""
        return [[one.name, f"{one.score:.3f}", one.label, f"{self.threshold:.3f}"] for one in self.scores]


COLUMNS = ("Film", "Score", "Class", "Threshold")
"""What `Scored.in_words` says of a film."""


def load_scorer(name: str, folder: Path, device: str = "cpu") -> Scorer:
    """Load the model in a folder for a system; raises `ModelError` where it is another system's."""
    card_for(name, folder)
    card, weights = load_folder(folder)
    chosen = system(name)
    _, network, _ = chosen.network(card.architecture)
    network.load_state_dict({key: t.float() if t.is_floating_point() else t for key, t in weights.items()})
    clinical = card.parameters.get("clinical")
    return Scorer(
        chosen, card, network.to(device).eval(), device,
        card.parameters["threshold"], ClinicalLayer(**clinical) if clinical else None,
    )  # fmt: skip


def score_films(
    scorer: Scorer,
    paths: Sequence[Path],
    clinical: Mapping[str, float | None],
    progress: Progress = silent,
    cancelled: IsCancelled = never,
) -> Scored:
    """Return what a system says of the films in files, all of one patient as far as `clinical` goes (`score_film`)."""
    scores = []
    for number, (path, name) in enumerate(zip(paths, names_of(paths), strict=True)):
        stop_if(cancelled)
        progress(number / len(paths), f"Scoring {name}")
        scores.append(score_film(scorer, replace(read_film(path), name=name), clinical))
    return Scored(scorer.system.name, scorer.card, scorer.threshold, tuple(scores))


def score_film(scorer: Scorer, film: Film, clinical: Mapping[str, float | None]) -> Score:
    """Return what a system says of a film and what is known of the patient (age in years, sex 1 for female, BMI)."""
    import torch

    from OsteoScreenLib.radiographs.heat_map import heat_map

    prepared = scorer.system.prepare(film.pixels)
    image = torch.from_numpy(prepared)[None, None].expand(1, 3, -1, -1).to(scorer.device)
    with torch.inference_mode():
        logit = float(ill_logit(scorer.network(image))[0])
    score = scorer.clinical.probability(logit, clinical) if scorer.clinical else float(1 / (1 + np.exp(-logit)))
    label = scorer.system.classes[score >= scorer.threshold]
    window = scorer.system.placement(film.pixels).window
    return Score(film, score, label, prepared, heat_map(scorer.network, image), window)
