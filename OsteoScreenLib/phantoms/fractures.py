"""Compression fractures: a body that has lost height, and the spine above it that has come down and tilted."""

from dataclasses import dataclass, replace

import numpy as np

from OsteoScreenLib.phantoms.lesions import Lesions
from OsteoScreenLib.phantoms.solids import ellipsoid
from OsteoScreenLib.phantoms.spine import Spine, tilted
from OsteoScreenLib.phantoms.vertebra import VertebraShape, smooth_max


@dataclass(frozen=True)
class Collapsed:
    """A vertebra whose upper endplate has come down: the `wedge` share of the height lost in front, `crush` all over.

    `size` is (width, depth, height) in mm of the intact body; Genant's kinds of fracture, the third (biconcave) being
    pits in the endplates. The origin is the centre of what is left; the body spreads a little as it sinks.
    """

    intact: VertebraShape
    size: tuple[float, float, float]
    wedge: float
    crush: float

    @property
    def lost(self) -> float:
        """Height in mm lost in the middle of the body."""
        return self.size[2] * (self.crush + self.wedge / 2)

    @property
    def reach(self) -> float:
        """Radius in mm around the body's centre within which all of the vertebra lies."""
        return self.intact.reach + self.lost

    def body(self, points: np.ndarray) -> np.ndarray:
        """Return the signed distance in mm to the vertebral body, to first order."""
        _, depth, height = self.size
        spread = np.float32(1 + 0.25 * self.lost / height)
        x, y, z = points[0] / spread, points[1] / spread, points[2] - np.float32(self.lost / 2)
        whole = self.intact.body(np.stack([x, y, z]))
        front = np.clip(y / depth + 0.5, 0, 1)
        top = height * (0.5 - self.crush - self.wedge * front)
        above = (z - top) / np.hypot(1, height * self.wedge / depth)
        return smooth_max(whole, above, 2.0).astype(np.float32)

    def posterior(self, points: np.ndarray) -> np.ndarray:
        """Return the signed distance in mm to arch and processes, which a compression leaves alone."""
        return self.intact.posterior(points - np.float32([0, 0, self.lost / 2]).reshape(3, *[1] * (points.ndim - 1)))


def collapse(
    spine: Spine, vertebrae: dict[str, VertebraShape], level: str, rng: np.random.Generator
) -> tuple[Spine, VertebraShape, Lesions, float]:
    """Draw a fracture of one level, of 12 to 55 % of its height (Genant grade 0-1 to 3).

    Returns the spine that has sunk and tilted above it, the broken vertebra, its sunken endplates, and the largest
    share of height lost.
    """
    grade = rng.uniform(0.12, 0.55)
    wedge, middle, crush = rng.dirichlet([0.7, 0.5, 0.3]) * grade
    size = spine.sizes[level]
    broken = Collapsed(vertebrae[level], size, wedge, crush)
    width, depth, height = size
    left = height - broken.lost
    kyphosis = rng.uniform(0.5, 1.0) * np.arctan(height * wedge / depth)
    sunken = replace(spine, sizes={**spine.sizes, level: (width, depth, left)})
    sunken = tilted(sunken, level, float(np.degrees(kyphosis)))
    pits = []
    for side, share in ((1, rng.uniform(0.5, 1.0)), (-1, rng.uniform(0.0, 1.0))):
        sag = 0.6 * share * middle * height
        if sag > 1:
            tilt = np.arctan(height * wedge / depth) if side > 0 else 0.0
            axes = np.array([[1, 0, 0], [0, np.cos(tilt), np.sin(tilt)], [0, -np.sin(tilt), np.cos(tilt)]])
            radii = (0.4 * width, 0.4 * depth, sag)
            pits.append(ellipsoid((0, -0.04 * depth, side * left / 2), radii, axes))
    return sunken, broken, Lesions(pits=tuple(pits)), max(wedge + crush, middle, crush)
