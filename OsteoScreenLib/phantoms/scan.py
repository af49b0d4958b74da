"""What a scanner does to a rendered scene: blur, slice thickness, noise, a little shading."""

from dataclasses import dataclass

import numpy as np

MINIMUM_HU, MAXIMUM_HU = -1024.0, 3071.0


@dataclass(frozen=True)
class Protocol:
    """How a scene is scanned.

    `blur` is the SD in mm of the in-plane point spread, `noise` its SD in HU, `grain` the noise's correlation length in
    mm, `shading` the SD in HU of a slow drift across the image (cupping, beam hardening).
    """

    blur: float = 0.6
    noise: float = 15.0
    grain: float = 0.6
    shading: float = 3.0


def random_protocol(rng: np.random.Generator) -> Protocol:
    """Draw a protocol between a sharp low-dose and a smooth standard kernel."""
    return Protocol(rng.uniform(0.3, 1.1), rng.uniform(5, 45), rng.uniform(0.3, 1.2), rng.uniform(0, 10))


def scan(
    hu: np.ndarray, spacing: tuple[float, float, float], protocol: Protocol, rng: np.random.Generator
) -> np.ndarray:
    """Return HU (k, j, i) as a scanner would give them, float32 in the 12-bit range; spacing in mm along i, j, k."""
    from scipy.ndimage import gaussian_filter, zoom

    steps = np.asarray(spacing[::-1])
    in_plane = np.array([0.0, protocol.blur, protocol.blur]) / steps
    noise = gaussian_filter(rng.standard_normal(hu.shape, dtype=np.float32), protocol.grain / steps)
    noise *= protocol.noise / max(float(noise.std()), 1e-6)
    coarse = rng.normal(0, protocol.shading, (4, 4, 4)).astype(np.float32)
    drift = zoom(coarse, np.asarray(hu.shape) / 4, order=1)
    return np.clip(gaussian_filter(hu, in_plane) + noise + drift, MINIMUM_HU, MAXIMUM_HU).astype(np.float32)
