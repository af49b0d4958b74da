"""Bone that goes with a T-score, loosely: the three classes of the WHO overlap in it, as they do in patients."""

from dataclasses import replace

import numpy as np

from OsteoScreenLib.phantoms.scene import Bone, random_bone
from OsteoScreenLib.phantoms.spine import SPINE_LEVELS

RANGES: tuple[tuple[float, float], ...] = ((-1.0, 1.5), (-2.5, -1.0), (-4.0, -2.5))
"""T-scores drawn in each class of `bone_status.STATUSES`, all equally likely."""

HU_AT_ZERO, HU_PER_T, HU_SD = 160.0, 26.0, 28.0
"""Mean trabecular HU at 120 kVp: its value at T = 0, its slope, and the SD between patients of one T-score.

Chosen, not measured: they put the middle of the classes at 167, 115 and 76 HU, with the published lines of 160 and
110 HU (Pickhardt et al. 2013) about where normal and osteoporotic patients begin to mix.
"""

CORTEX_MM_AT_ZERO, CORTEX_MM_PER_T, CORTEX_MM_SD = 0.75, 0.08, 0.12
_LEVEL_SD = 8.0


def random_t_score(rng: np.random.Generator) -> float:
    """Draw a T-score: each class as often as the others."""
    low, high = RANGES[rng.integers(len(RANGES))]
    return float(rng.uniform(low, high))


def bone_of(t_score: float, rng: np.random.Generator) -> Bone:
    """Draw the bone of a patient with a T-score: density and cortex follow it, all else is as in `random_bone`."""
    bone = random_bone(rng)
    mean = max(15.0, HU_AT_ZERO + HU_PER_T * t_score + rng.normal(0, HU_SD))
    cortex = float(np.clip(CORTEX_MM_AT_ZERO + CORTEX_MM_PER_T * t_score + rng.normal(0, CORTEX_MM_SD), 0.25, 1.3))
    return replace(
        bone,
        trabecular={level: mean + rng.normal(0, _LEVEL_SD) for level in SPINE_LEVELS},
        cortex_mm=cortex,
        arch_marrow=mean + rng.uniform(0, 100),
    )
