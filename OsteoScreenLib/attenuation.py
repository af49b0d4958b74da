"""How tissues attenuate X-rays: mass attenuation coefficients, and the HU that follow from them at a tube voltage.

Coefficients in cm2/g are those of Hubbell and Seltzer (NIST Standard Reference Database 126; ICRU-44 tissues).
"""

import numpy as np

REFERENCE_KVP = 120.0
"""The voltage of the cohorts behind the reference values, and that at which phantoms are painted."""

# Effective energy in keV of body CT spectra, about 0.6 of the peak.
_KVP, _KEV = (80.0, 100.0, 120.0, 140.0), (52.0, 60.0, 67.0, 73.0)

_ENERGY = (50.0, 60.0, 80.0)
_WATER = (0.2269, 0.2059, 0.1837)
_TISSUES = {  # density in g/cm3, coefficients
    "adipose": (0.95, (0.2123, 0.1974, 0.1800)),
    "muscle": (1.05, (0.2262, 0.2048, 0.1823)),
    "cortical bone": (1.92, (0.4242, 0.3148, 0.2229)),
}
_ELEMENTS = {
    "H": (0.3355, 0.3260, 0.3091),
    "O": (0.2132, 0.1907, 0.1678),
    "P": (0.4916, 0.3494, 0.2324),
    "Ca": (1.019, 0.6578, 0.3656),
}
_ATOMIC_MASS = {"H": 1.008, "O": 15.999, "P": 30.974, "Ca": 40.078}
_HYDROXYAPATITE = {"Ca": 10, "P": 6, "O": 26, "H": 2}
_HYDROXYAPATITE_DENSITY = 3.16


def tissue_hu(kvp: float) -> dict[str, float]:
    """Return HU of adipose tissue, muscle and cortical bone at a tube voltage of 80 to 140 kVp."""
    energy = effective_kev(kvp)
    water = _coefficient(_WATER, energy)
    return {name: 1000 * (rho * _coefficient(mu, energy) / water - 1) for name, (rho, mu) in _TISSUES.items()}


def effective_kev(kvp: float) -> float:
    """Return the effective energy in keV of a body CT at a tube voltage."""
    return float(np.interp(kvp, _KVP, _KEV))


def hydroxyapatite_hu_per_mg(energy: float) -> float:
    """Return by how many HU 1 mg/cm3 of hydroxyapatite raises those of water at an energy in keV (50 to 80).

    The mineral takes the place of the water it displaces.
    """
    masses = {element: n * _ATOMIC_MASS[element] for element, n in _HYDROXYAPATITE.items()}
    mineral = sum(mass * _coefficient(_ELEMENTS[element], energy) for element, mass in masses.items())
    return float(mineral / sum(masses.values()) / _coefficient(_WATER, energy) - 1 / _HYDROXYAPATITE_DENSITY)


def _coefficient(table: tuple[float, ...], energy: float) -> float:
    """Return a mass attenuation coefficient in cm2/g, interpolated log-log between tabulated energies."""
    return float(np.exp(np.interp(np.log(energy), np.log(_ENERGY), np.log(table))))
