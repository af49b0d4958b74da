"""Samples for the network that counts levels: the corridor along an invented spine, at 6 mm."""

from collections.abc import Sequence

import numpy as np

from OsteoScreenLib.phantoms.render import render
from OsteoScreenLib.phantoms.scene import Scene
from OsteoScreenLib.phantoms.spine import SPINE_LEVELS
from OsteoScreenLib.segmentation.corridor import AIR_HU, straighten
from OsteoScreenLib.segmentation.networks import CORRIDOR_LENGTH, CORRIDOR_SIZE, CORRIDOR_SPACING, normalise
from OsteoScreenLib.training.patients import detuned, training_scene
from OsteoScreenLib.training.shapes import MeasuredVertebra
from OsteoScreenLib.volume import Volume, grid

VIEWS = 2
NOWHERE = -1
"""The class of voxels that are not asked for."""

_NEAR_MM = 20.0
_BELOW_MM = 140.0
_SIDE_MM = 20.0


def corridor_sample(rng: np.random.Generator, shapes: Sequence[MeasuredVertebra]) -> tuple[np.ndarray, np.ndarray]:
    """Draw a spine and look along it twice: cut, moved off the middle, mirrored and exposed anew.

    Returns input (view, 1, k, j, i) and the index in `SPINE_LEVELS` of the nearest level (view, k, j, i), `NOWHERE`
    away from the centre line and outside the field of view.
    """
    scene = training_scene(rng, shapes)
    spacing = CORRIDOR_SPACING * rng.uniform(0.92, 1.08)
    field = _field(scene, spacing)
    hu, _ = render(scene, field, rng)
    line, level = _truth(field, scene)
    views = [_view(hu, line, level, spacing, rng) for _ in range(VIEWS)]
    return tuple(np.stack(parts) for parts in zip(*views, strict=True))


def _field(scene: Scene, spacing: float) -> Volume:
    """Return the grid around a spine, from the tip of the sacrum to the topmost body that fits in."""
    centres = np.array([scene.centre(level) for level in SPINE_LEVELS])
    low, high = centres.min(0), centres.max(0)
    margin = np.array([*(n * spacing / 2 + _SIDE_MM for n in CORRIDOR_SIZE), 0])
    low, high = low - margin - np.array([0, 0, _BELOW_MM]), high + margin
    size = np.ceil((high - low) / spacing).astype(int)
    size[2] = min(size[2], CORRIDOR_LENGTH)
    middle = (low + high) / 2
    middle[2] = low[2] + spacing * (size[2] - 1) / 2
    return grid(middle, tuple(size.tolist()), spacing)


def _truth(field: Volume, scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Return of every slice the centre line's j and i (k, 2), and the index of the nearest level (k,)."""
    centres = np.array([scene.centre(level) for level in SPINE_LEVELS])[::-1]
    at = np.stack([np.zeros(len(field.voxels))] * 2 + [np.arange(len(field.voxels))], axis=1)
    z = field.to_ras(at)[:, 2]
    points = np.stack([np.interp(z, centres[:, 2], centres[:, axis]) for axis in range(2)] + [z], axis=1)
    index = np.interp(z, centres[:, 2], np.arange(len(SPINE_LEVELS))[::-1])
    return field.to_ijk(points)[:, [1, 0]], np.rint(index).astype(int)


def _view(
    hu: np.ndarray, line: np.ndarray, level: np.ndarray, spacing: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return one look along a spine: part of its slices, anywhere in the array, along a line that is somewhat off."""
    first, count = _part(len(hu), rng)
    part = slice(first, first + count)
    to = int(rng.integers(0, CORRIDOR_LENGTH - count + 1))
    columns = line[part] + _wobble(count, rng) / spacing
    image = straighten(detuned(hu[part], rng), columns)
    off = np.rint(columns) - line[part]
    j, i = np.ogrid[: image.shape[1], : image.shape[2]]
    width, depth = CORRIDOR_SIZE
    away = np.hypot(j - depth // 2 + off[:, 0, None, None], i - width // 2 + off[:, 1, None, None])
    asked = np.where(away * spacing < _NEAR_MM, level[part][:, None, None], NOWHERE)
    if rng.random() < 0.4:
        middle = rng.normal([depth / 2, width / 2], 4)
        seen = np.hypot(j - middle[0], i - middle[1]) < rng.uniform(0.35, 0.7) * width
        image, asked = np.where(seen, image, AIR_HU), np.where(seen, asked, NOWHERE)
    whole = np.full((CORRIDOR_LENGTH, *image.shape[1:]), AIR_HU, dtype=np.float32)
    classes = np.full(whole.shape, NOWHERE, dtype=np.int64)
    whole[to : to + count] = image + rng.normal(0, rng.uniform(1, 20), image.shape)
    classes[to : to + count] = asked
    if rng.random() < 0.5:
        whole, classes = whole[:, :, ::-1], classes[:, :, ::-1]
    return normalise(whole)[None], np.ascontiguousarray(classes)


def _part(slices: int, rng: np.random.Generator) -> tuple[int, int]:
    """Return the first slice and the number of slices in view: often with the sacrum, sometimes short, anywhere."""
    count = int(rng.integers(min(24, slices), slices + 1))
    if rng.random() < 0.2:
        count = int(rng.integers(12, min(36, slices) + 1))
    free = slices - count
    return int(rng.integers(0, min(free, 14) + 1) if rng.random() < 0.5 else rng.integers(0, free + 1)), count


def _wobble(count: int, rng: np.random.Generator) -> np.ndarray:
    """Return how far in mm (k, 2) a coarse survey's line lies off the true one."""
    knots = np.arange(0, count + 6, 6)
    along = [np.interp(np.arange(count), knots, rng.normal(0, 4, len(knots))) for _ in range(2)]
    return rng.normal(0, 5, 2) + np.stack(along, axis=1)
