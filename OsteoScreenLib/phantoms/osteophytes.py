"""Osteophytes and syndesmophytes: beaks of bone on the rims of a vertebral body."""

import numpy as np

from OsteoScreenLib.phantoms.solids import Shape

_ANGLES = 180


def random_rim(
    size: tuple[float, float, float],
    gaps: tuple[float, float],
    height: float,
    steepness: float,
    rng: np.random.Generator,
) -> Shape:
    """Draw osteophytes around both rims of a body of `size` (width, depth, height) in mm.

    `height` is the longest beak in mm; `steepness` is 0 for claws that point outwards and 1 for syndesmophytes that
    rise along the disc. No beak passes the middle of the disc: `gaps` are the heights in mm of the discs (above,
    below). First-order distance.
    """
    width, depth, tall = size
    theta = np.linspace(-np.pi, np.pi, _ANGLES, endpoint=False)
    rim = ((np.abs(np.sin(theta)) / (width / 2)) ** 2.4 + (np.abs(np.cos(theta)) / (depth / 2)) ** 2.4) ** (-1 / 2.4)
    beaks = np.stack([_beaks(theta, height, rng) for _ in range(2)])
    limit = np.asarray(gaps)[:, None] / 2 - 0.3
    tilt = np.arcsin(np.clip(steepness, 0.05, 1.0))
    tip_out = np.float32(beaks * np.cos(tilt) - 2.5)
    tip_up = np.float32(np.minimum(beaks * np.sin(tilt) - 3.0, limit - 1.0))
    rim, start_out, start_up = np.float32(rim), np.float32(-5.5), np.float32(-6.5)
    limits, girth = np.float32(limit[:, 0]), np.float32(0.2 * beaks)

    def distance(points: np.ndarray) -> np.ndarray:
        x, y, z = points
        angle = ((np.arctan2(x, y) + np.pi) * (_ANGLES / (2 * np.pi))).astype(np.int32) % _ANGLES
        below = (z < 0).astype(np.int32)
        out = np.hypot(x, y) - rim[angle] - start_out
        up = np.abs(z) - np.float32(tall / 2) - start_up
        along_out, along_up = tip_out[below, angle] - start_out, tip_up[below, angle] - start_up
        t = np.clip((out * along_out + up * along_up) / (along_out**2 + along_up**2), 0, 1)
        stout = girth[below, angle]
        beak = np.hypot(out - t * along_out, up - t * along_up) - (2.6 + stout - (1.4 + 0.6 * stout) * t)
        return np.maximum(beak, np.abs(z) - np.float32(tall / 2) - limits[below])

    reach = np.array([width / 2 + 1.2 * height, depth / 2 + 1.2 * height, tall / 2 + max(gaps) / 2])
    return Shape(distance, -reach, reach)


def _beaks(theta: np.ndarray, height: float, rng: np.random.Generator) -> np.ndarray:
    """Return the length in mm of the beak at each angle from the front: a few humps, in front and at the sides."""
    length = np.zeros_like(theta)
    for _ in range(rng.integers(1, 5)):
        middle, sharpness = rng.normal(0, 1.2), rng.uniform(3, 14)
        length = np.maximum(length, rng.uniform(0.3, 1.0) * np.exp(sharpness * (np.cos(theta - middle) - 1)))
    behind = np.clip((np.abs(theta) - 1.7) / 0.6, 0, 1)
    return height * length * (1 - 0.85 * behind)
