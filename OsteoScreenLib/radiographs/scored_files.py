"""Scored films in a folder: numbers as JSON, images as arrays; for a face that waits for a worker."""

import json
from pathlib import Path

import numpy as np

from OsteoScreenLib.models import ModelCard
from OsteoScreenLib.output import staged_folder
from OsteoScreenLib.radiographs.film import Film
from OsteoScreenLib.radiographs.score import Score, Scored

FACTS, IMAGES = "scored.json", "scored.npz"


def save_scored(scored: Scored, folder: Path) -> None:
    """Write scored films into a folder, beside what is there; raises `OutputError`."""
    films = [
        {"name": one.name, "spacing": one.film.spacing, "score": one.score, "label": one.label, "window": one.window}
        for one in scored.scores
    ]
    card = scored.card.model_dump(mode="json")
    facts = {"system": scored.system, "card": card, "threshold": scored.threshold, "films": films}
    images = {}
    for number, one in enumerate(scored.scores):
        images |= {f"film-{number}": one.film.pixels, f"prepared-{number}": one.prepared, f"heat-{number}": one.heat}
    with staged_folder(folder) as staged:
        (staged / FACTS).write_text(json.dumps(facts), encoding="utf-8")
        np.savez(staged / IMAGES, **images)


def load_scored(folder: Path) -> Scored:
    """Return what `save_scored` wrote."""
    facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    scores = []
    with np.load(folder / IMAGES) as images:
        for number, one in enumerate(facts["films"]):
            spacing = one["spacing"] and tuple(one["spacing"])
            film = Film(images[f"film-{number}"], spacing, one["name"])
            prepared, heat = images[f"prepared-{number}"], images[f"heat-{number}"]
            scores.append(Score(film, one["score"], one["label"], prepared, heat, tuple(one["window"])))
    return Scored(facts["system"], ModelCard(**facts["card"]), facts["threshold"], tuple(scores))
