"""Invented films with known classes for each radiograph system: projected phantom spines, and drawn knees."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.output import staged_folder
from OsteoScreenLib.phantoms.render import render
from OsteoScreenLib.phantoms.scene import Scene, random_scene
from OsteoScreenLib.phantoms.t_score import bone_of
from OsteoScreenLib.progress import IsCancelled, Progress, never, silent, stop_if
from OsteoScreenLib.radiographs.drr import simulated_film
from OsteoScreenLib.radiographs.prepare import resized, scaled
from OsteoScreenLib.radiographs.systems import System
from OsteoScreenLib.training.phantom_knees import grain, knee_film
from OsteoScreenLib.volume import Volume, grid

TABLE = "films.csv"
LOSS_SD = 0.3
"""Spread of bone loss within a class, whose means are 0 and 1: the best possible AUC is 0.991."""

T_SCORE_AT_ZERO, T_SCORE_PER_LOSS = 0.0, -3.0
FRACTURE_PER_LOSS = 0.3
"""Probability of a fracture in a vertebra that comes with a loss of 1."""

_KNOWN = 0.85
_LATERAL_AROUND, _AP_AROUND = (0.0, -10.0, 0.0), (0.0, 15.0, 0.0)
"""Where the middle of a film lies from the centre of L2, RAS mm."""
_DXA_SHAPE = (270, 180)


def write_phantom_films(
    folder: Path,
    system: System,
    count: int,
    seed: int = 0,
    progress: Progress = silent,
    cancelled: IsCancelled = never,
) -> None:
    """Write films of invented patients into a new folder: one below it for each class, half of the films in either.

    ``films.csv`` says whose each is, with age, sex and BMI where they are known; both go with the loss of bone, and the
    classes overlap in it. Same seed, same films, however many. Raises `InputError` where the folder holds anything.
    """
    from PIL import Image

    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty; give a new folder.")
    if folder.exists():
        folder.rmdir()
    draw, suffix = DRAW[system.name]
    with staged_folder(folder) as staged:
        for name in system.classes:
            (staged / name).mkdir(parents=True)
        rows = []
        for number in range(count):
            stop_if(cancelled)
            progress(number / count, f"Drawing film {number + 1} of {count}")
            rng = np.random.default_rng([seed, number])
            ill = number % 2 == 1
            loss = ill + rng.normal(0, LOSS_SD)
            path = f"{system.classes[ill]}/{number:05d}.{suffix}"
            Image.fromarray(np.rint(255 * scaled(draw(loss, rng))).astype(np.uint8)).save(staged / path, quality=92)
            rows.append([path, int(ill), f"phantom-{seed}-{number}", *_clinical(loss, rng)])
        with (staged / TABLE).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["path", "label", "patient", "age", "sex", "bmi"], *rows])


def lateral_film(loss: float, rng: np.random.Generator) -> np.ndarray:
    """Return a lateral film (row, column) of 2.5 mm pixels: less dense bone and more fractures with a loss of bone.

    It is collimated to the spine, twice as high as wide. Of the patient's width the middle 130 mm are drawn.
    """
    scene = random_scene(rng, fracture=float(np.clip(FRACTURE_PER_LOSS * loss, 0, 1)))
    field = grid(scene.centre("L2") + _LATERAL_AROUND, (22, 68, 136), (6.0, 2.5, 2.5))
    return projected(scene, loss, "lateral", field, 2.5, rng)


def dxa_film(loss: float, rng: np.random.Generator) -> np.ndarray:
    """Return a DXA-like film (row, column) of L1-L4 without soft tissue; its grain grows coarse with a loss of bone."""
    scene = replace(random_scene(rng, fracture=0.0), solids=())
    field = grid(scene.centre("L2") + _AP_AROUND, (60, 42, 90), (2.0, 2.0, 2.0))
    fine = resized(projected(scene, loss, "ap", field, 2.0, rng), _DXA_SHAPE)
    texture = (0.06 + 0.05 * loss) * grain(_DXA_SHAPE, max(0.6, 0.9 + 1.3 * loss), rng)
    return fine * (1 + texture) + 0.02 * fine.max() * rng.standard_normal(_DXA_SHAPE)


def projected(
    scene: Scene,
    loss: float,
    view: str,
    field: Volume,
    pixel_mm: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return the film (row, column) of a patient with a loss of bone, projected from a CT on the grid of `field`."""
    scene = replace(scene, bone=bone_of(T_SCORE_AT_ZERO + T_SCORE_PER_LOSS * loss, rng))
    hu, _ = render(scene, field, rng)
    return simulated_film(field.with_voxels(hu), view, pixel_mm).pixels


def _clinical(loss: float, rng: np.random.Generator) -> list[object]:
    age, bmi = rng.normal(64 + 7 * loss, 9), rng.normal(26 - 2 * loss, 3.5)
    values = [f"{age:.0f}", "F" if rng.random() < 0.5 + 0.2 * loss else "M", f"{bmi:.1f}"]
    return [value if rng.random() < _KNOWN else "" for value in values]


DRAW: dict[str, tuple[Callable[[float, np.random.Generator], np.ndarray], str]] = {
    "verte-x": (lateral_film, "png"),
    "bone-texture": (dxa_film, "png"),
    "knee": (knee_film, "jpg"),
}
"""What draws a film of each system for a loss of bone (0 healthy, 1 ill), and the files' suffix."""
