"""Drawn knees: femur and tibia from the front, with the cortex and the trabecular grain of a given loss of bone."""

import numpy as np

SHAPE, PIXEL_MM = (300, 250), 0.6
FRAME = 6
"""Blank pixels around the film, as collimators leave them."""


def knee_film(loss: float, rng: np.random.Generator) -> np.ndarray:
    """Return a knee from the front (row, column) in arbitrary units, bone bright.

    A loss of bone (0 healthy, 1 osteoporosis) makes the cortex thin, the inside faint and its grain coarse.
    """
    size, tilt = rng.normal(1, 0.06), np.radians(rng.normal(0, 3))
    rows, columns = np.indices(SHAPE, dtype=np.float32)
    across = (columns - SHAPE[1] / 2 - rng.normal(0, 6)) * PIXEL_MM / size
    down = (rows - SHAPE[0] / 2 - rng.normal(0, 8)) * PIXEL_MM / size
    x, y = np.cos(tilt) * across - np.sin(tilt) * down, np.sin(tilt) * across + np.cos(tilt) * down
    depth = np.maximum(_femur(x, y), np.maximum(_tibia(x, y), _fibula(x, y)))
    cortex_mm = max(0.8, rng.normal(4.2 - 2.2 * loss, 0.4))
    share, shell = np.clip(depth + 0.5, 0, 1), np.clip(1 - (depth - cortex_mm) / 0.8, 0, 1)
    inside = max(0.15, rng.normal(0.55 - 0.22 * loss, 0.06))
    texture = 1 + (0.12 + 0.08 * loss) * grain(SHAPE, max(0.8, 1.2 + 1.6 * loss), rng)
    flesh = np.sqrt(np.clip(1 - np.square(x / (62 + rng.normal(0, 5))), 0, 1))
    film = rng.uniform(0.4, 0.8) * flesh + share * (inside * texture + 0.45 * shell)
    film += 0.015 * rng.standard_normal(SHAPE)
    film[:FRAME] = film[-FRAME:] = film[:, :FRAME] = film[:, -FRAME:] = film.max()
    return film


def grain(shape: tuple[int, int], pixels: float, rng: np.random.Generator) -> np.ndarray:
    """Return noise (row, column) of unit SD whose detail is about `pixels` wide."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(rng.standard_normal(shape, dtype=np.float32), pixels)
    return noise / noise.std()


def _femur(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the depth in mm inside the femur: a shaft that widens into two condyles, which end at y = -3 mm."""
    flare = 17 + 24 / (1 + np.exp(-(y + 38) / 7))
    notch = 9 * np.exp(-np.square(x / 9))
    end = -3 - notch - 14 * np.clip(np.abs(x) / 41 - 0.55, 0, None)
    return np.minimum(flare - np.abs(x), end - y)


def _tibia(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the depth in mm inside the tibia: a plateau with two spines at y = 3 mm over a narrowing shaft."""
    waist = 15 + 26 / (1 + np.exp((y - 30) / 8))
    spines = 6 * (np.exp(-np.square((x - 5) / 3)) + np.exp(-np.square((x + 5) / 3)))
    return np.minimum(waist - np.abs(x), y - 3 + spines)


def _fibula(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the depth in mm inside the fibula, beside the tibia."""
    return np.minimum(6 - np.abs(x - 38), y - 20)
