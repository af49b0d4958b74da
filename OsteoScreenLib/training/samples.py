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
    CENTRE_SIGMA,
    COARSE_FIELD,
    COARSE_LEVELS,
    COARSE_SPACING,
    FINE_SIZE,
    FINE_SPACING,
    HEIGHT_SCALE,
    normalise,
)
from OsteoScreenLib.training.shapes import MeasuredVertebra
from OsteoScreenLib.volume import Volume, grid

COARSE_SIZE = (COARSE_FIELD, COARSE_FIELD, 64)
"""Voxels (i, j, k) of a coarse training sample: 288 x 288 x 384 mm."""


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


def coarse_sample(rng: np.random.Generator, shapes: Sequence[MeasuredVertebra]) -> tuple[np.ndarray, ...]:
    """Draw a whole abdomen at 6 mm.

    Returns input (1, k, j, i), class map (k, j, i; 0 background, then `COARSE_LEVELS`), centre heatmap (k, j, i) and
    height (k, j, i; NaN outside of the field of view).
    """
    scene = training_scene(rng, shapes)
    level = SPINE_LEVELS[rng.integers(SPINE_LEVELS.index("T9"), len(SPINE_LEVELS))]
    middle = scene.centre(level) * [0, 1, 1] + rng.normal(0, [15, 20, 20])
    field = grid(middle, COARSE_SIZE, COARSE_SPACING)
    hu, labels = render(scene, field, rng)
    hu = scan(hu, field.spacing, Protocol(rng.uniform(0, 4), rng.uniform(2, 25), 0.0, rng.uniform(0, 10)), rng)
    hu = _detuned(hu, rng)
    seen = _field_of_view(hu.shape, rng)
    hu[~seen] = -1024
    classes = _coarse_classes(labels)
    classes[~seen] = 0
    heat = np.zeros(hu.shape, dtype=np.float32)
    for name in SPINE_LEVELS:
        heat = np.maximum(heat, _blob(field, scene.centre(name)))
    heat[~seen] = 0
    height = np.where(seen, _height(field, scene)[:, None, None], np.nan).astype(np.float32)
    return normalise(hu)[None], classes.astype(np.int64), heat, height


def vertebra_sample(rng: np.random.Generator, shapes: Sequence[MeasuredVertebra]) -> tuple[np.ndarray, np.ndarray]:
    """Draw the surroundings of one vertebra at 1.5 mm, off centre by a few mm as a coarse pass leaves it.

    Returns input (1, k, j, i) and classes (k, j, i): 0 background, 1 shell, 2 trabecular of that vertebra alone.
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
    return normalise(hu)[None], classes.astype(np.int64)


def _coarse_classes(labels: np.ndarray) -> np.ndarray:
    codes = labels // 10
    table = np.zeros(BY_NAME["S1"].code + 1, dtype=np.int64)
    for level in SPINE_LEVELS:
        table[BY_NAME[level].code] = COARSE_LEVELS.index(level) + 1 if level in COARSE_LEVELS else 1
    return table[codes]


def _height(field: Volume, scene: Scene) -> np.ndarray:
    """Return of every slice (k) how many levels it lies below L1, over `HEIGHT_SCALE`; it goes on beyond the spine."""
    z = np.array([scene.centre(level)[2] for level in SPINE_LEVELS])
    index = np.arange(len(SPINE_LEVELS)) - SPINE_LEVELS.index("L1")
    slices = field.to_ras(np.stack([np.zeros(len(field.voxels))] * 2 + [np.arange(len(field.voxels))], axis=1))[:, 2]
    inside = np.interp(slices, z[::-1], index[::-1])
    beyond = np.clip(slices - z[0], 0, None) / (z[0] - z[1]) - np.clip(z[-1] - slices, 0, None) / (z[-2] - z[-1])
    return (inside - beyond) / HEIGHT_SCALE


def _blob(field: Volume, centre: np.ndarray) -> np.ndarray:
    """Return a Gaussian of unit height around a point in RAS mm, separable on the RAS-aligned field."""
    ijk = field.to_ijk(centre)
    axes = [
        np.exp(-0.5 * np.square((np.arange(n) - c) * s / CENTRE_SIGMA))
        for n, c, s in zip(field.voxels.shape, ijk[::-1], field.spacing[::-1], strict=True)
    ]
    return np.einsum("k,j,i->kji", *axes).astype(np.float32)


def _detuned(hu: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return HU as another tube voltage or a poorly calibrated scanner would give them."""
    return (hu + 1000) * rng.uniform(0.97, 1.03) - 1000 + np.maximum(hu, 0) * rng.uniform(-0.2, 0.3)


def _field_of_view(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Return where a scan has data: sometimes a round or a narrow field, sometimes cut at the top or the bottom."""
    k, j, i = np.ogrid[tuple(slice(n) for n in shape)]
    seen = np.ones(shape, dtype=bool)
    if rng.random() < 0.3:
        centre, radius = np.array(shape[1:]) / 2 + rng.normal(0, 4, 2), rng.uniform(0.28, 0.6) * shape[2]
        seen &= np.hypot(j - centre[0], i - centre[1]) < radius
    if rng.random() < 0.5:
        low, high = rng.uniform(0, 0.35) * shape[0], (1 - rng.uniform(0, 0.35)) * shape[0]
        seen &= (k >= low) & (k < high)
    return seen


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
