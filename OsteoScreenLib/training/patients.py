"""Patients for training: invented, with measured vertebrae among the analytic ones."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from OsteoScreenLib.levels import BY_NAME
from OsteoScreenLib.phantoms.scene import Scene, random_scene
from OsteoScreenLib.phantoms.spine import SPINE_LEVELS
from OsteoScreenLib.training.shapes import MeasuredVertebra


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


def detuned(hu: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return HU as another tube voltage or a poorly calibrated scanner would give them."""
    return (hu + 1000) * rng.uniform(0.97, 1.03) - 1000 + np.maximum(hu, 0) * rng.uniform(-0.2, 0.3)
