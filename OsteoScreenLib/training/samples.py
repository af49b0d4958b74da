"""Training samples drawn on the fly: a patient is invented, scanned and cut to what a network sees."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from OsteoScreenLib.levels import BY_NAME
from OsteoScreenLib.phantoms.render import render
from OsteoScreenLib.phantoms.scan import Protocol, scan
from OsteoScreenLib.phantoms.scene import Scene, random_scene
from OsteoScreenLib.phantoms.spine import SPINE_LEVELS
from OsteoScreenLib.segmentation.networks import (
    FINE_SIZE,
    FINE_SPACING,
    HEIGHT_SCALE,
    SPINE_SIGMA,
    SURVEY_FIELD,
    SURVEY_SPACING,
    normalise,
)
from OsteoScreenLib.training.shapes import MeasuredVertebra
from OsteoScreenLib.volume import Volume, grid

SURVEY_VIEWS = 4


def training_scene(rng: np.random.Generator, shapes: Sequence[MeasuredVertebra]) -> Scene:
    """Draw a patient in whom about half of the vertebrae, on average, have a measured shape."""
    scene = random_scene(rng, warp=7.0, tilt=6.0, fracture=0.12)
    measured = rng.uniform(0, 1) if shapes else 0.0
    vertebrae = dict(scene.vertebrae)
    for level in SPINE_LEVELS[:-1]:
        if rng.random() < measured:
            kin = [s for s in shapes if abs(BY_NAME[s.level].code - BY_NAME[level].code) <= 2]
            vertebrae[level] = kin[rng.integers(len(kin))].fitted(scene.spine, level)
    return replace(scene, vertebrae=vertebrae)


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
    views = [_view(hu, line, height, rng) for _ in range(SURVEY_VIEWS)]
    return tuple(np.stack(parts) for parts in zip(*views, strict=True))


def vertebra_sample(rng: np.random.Generator, shapes: Sequence[MeasuredVertebra]) -> tuple[np.ndarray, np.ndarray]:
    """Draw the surroundings of one vertebra at 1.5 mm, off centre by a few mm as a coarse pass leaves it.

    Returns input (view, 1, k, j, i) and classes (view, k, j, i): 0 background, 1 shell, 2 trabecular of that vertebra
    alone; there is one view.
    """
    scene = training_scene(rng, shapes)
    level = ("T11", "T12", "L1", "L2", "L3", "L4", "L5", "S1")[
        rng.choice(8, p=[0.05, 0.1, 0.18, 0.17, 0.17, 0.17, 0.13, 0.03])
    ]
    offset = np.clip(rng.normal(0, [3, 3, 4]), -9, 9)
    field = grid(scene.centre(level) + offset, (FINE_SIZE,) * 3, FINE_SPACING)
    hu, labels = render(scene, field, rng)
    blurred = Protocol(rng.uniform(0, 1.2), rng.uniform(3, 50), rng.uniform(0.5, 1.8), rng.uniform(0, 10))
    hu = _resliced(scan(hu, field.spacing, blurred, rng), rng)
    hu = _detuned(hu, rng)
    classes = np.where(labels // 10 == BY_NAME[level].code, labels % 10, 0)
    if rng.random() < 0.15:
        cut = slice(0, rng.integers(16)) if rng.random() < 0.5 else slice(FINE_SIZE - rng.integers(16), None)
        hu[cut], classes[cut] = -1024, 0
    return normalise(hu)[None, None], classes.astype(np.int64)[None]


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
    for image, outside in ((_detuned(hu, rng), -1024.0), (line, 0.0), (height, np.nan)):
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


def _detuned(hu: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return HU as another tube voltage or a poorly calibrated scanner would give them."""
    return (hu + 1000) * rng.uniform(0.97, 1.03) - 1000 + np.maximum(hu, 0) * rng.uniform(-0.2, 0.3)


def _resliced(hu: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a 1.5 mm crop as it looks when the scan had coarser voxels: averaged, then interpolated back."""
    import torch
    from torch.nn.functional import interpolate

    if rng.random() < 0.35:
        return hu
    in_plane = rng.uniform(1.5, 3.2) if rng.random() < 0.3 else 1.5
    through = rng.uniform(1.5, 5.0)
    size = [max(8, round(n * FINE_SPACING / mm)) for n, mm in zip(hu.shape, (through, in_plane, in_plane), strict=True)]
    image = torch.from_numpy(np.ascontiguousarray(hu))[None, None]
    coarse = interpolate(image, size=size, mode="area")
    return interpolate(coarse, size=hu.shape, mode="trilinear", align_corners=False)[0, 0].numpy()
