"""Samples from corrected cases: the surroundings of one vertebra of a person at 1 mm, with the mask a reader left."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from OsteoScreenLib.annotation.dataset import Case
from OsteoScreenLib.levels import body_mask, levels_in, trabecular_mask
from OsteoScreenLib.output import staged_file
from OsteoScreenLib.segmentation.networks import BEYOND_HU, FINE_SIZE, FINE_SPACING, normalise
from OsteoScreenLib.volume import Volume, band_limited, grid, resample

VIEWS = 2
JITTER = 10
"""How far, in voxels along each axis, a crop's middle may lie off the body's: as far as the count leaves it."""


@dataclass(frozen=True)
class CorrectedVertebra:
    """One corrected body: a file that holds HU and classes (2, k, j, i) around it, `JITTER` wider than a crop."""

    patient: str
    level: str
    path: Path

    def crop(self, offset: Sequence[int] = (0, 0, 0)) -> tuple[np.ndarray, np.ndarray]:
        """Return HU (float32) and classes (int64), each (k, j, i), with the middle `offset` voxels (k, j, i) off."""
        around = np.load(self.path, mmap_mode="r")
        box = tuple(
            slice(JITTER + shift, JITTER + shift + n) for shift, n in zip(offset, reversed(FINE_SIZE), strict=True)
        )
        hu, classes = (np.array(part[box]) for part in around)
        return hu.astype(np.float32), classes.astype(np.int64)


def corrected_vertebrae(cases: Sequence[Case], folder: Path) -> list[CorrectedVertebra]:
    """Return the bodies of reviewed cases that are whole in the image, cut out into `folder` unless they are there."""
    found = []
    for case in cases:
        stem = f"{case.id}-{case.current.id}"
        listed = folder / f"{stem}.txt"
        if not listed.is_file():
            levels = _cut_out(case, folder, stem)
            with staged_file(listed) as staged:
                staged.write_text("\n".join(levels), encoding="utf-8")
        levels = listed.read_text(encoding="utf-8").split()
        found += [CorrectedVertebra(case.patient, level, folder / f"{stem}-{level}.npy") for level in levels]
    return found


def corrected_sample(rng: np.random.Generator, vertebrae: Sequence[CorrectedVertebra]) -> tuple[np.ndarray, np.ndarray]:
    """Draw one corrected vertebra and look at it twice, off centre by some mm, as another scanner might show it.

    Returns input (view, 1, k, j, i) and classes (view, k, j, i) as `vertebra_samples.vertebra_sample` does.
    """
    vertebra = vertebrae[rng.integers(len(vertebrae))]
    views = [_view(vertebra, rng) for _ in range(VIEWS)]
    return tuple(np.stack(parts) for parts in zip(*views, strict=True))


def _view(vertebra: CorrectedVertebra, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    offset = np.clip(np.rint(rng.normal(0, 4, 3)), -JITTER, JITTER).astype(int)
    hu, classes = vertebra.crop(offset)
    hu = hu * rng.uniform(0.95, 1.05) + rng.normal(0, 10) + rng.normal(0, rng.uniform(0, 10), hu.shape)
    if rng.random() < 0.5:
        hu, classes = hu[:, :, ::-1], classes[:, :, ::-1]
    return normalise(hu)[None], np.ascontiguousarray(classes)


def _cut_out(case: Case, folder: Path, stem: str) -> list[str]:
    """Write the surroundings of each whole body of a case and return their levels."""
    volume, labels = case.read()
    source = band_limited(volume, FINE_SPACING)
    levels = [level for level in levels_in(labels.voxels) if is_whole(labels, level)]
    for level in levels:
        inside = np.argwhere(body_mask(labels.voxels, level))
        size = tuple(n + 2 * JITTER for n in FINE_SIZE)
        field = grid(labels.to_ras(inside.mean(0)[::-1]), size, FINE_SPACING)
        body, trabecular = (
            resample(labels.with_voxels(mask.astype(np.float32)), field, outside=0.0).voxels > 0.5
            for mask in (body_mask(labels.voxels, level), trabecular_mask(labels.voxels, level))
        )
        classes = body.astype(np.int16) + (body & trabecular)
        hu = np.rint(resample(source, field, outside=BEYOND_HU).voxels).astype(np.int16)
        with staged_file(folder / f"{stem}-{level}.npy") as staged, staged.open("wb") as file:
            np.save(file, np.stack([hu, classes]))
    return levels


def is_whole(labels: Volume, level: str) -> bool:
    """Tell whether a body does not touch the edge of the image."""
    inside = np.argwhere(body_mask(labels.voxels, level))
    return bool((inside.min(0) > 0).all() and (inside.max(0) < np.array(labels.voxels.shape) - 1).all())
