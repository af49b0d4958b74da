"""How HU change with the tube voltage: bone brightens as kVp falls, soft tissue hardly."""

import numpy as np

from OsteoScreenLib.attenuation import REFERENCE_KVP, tissue_hu


def at_voltage(hu: np.ndarray, kvp: float) -> np.ndarray:
    """Return HU of 120 kVp as another voltage (80 to 140 kVp) gives them, float32.

    Air and water stay; what lies between or above the tissues of the table is interpolated or carried on in
    proportion, so that iodine, which changes a little more than bone, is taken for bone.
    """
    if kvp == REFERENCE_KVP:
        return hu
    before, after = (_ladder(voltage) for voltage in (REFERENCE_KVP, kvp))
    beyond = 30_000.0
    steep = (after[-1] - after[-2]) / (before[-1] - before[-2])
    before, after = [*before, before[-1] + beyond], [*after, after[-1] + beyond * steep]
    return np.interp(hu, before, after).astype(np.float32)


def _ladder(kvp: float) -> list[float]:
    tissue = tissue_hu(kvp)
    return [-1000.0, tissue["adipose"], 0.0, tissue["muscle"], tissue["cortical bone"]]
