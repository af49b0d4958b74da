"""Samples for the network that outlines a body: the surroundings of one invented vertebra at 1 mm."""

from collections.abc import Sequence

import numpy as np

from OsteoScreenLib.levels import BY_NAME
from OsteoScreenLib.phantoms.render import render
from OsteoScreenLib.segmentation.corridor import AIR_HU
from OsteoScreenLib.segmentation.networks import BEYOND_HU, FINE_SIZE, FINE_SPACING, normalise
from OsteoScreenLib.training.patients import exposed, training_scene
from OsteoScreenLib.training.shapes import MeasuredVertebra
from OsteoScreenLib.volume import grid

VIEWS = 2

_EDGES = 2
_MISSING = 24.0
"""How many edges of the image a crop may meet, and how many mm of it at most may lie beyond one."""

_SHARES = {"T11": 0.05, "T12": 0.1, "L1": 0.18, "L2": 0.17, "L3": 0.17, "L4": 0.17, "L5": 0.13, "S1": 0.03}
"""How often each level is drawn."""


def vertebra_sample(rng: np.random.Generator, shapes: Sequence[MeasuredVertebra]) -> tuple[np.ndarray, np.ndarray]:
    """Draw the surroundings of one vertebra at 1 mm, off centre by some mm as the count leaves it; scan it twice.

    Returns input (view, 1, k, j, i) and classes (view, k, j, i): 0 background, 1 shell, 2 trabecular of that vertebra
    alone.
    """
    scene = training_scene(rng, shapes)
    level = rng.choice(list(_SHARES), p=list(_SHARES.values()))
    offset = np.clip(rng.normal(0, [4, 4, 4]), -10, 10)
    field = grid(scene.centre(level) + offset, FINE_SIZE, FINE_SPACING)
    hu, labels = render(scene, field, rng)
    classes = np.where(labels // 10 == BY_NAME[level].code, labels % 10, 0)
    views = [_view(hu, classes, rng) for _ in range(VIEWS)]
    return tuple(np.stack(parts) for parts in zip(*views, strict=True))


def _view(hu: np.ndarray, classes: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return one scan of a crop: exposed, blurred, resliced, sometimes cut short, mirrored every second time."""
    hu = _resliced(exposed(hu, (FINE_SPACING,) * 3, rng), rng)
    classes = classes.astype(np.int64)
    for _ in range(_EDGES):
        if rng.random() < 0.2:
            beyond = _beyond_edge(hu.shape, rng)
            hu[beyond], classes[beyond] = rng.choice([AIR_HU, BEYOND_HU]), 0
    if rng.random() < 0.5:
        hu, classes = hu[:, :, ::-1], classes[:, :, ::-1]
    return normalise(hu)[None], np.ascontiguousarray(classes)


def _beyond_edge(shape: tuple[int, int, int], rng: np.random.Generator) -> np.ndarray:
    """Return the part (k, j, i) of a crop that lies beyond an edge of the image, which may run obliquely."""
    axis = rng.integers(3)
    normal = np.zeros(3) if rng.random() < 0.5 else rng.normal(0, 0.2, 3)
    normal[axis] = rng.choice([-1, 1])
    distance = sum(
        n * (at - size / 2) for n, at, size in zip(normal, np.ogrid[tuple(map(slice, shape))], shape, strict=True)
    )
    return distance > shape[axis] / 2 - rng.uniform(0, _MISSING)


def _resliced(hu: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a 1 mm crop as it looks when the scan had coarser voxels: averaged, then interpolated back.

    Thick slices are drawn more often than thin ones: there is more to learn from them.
    """
    import torch
    from torch.nn.functional import interpolate

    if rng.random() < 0.2:
        return hu
    apart = 6 * np.sqrt(rng.uniform(1 / 36, 1))
    thickness = apart * (rng.uniform(1.0, 1.3) if rng.random() < 0.3 else 1.0)
    seen = through_slices(len(hu), apart / FINE_SPACING, thickness / FINE_SPACING, rng.random())
    image = torch.from_numpy(np.tensordot(seen.astype(np.float32), hu, 1))[None, None]
    if rng.random() < 0.4:
        in_plane = rng.uniform(1.0, 3.2)
        coarse = [max(8, round(n * FINE_SPACING / in_plane)) for n in hu.shape[1:]]
        image = interpolate(image, size=(len(hu), *coarse), mode="area")
        image = interpolate(image, size=hu.shape, mode="trilinear", align_corners=False)
    return image[0, 0].numpy()


def through_slices(count: int, apart: float, thickness: float, phase: float) -> np.ndarray:
    """Return the matrix (k, k) from voxels to what is interpolated between slices that are means over some of them.

    `apart` and `thickness` are in voxels, `phase` in [0, 1) is how much of the first slice lies before the crop.
    """
    middles = np.arange((0.5 - phase) * apart, count + apart, apart)
    k = np.arange(count)
    upper = np.minimum(middles[:, None] + thickness / 2, k + 1)
    covered = np.clip(upper - np.maximum(middles[:, None] - thickness / 2, k), 0, None)
    inside = covered.sum(1) > 0
    covered, middles = covered[inside], middles[inside]
    slices = covered / covered.sum(1, keepdims=True)
    between = np.stack([np.interp(k + 0.5, middles, one) for one in np.eye(len(middles))], 1)
    return between @ slices
