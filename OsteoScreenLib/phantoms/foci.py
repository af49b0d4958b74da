"""Foci of another density in a vertebral body: sclerosis, haemangioma, metastases, bone cement."""

import numpy as np

from OsteoScreenLib.phantoms.lesions import Focus
from OsteoScreenLib.phantoms.solids import Shape, ellipsoid, rippled, smooth_union

Size = tuple[float, float, float]
"""Width, depth and height of a body in mm."""


def endplate_sclerosis(size: Size, side: int, rng: np.random.Generator) -> Focus:
    """Draw dense bone under the upper (`side` 1) or lower (-1) endplate beside a worn disc (Modic type 3)."""
    width, depth, height = size
    where = (rng.uniform(-0.25, 0.25) * width, rng.uniform(-0.1, 0.4) * depth, side * height / 2)
    radii = (rng.uniform(0.2, 0.5) * width, rng.uniform(0.2, 0.5) * depth, rng.uniform(0.15, 0.4) * height)
    return Focus(ellipsoid(where, radii), rng.uniform(250, 650), 40, softness=5.0, strength=rng.uniform(0.4, 1.0))


def fracture_band(size: Size, rng: np.random.Generator) -> Focus:
    """Draw the band of packed trabeculae under a freshly broken endplate."""
    width, depth, height = size
    where = (0, rng.uniform(0, 0.2) * depth, rng.uniform(0.1, 0.3) * height)
    radii = (0.48 * width, 0.45 * depth, rng.uniform(2, 5))
    return Focus(ellipsoid(where, radii), rng.uniform(220, 480), 30, softness=3.0, strength=rng.uniform(0.3, 0.9))


def haemangioma(size: Size, rng: np.random.Generator) -> Focus:
    """Draw a haemangioma: fat or vessels between a few thick upright trabeculae (the polka-dot sign)."""
    blob = _blob(size, rng.uniform(0.2, 0.55), rng)
    return Focus(blob, rng.uniform(-60, 60), 12, columns=rng.uniform(200, 450), softness=2.0)


def lytic_metastasis(size: Size, rng: np.random.Generator) -> Focus:
    """Draw a hole of soft tissue, in half of the cases through the cortex."""
    depth = 0.0 if rng.random() < 0.5 else None
    return Focus(_blob(size, rng.uniform(0.15, 0.5), rng), rng.uniform(25, 70), 10, depth=depth)


def sclerotic_metastasis(size: Size, rng: np.random.Generator) -> Focus:
    """Draw dense bone, from one islet to nearly the whole body."""
    hu = rng.uniform(400, 1000)
    return Focus(_blob(size, rng.uniform(0.1, 0.7), rng), hu, 60, softness=2.5, strength=rng.uniform(0.6, 1))


def cement(size: Size, rng: np.random.Generator) -> Focus:
    """Draw the cement of a vertebroplasty: one or two lobes with a rough edge, beside each other."""
    width, depth, height = size
    lobes = []
    for side in (-1, 1) if rng.random() < 0.6 else (int(rng.choice([-1, 1])),):
        where = (side * rng.uniform(0.1, 0.25) * width, rng.uniform(-0.05, 0.25) * depth, rng.normal(0, 0.06) * height)
        radii = (rng.uniform(5, 10), rng.uniform(6, 12), rng.uniform(0.2, 0.42) * height)
        lobes.append(ellipsoid(where, radii))
    blob = rippled(smooth_union(4.0, *lobes), 2.5, 11.0, rng)
    return Focus(blob, rng.uniform(800, 2500), rng.uniform(40, 200), depth=0.0)


def _blob(size: Size, share: float, rng: np.random.Generator) -> Shape:
    """Return a wavy ball somewhere in the body, its radius a share of the body's mean half-axis."""
    half = np.asarray(size) / 2
    radius = share * half.mean() * 1.4
    where = rng.uniform(-0.7, 0.7, 3) * np.maximum(half - 0.5 * radius, 1)
    return rippled(ellipsoid(where, radius * rng.uniform(0.8, 1.25, 3)), 0.12 * radius, 1.5 * radius + 5, rng)
