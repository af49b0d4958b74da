"""The shape of one vertebra as signed distances: an analytic one here, measured ones in `training.shapes`.

Points are axes-first arrays (3, ...) in mm in the vertebra's own frame: lateral (right), anterior, cranial; the origin
is the centre of the body. Distances are negative inside.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from OsteoScreenLib.phantoms.spine import Spine


class VertebraShape(Protocol):
    """What the renderer needs to know of a vertebra: two distance functions and its reach."""

    reach: float
    """Radius in mm of a ball around the body's centre that holds the whole vertebra."""

    def body(self, points: np.ndarray) -> np.ndarray:
        """Return the signed distance in mm to the vertebral body."""
        ...

    def posterior(self, points: np.ndarray) -> np.ndarray:
        """Return the signed distance in mm to arch and processes."""
        ...


@dataclass(frozen=True)
class AnalyticVertebra:
    """A vertebra made of formulas.

    The body is a kidney-shaped superellipse with a waist, concave endplates and rounded rims. `wedge`, `biconcave`
    and `crush` are lost fractions of the anterior, middle and whole height (Genant's three kinds of fracture);
    `lip` is the overhang of rim osteophytes in mm.
    """

    width: float
    depth: float
    height: float
    thoracic: bool = False
    waist: float = 0.1
    hollow: float = 1.5
    exponent: float = 2.4
    notch: float = 0.15
    wedge: float = 0.0
    biconcave: float = 0.0
    crush: float = 0.0
    lip: float = 0.0
    slope: float = 0.0

    @property
    def reach(self) -> float:
        """Radius in mm around the body's centre within which all of the vertebra lies."""
        return self.depth / 2 + 62.0

    def body(self, points: np.ndarray) -> np.ndarray:
        """Return the signed distance in mm to the vertebral body, exact to first order at its surface."""
        x, y, z = points
        a, b, half = self.width / 2, self.depth / 2, self.height / 2
        back = b * (1 - self.notch * np.exp(-np.square(x / (0.45 * a))))
        v = y / np.where(y < 0, back, b)
        radius = np.power(np.abs(x / a) ** self.exponent + np.abs(v) ** self.exponent + 1e-6, 1 / self.exponent)
        t = np.square(np.clip(z / half, -1.2, 1.2))
        girth = 1 - self.waist * (1 - t) + self.lip / a * np.square(t)
        side = np.hypot(x, y) * (1 - girth / radius)
        core = np.clip(1 - np.square(radius), 0, 1)
        front = (v + 1) / 2
        top = half * (1 - 2 * self.crush - 2 * self.wedge * np.clip(front, 0, 1.2) + self.slope * v)
        hollow = (self.hollow + self.biconcave * half) * core
        upper = z - (top - hollow)
        lower = -z - (half * (1 - self.slope * v) - hollow)
        return smooth_max(side, np.maximum(upper, lower), 2.0).astype(np.float32)

    def posterior(self, points: np.ndarray) -> np.ndarray:
        """Return the signed distance in mm to pedicles, laminae, articular, transverse and spinous processes."""
        x, y, z = np.abs(points[0]), points[1] + self.depth / 2, points[2]
        h, side = self.height, 0.27 * self.width + 3.0
        parts = [
            _capsule(x, y, z, (side, 4, 0.2 * h), (side + 1, -12, 0.15 * h), 4.3, tall=1.5),
            _capsule(x, y, z, (side, -13, 0.05 * h), (1.5, -21, -0.2 * h), 3.6, tall=1.9),
            _capsule(x, y, z, (side + 1, -13, 0.1 * h), (side + 2, -15, 0.72 * h), 4.6, tall=1.0),
            _capsule(x, y, z, (side - 3, -18, -0.25 * h), (side - 2, -18, -0.85 * h), 4.4, tall=1.0),
        ]
        if self.thoracic:
            parts.append(_capsule(x, y, z, (side, -12, 0.15 * h), (side + 15, -24, 0.25 * h), 4.0, tall=1.3))
            parts.append(_capsule(x, y, z, (0, -20, -0.2 * h), (0, -40, -0.95 * h), 2.8, tall=1.9))
        else:
            parts.append(_capsule(x, y, z, (side, -9, 0.15 * h), (0.5 * self.width + 17, -15, 0.2 * h), 3.2, tall=1.6))
            parts.append(_capsule(x, y, z, (0, -21, -0.2 * h), (0, -44, -0.35 * h), 2.9, tall=3.2))
        whole = parts[0]
        for part in parts[1:]:
            whole = -smooth_max(-whole, -part, 3.0)
        return whole.astype(np.float32)


def _capsule(x, y, z, start, stop, radius: float, tall: float) -> np.ndarray:
    """Return the distance to a capsule whose cross-section is `tall` times higher than wide."""
    p = np.stack([x - start[0], y - start[1], (z - start[2]) / tall])
    axis = np.array([stop[0] - start[0], stop[1] - start[1], (stop[2] - start[2]) / tall], dtype=np.float32)
    along = np.clip(np.tensordot(axis, p, 1) / float(axis @ axis), 0, 1)
    gap = p - axis.reshape(3, *[1] * (p.ndim - 1)) * along
    return np.sqrt(np.square(gap).sum(0)) - radius


def smooth_max(a: np.ndarray, b: np.ndarray, k: float) -> np.ndarray:
    """Return the maximum of two distances, rounded where they meet within `k` mm."""
    h = np.clip(0.5 + 0.5 * (a - b) / k, 0, 1)
    return b + (a - b) * h + k * h * (1 - h)


def random_vertebra(spine: Spine, level: str, rng: np.random.Generator, fracture: float = 0.08) -> AnalyticVertebra:
    """Draw an analytic vertebra of the size that the spine has at `level`, fractured with probability `fracture`."""
    width, depth, height = spine.sizes[level]
    wedge, biconcave, crush = 0.0, 0.0, 0.0
    if level != "S1" and rng.random() < fracture:
        wedge, biconcave, crush = rng.dirichlet([0.6, 0.6, 0.3]) * rng.uniform(0.2, 0.5)
    return AnalyticVertebra(
        width, depth, height,
        thoracic=level.startswith("T"),
        waist=rng.uniform(0.04, 0.16),
        hollow=rng.uniform(0.3, 3.0),
        exponent=rng.uniform(2.1, 2.8),
        notch=rng.uniform(0.05, 0.25),
        wedge=wedge + (0.06 if level == "S1" else rng.uniform(0, 0.06)),
        biconcave=biconcave,
        crush=crush,
        lip=rng.uniform(0, 4) if rng.random() < 0.3 else rng.uniform(0, 1),
        slope=-rng.uniform(0.05, 0.15) if level == "L5" else rng.normal(0, 0.02),
    )  # fmt: skip
