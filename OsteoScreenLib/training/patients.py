"""Patients for training: invented and often sick, with measured vertebrae and mixtures among the analytic ones."""

from collections.abc import Sequence

import numpy as np

from OsteoScreenLib.levels import BY_NAME
from OsteoScreenLib.phantoms.scan import Protocol, faulty, scan
from OsteoScreenLib.phantoms.scene import Scene, random_scene
from OsteoScreenLib.phantoms.spine import Spine
from OsteoScreenLib.phantoms.tube_voltage import at_voltage
from OsteoScreenLib.phantoms.vertebra import VertebraShape, random_vertebra
from OsteoScreenLib.training.shapes import MeasuredVertebra
from OsteoScreenLib.training.variation import random_between

DISEASE = 0.35
FAULTS = 0.7
LORDOSIS = (0.35, 1.8)
"""S1 leans forward by 13 to 68 degrees."""


def training_scene(rng: np.random.Generator, shapes: Sequence[MeasuredVertebra], disease: float = DISEASE) -> Scene:
    """Draw a patient in whom about half of the vertebrae, on average, have a measured shape or one in between.

    Levels without a measured shape within two levels are analytic. Fractures are those of `disease` alone, which take
    the spine above with them.
    """
    measured = rng.uniform(0, 1) if shapes else 0.0

    def draw(spine: Spine, level: str, rng: np.random.Generator, fracture: float) -> VertebraShape:
        analytic = random_vertebra(spine, level, rng, fracture)
        kin = [s for s in shapes if abs(BY_NAME[s.level].code - BY_NAME[level].code) <= 2]
        if level == "S1" or not kin or rng.random() >= measured:
            return analytic
        first, second = (
            kin[rng.integers(len(kin))].fitted(spine, level, rng.normal(1, [0.05, 0.05, 0.02])) for _ in range(2)
        )
        return random_between(first, analytic if rng.random() < 0.3 else second, rng)

    return random_scene(rng, warp=7.0, tilt=6.0, fracture=0.0, disease=disease, draw=draw, lordosis=LORDOSIS)


def exposed(hu: np.ndarray, spacing: tuple[float, float, float], rng: np.random.Generator) -> np.ndarray:
    """Return a rendered crop as some scanner would give it: any voltage, kernel and noise, with metal's streaks.

    Axes (k, j, i) with axial slices, spacing in mm along i, j, k; float32 HU. Metal is found by its HU.
    """
    protocol = Protocol(rng.uniform(0, 1.2), rng.uniform(3, 50), rng.uniform(0.5, 1.8), rng.uniform(0, 10))
    return miscalibrated(scan(hu, spacing, faulty(protocol, rng, FAULTS), rng), rng)


def detuned(hu: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return HU as another tube voltage (80 to 140 kVp) or a poorly calibrated scanner would give them."""
    voltage = rng.uniform(80, 140) if rng.random() < 0.8 else 120.0
    return miscalibrated(at_voltage(hu, voltage), rng)


def miscalibrated(hu: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return HU off by up to 3 % of their distance from air and up to 8 % of what lies above water."""
    return (hu + 1000) * rng.uniform(0.97, 1.03) - 1000 + np.maximum(hu, 0) * rng.uniform(-0.08, 0.08)
