"""Samples for the network that outlines a body: the surroundings of one invented vertebra at 1.5 mm."""

from collections.abc import Sequence

import numpy as np

from OsteoScreenLib.levels import BY_NAME
from OsteoScreenLib.phantoms.render import render
from OsteoScreenLib.segmentation.networks import FINE_SIZE, FINE_SPACING, normalise
from OsteoScreenLib.training.patients import exposed, training_scene
from OsteoScreenLib.training.shapes import MeasuredVertebra
from OsteoScreenLib.volume import grid


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
    hu = _resliced(exposed(hu, field.spacing, rng), rng)
    classes = np.where(labels // 10 == BY_NAME[level].code, labels % 10, 0)
    if rng.random() < 0.15:
        cut = slice(0, rng.integers(16)) if rng.random() < 0.5 else slice(FINE_SIZE - rng.integers(16), None)
        hu[cut], classes[cut] = -1024, 0
    return normalise(hu)[None, None], classes.astype(np.int64)[None]


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
