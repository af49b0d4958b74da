"""Streaks of metal and the shading of beam hardening, slice by slice."""

import numpy as np

METAL_HU = 2200.0
"""What attenuates more than this casts streaks."""

_ANGLES = 96
_WIDEST = 128
"""Pixels across at most; wider slices are projected coarser."""
_WATER_PER_MM = 0.02
_HARDENED = 0.045
"""Share of a metal path's attenuation that beam hardening hides, per unit of attenuation."""
_STARVED = 0.004
"""Noise of a ray at no metal, growing with the square root of what metal takes away."""
_OPAQUE = 6.0
"""Attenuation beyond which a detector sees nothing but scatter."""


def streaks(hu: np.ndarray, spacing: tuple[float, float, float], rng: np.random.Generator) -> np.ndarray:
    """Return what metal adds to each axial slice in HU (k, j, i, float32); spacing in mm along i, j, k.

    The metal alone is projected in parallel beams; beam hardening and photon starvation falsify its rays, and the
    errors are filtered and projected back, which gives the dark bands between and the fans around implants. Metal
    outside the array casts nothing.
    """
    from scipy.ndimage import zoom

    added = np.zeros(hu.shape, dtype=np.float32)
    layers = np.flatnonzero((hu > METAL_HU).any((1, 2)))
    if not len(layers):
        return added
    factor = max(1, round(max(hu.shape[1:]) / _WIDEST))
    metal = _coarse(np.where(hu[layers] > METAL_HU, hu[layers], 0), factor)
    step = np.array([spacing[1], spacing[0]]) * factor
    y, x = (step[n] * (np.arange(metal.shape[n + 1]) - metal.shape[n + 1] / 2) for n in range(2))
    width = float(step.max())
    half = int(np.ceil(np.hypot(np.abs(y).max(), np.abs(x).max()) / width)) + 2
    theta = np.arange(_ANGLES) * np.pi / _ANGLES
    rays = np.stack([y[:, None] * np.sin(t) + x[None] * np.cos(t) for t in theta]) / width + half
    rays = np.rint(rays).astype(np.int32)

    layer, j, i = np.nonzero(metal)
    weight = metal[layer, j, i] * (_WATER_PER_MM / 1000 * step.prod() / width)
    bins = 2 * half + 1
    where = (layer * _ANGLES + np.arange(_ANGLES)[:, None]) * bins + rays[:, j, i]
    shape = (len(layers), _ANGLES, bins)
    path = np.bincount(where.ravel(), np.tile(weight, _ANGLES), minlength=np.prod(shape)).reshape(shape)
    wrong = _filtered(_ray_errors(path, rng), width).astype(np.float32)

    fan = np.zeros(metal.shape, dtype=np.float32)
    for angle in range(_ANGLES):
        fan += wrong[:, angle][:, rays[angle]]
    fan *= np.pi / _ANGLES / _WATER_PER_MM * 1000
    if factor > 1:
        fan = zoom(fan, (1, factor, factor), order=1, grid_mode=True, mode="nearest")
    added[layers] = fan[:, : hu.shape[1], : hu.shape[2]]
    return added


def _coarse(layers: np.ndarray, factor: int) -> np.ndarray:
    """Return the mean of blocks of `factor` pixels in each slice; what is left over at the far edges is padded."""
    if factor == 1:
        return layers
    pad = [(0, 0), *((0, -n % factor) for n in layers.shape[1:])]
    k, j, i = (padded := np.pad(layers, pad)).shape
    return padded.reshape(k, j // factor, factor, i // factor, factor).mean((2, 4))


def _ray_errors(path: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return by how much the attenuation of rays through metal is measured wrongly."""
    seen = np.minimum(path, _OPAQUE)
    hidden = path - seen + _HARDENED * seen**2
    noise = _STARVED * np.exp(seen / 2) * rng.standard_normal(path.shape)
    return np.where(path > 0.05, noise - hidden, 0.0)


def _filtered(rays: np.ndarray, width: float) -> np.ndarray:
    """Return projections after the ramp filter of filtered back-projection, in 1/mm."""
    size = 2 * rays.shape[-1]
    frequency = np.fft.rfftfreq(size, width)
    window = np.cos(np.pi * frequency * width / 1.2) ** 2
    spectrum = np.fft.rfft(rays, size) * frequency * window
    return np.fft.irfft(spectrum, size)[..., : rays.shape[-1]]


def hardening(hu: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Return the cup that beam hardening digs, per HU of its depth, around a mean of zero (k, j, i, float32).

    Rays through much tissue, and most of all through bone, arrive hardened: the middle of the body and the space
    between bones get darker. Spacing is in mm along i, j, k.
    """
    from scipy.ndimage import gaussian_filter, zoom

    steps = [max(1, int(6.0 / mm)) for mm in reversed(spacing)]
    few = hu[:: steps[0], :: steps[1], :: steps[2]]
    tissue, bone = np.clip(few / 1000 + 1, 0, 1), np.clip(few - 150, 0, 2000) / 1000
    mm = np.asarray(spacing[::-1]) * steps
    load = gaussian_filter(tissue, [0, *(35 / mm[1:])]) + 4 * gaussian_filter(bone, [0, *(14 / mm[1:])])
    return zoom((load.mean() - load).astype(np.float32), np.asarray(hu.shape) / few.shape, order=1)
