"""Samples for the network that finds the spine: a whole invented trunk at 12 mm."""

from collections.abc import Sequence

import numpy as np

from OsteoScreenLib.phantoms.render import render
from OsteoScreenLib.phantoms.scene import Scene
from OsteoScreenLib.phantoms.spine import SPINE_LEVELS
from OsteoScreenLib.segmentation.networks import (
    HEIGHT_SCALE,
    SPINE_SIGMA,
    SURVEY_FIELD,
    SURVEY_SPACING,
    normalise,
)
from OsteoScreenLib.training.patients import detuned, training_scene
from OsteoScreenLib.training.shapes import MeasuredVertebra
from OsteoScreenLib.volume import Volume, grid

VIEWS = 4


def survey_sample(rng: np.random.Generator, shapes: Sequence[MeasuredVertebra]) -> tuple[np.ndarray, ...]:
    """Draw a whole trunk at 12 mm, seen four times: cut, shifted, mirrored and exposed anew.

    Returns input (view, 1, k, j, i), closeness to the spine and height (view, k, j, i; NaN outside the field of view).
    """
    scene = training_scene(rng, shapes)
    top = scene.centre(SPINE_LEVELS[0])[2]
    spacing = SURVEY_SPACING * rng.uniform(0.92, 1.08)
    middle = np.array([0.0, scene.centre("L2")[1] + 30.0, top - spacing * (SURVEY_FIELD[2] - 1) / 2]) + rng.normal(
        0, [15, 25, 0]
    )
    field = grid(middle, SURVEY_FIELD, spacing)
    hu, _ = render(scene, field, rng)
    line = _closeness(field, scene)
    height = np.broadcast_to(_height(field, scene)[:, None, None], hu.shape)
    views = [_view(hu, line, height, rng) for _ in range(VIEWS)]
    return tuple(np.stack(parts) for parts in zip(*views, strict=True))


def _view(
    hu: np.ndarray, line: np.ndarray, height: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return one look at a trunk: part of its slices, anywhere in the array, within a field of its own."""
    count = int(rng.integers(12, len(hu) + 1))
    first, to = int(rng.integers(0, len(hu) - count + 1)), int(rng.integers(0, len(hu) - count + 1))
    shift = rng.integers(-4, 5, 2)
    seen = np.zeros(hu.shape, dtype=bool)
    seen[to : to + count] = True
    j, i = np.ogrid[: hu.shape[1], : hu.shape[2]]
    middle = np.array(hu.shape[1:]) / 2 + rng.normal(0, 2, 2)
    field = rng.random()
    if field < 0.35:
        seen &= np.hypot(j - middle[0], i - middle[1]) < rng.uniform(0.3, 0.7) * hu.shape[2]
    elif field < 0.7:
        half = rng.uniform(0.25, 0.55, 2) * hu.shape[1:]
        seen &= (abs(j - middle[0]) < half[0]) & (abs(i - middle[1]) < half[1])
    moved = []
    for image, outside in ((detuned(hu, rng), -1024.0), (line, 0.0), (height, np.nan)):
        cut = np.full(hu.shape, outside, dtype=np.float32)
        cut[to : to + count] = np.roll(image[first : first + count], shift, axis=(1, 2))
        cut[~seen] = outside
        moved.append(cut)
    moved[0] += rng.normal(0, rng.uniform(1, 15), hu.shape).astype(np.float32)
    if rng.random() < 0.5:
        moved = [image[:, :, ::-1] for image in moved]
    return normalise(moved[0])[None], np.ascontiguousarray(moved[1]), np.ascontiguousarray(moved[2])


def _closeness(field: Volume, scene: Scene) -> np.ndarray:
    """Return a Gaussian around the polyline through the body centres, in each slice from the first to the last."""
    centres = np.array([scene.centre(level) for level in SPINE_LEVELS])[::-1]
    k, j, i = (np.arange(n) for n in field.voxels.shape)
    x, y, z = (field.ijk_to_ras[r, r] * n + field.ijk_to_ras[r, 3] for r, n in enumerate((i, j, k)))
    line_x, line_y = (np.interp(z, centres[:, 2], centres[:, axis]) for axis in (0, 1))
    square = np.square(y[None, :, None] - line_y[:, None, None]) + np.square(x[None, None] - line_x[:, None, None])
    inside = (z > centres[0, 2] - 15) & (z < centres[-1, 2] + 10)
    return (np.exp(-0.5 * square / SPINE_SIGMA**2) * inside[:, None, None]).astype(np.float32)


def _height(field: Volume, scene: Scene) -> np.ndarray:
    """Return of every slice (k) how many levels it lies below L1, over `HEIGHT_SCALE`; it goes on beyond the spine."""
    z = np.array([scene.centre(level)[2] for level in SPINE_LEVELS])
    index = np.arange(len(SPINE_LEVELS)) - SPINE_LEVELS.index("L1")
    slices = field.to_ras(np.stack([np.zeros(len(field.voxels))] * 2 + [np.arange(len(field.voxels))], axis=1))[:, 2]
    inside = np.interp(slices, z[::-1], index[::-1])
    beyond = np.clip(slices - z[0], 0, None) / (z[0] - z[1]) - np.clip(z[-1] - slices, 0, None) / (z[-2] - z[-1])
    return (inside - beyond) / HEIGHT_SCALE
