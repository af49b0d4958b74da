"""How HU change with the tube voltage: bone brightens as kVp falls, soft tissue hardly."""

import numpy as np

REFERENCE_KVP = 120.0
"""The voltage at which scenes are painted."""

# Effective energy in keV of body CT spectra, about 0.6 of the peak.
_KVP, _KEV = (80.0, 100.0, 120.0, 140.0), (52.0, 60.0, 67.0, 73.0)

# Mass attenuation coefficients in cm2/g (Hubbell and Seltzer, NIST Standard Reference Database 126; ICRU-44 tissues).
_ENERGY = (50.0, 60.0, 80.0)
_WATER = (0.2269, 0.2059, 0.1837)
_TISSUES = {  # density in g/cm3, coefficients
    "adipose": (0.95, (0.2123, 0.1974, 0.1800)),
    "muscle": (1.05, (0.2262, 0.2048, 0.1823)),
    "cortical bone": (1.92, (0.4242, 0.3148, 0.2229)),
}


def tissue_hu(kvp: float) -> dict[str, float]:
    """Return HU of adipose tissue, muscle and cortical bone at a tube voltage of 80 to 140 kVp."""
    water = _coefficient(_WATER, kvp)
    return {name: 1000 * (rho * _coefficient(mu, kvp) / water - 1) for name, (rho, mu) in _TISSUES.items()}


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


def _coefficient(table: tuple[float, ...], kvp: float) -> float:
    """Return a mass attenuation coefficient in cm2/g, interpolated log-log between tabulated energies."""
    energy = np.interp(kvp, _KVP, _KEV)
    return float(np.exp(np.interp(np.log(energy), np.log(_ENERGY), np.log(table))))
