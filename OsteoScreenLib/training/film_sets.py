"""Films that a network learns from and is tested on: prepared once, parted by patient, looked at in many ways."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.output import staged_file
from OsteoScreenLib.progress import IsCancelled, Progress, never, silent, stop_if
from OsteoScreenLib.radiographs.film import read_film
from OsteoScreenLib.radiographs.systems import System, Variation
from OsteoScreenLib.splits import held_out_patients, held_out_rows, on_both_sides
from OsteoScreenLib.training.pictures import Picture

if TYPE_CHECKING:
    from OsteoScreenLib.training.films import Choices

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


@dataclass(frozen=True, eq=False)
class Split:
    """Films held out until the end, those that choose weights and threshold, those that are learned from.

    `warnings` say how the first may flatter the network.
    """

    test: Films
    watched: Films
    learned: Films
    warnings: tuple[str, ...] = ()


def split_films(system: System, films: Films, choices: "Choices") -> Split:
    """Split films by patient and stratified by class, or as the paper did, which leaks."""
    if choices.paper_order:
        return _in_paper_order(system, films, choices)
    tested = held_out_patients(films.ill, films.patients, 1 - choices.learn_share, choices.seed)
    test, rest = films.take(tested), films.take(~tested)
    watched = held_out_patients(rest.ill, rest.patients, WATCHED_SHARE, choices.seed + 1)
    return Split(test, rest.take(watched), rest.take(~watched))


def _in_paper_order(system: System, films: Films, choices: "Choices") -> Split:
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
