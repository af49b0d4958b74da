"""What a scanner does to a rendered scene: tube voltage, beam hardening, streaks, kernel, noise, a little shading."""

from dataclasses import dataclass, replace

import numpy as np

from OsteoScreenLib.attenuation import REFERENCE_KVP
from OsteoScreenLib.phantoms.streaks import hardening, streaks
from OsteoScreenLib.phantoms.tube_voltage import at_voltage

MINIMUM_HU, MAXIMUM_HU = -1024.0, 3071.0
_HALO_MM = 1.3
"""Width of the overshoot beside an edge that a sharp kernel leaves."""


@dataclass(frozen=True)
class Protocol:
    """How a scene is scanned.

    `blur` is the SD in mm of the in-plane point spread, `noise` its SD in HU, `grain` the noise's correlation length in
    mm, `shading` the SD in HU of a slow drift across the image. `kvp` is the tube voltage in kV; `overshoot` the edge
    enhancement of a sharp kernel (0 none, 1 strong); `cupping` the depth in HU that beam hardening digs into the body;
    `streaks` scales the streaks of metal (1 is uncorrected).
    """

    blur: float = 0.6
    noise: float = 15.0
    grain: float = 0.6
    shading: float = 3.0
    kvp: float = REFERENCE_KVP
    overshoot: float = 0.0
    cupping: float = 0.0
    streaks: float = 0.0


def random_protocol(rng: np.random.Generator, faults: float = 0.0) -> Protocol:
    """Draw a protocol between a sharp low-dose and a smooth standard kernel; `faults` as in `faulty`."""
    protocol = Protocol(rng.uniform(0.3, 1.1), rng.uniform(5, 45), rng.uniform(0.3, 1.2), rng.uniform(0, 10))
    return faulty(protocol, rng.spawn(1)[0], faults) if faults > 0 else protocol


def faulty(protocol: Protocol, rng: np.random.Generator, faults: float) -> Protocol:
    """Return a protocol with what real scanners add, each with a probability that `faults` in (0, 1] scales.

    Another tube voltage (80 to 140 kVp, most often 100), edge enhancement, beam hardening; metal always casts streaks,
    weaker where the scanner corrects for them.
    """
    voltage = float(rng.choice([80, 100, 140, rng.uniform(80, 140)], p=[0.15, 0.45, 0.2, 0.2]))
    return replace(
        protocol,
        kvp=voltage if rng.random() < faults else protocol.kvp,
        overshoot=rng.uniform(0, 0.9) if rng.random() < 0.5 * faults else 0.0,
        cupping=rng.uniform(0, 30) if rng.random() < 0.6 * faults else 0.0,
        streaks=rng.uniform(0.2, 1.2),
    )


def scan(
    hu: np.ndarray, spacing: tuple[float, float, float], protocol: Protocol, rng: np.random.Generator
) -> np.ndarray:
    """Return HU (k, j, i) as a scanner would give them, float32 in the 12-bit range; spacing in mm along i, j, k.

    Slices (k) are axial. The scene is painted as at 120 kVp, on an unlimited scale.
    """
    from scipy.ndimage import gaussian_filter, zoom

    steps = np.asarray(spacing[::-1])
    in_plane = np.array([0.0, protocol.blur, protocol.blur]) / steps
    noise = gaussian_filter(rng.standard_normal(hu.shape, dtype=np.float32), protocol.grain / steps)
    noise *= protocol.noise / max(float(noise.std()), 1e-6)
    coarse = rng.normal(0, protocol.shading, (4, 4, 4)).astype(np.float32)
    drift = zoom(coarse, np.asarray(hu.shape) / 4, order=1)
    exposed = at_voltage(hu, protocol.kvp)
    if protocol.cupping:
        exposed = exposed + protocol.cupping * hardening(hu, spacing)
    if protocol.streaks:
        exposed = exposed + protocol.streaks * streaks(hu, spacing, rng)
    image = gaussian_filter(exposed, in_plane)
    if protocol.overshoot:
        image += protocol.overshoot * (image - gaussian_filter(image, np.array([0.0, _HALO_MM, _HALO_MM]) / steps))
    return np.clip(image + noise + drift, MINIMUM_HU, MAXIMUM_HU).astype(np.float32)
