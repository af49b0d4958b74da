"""Vertebrae in between: new shapes from two known ones."""

from dataclasses import dataclass

import numpy as np

from OsteoScreenLib.phantoms.vertebra import VertebraShape

_WAVES = 3
_STEEPEST = 0.15
"""Largest slope of the ripple, so that the mixed field stays close to a distance."""


@dataclass(frozen=True, eq=False)
class Between:
    """The body between two of about the same size, with a rippled surface; arch and processes are the first one's.

    A convex mix of signed distances is negative inside both and positive outside both: its surface runs between theirs.
    Thin processes would vanish in a mix. `share` is the second one's part; `waves` (n, 3) in rad/mm, `phases` (n,) and
    `heights` (n,) in mm make the ripple.
    """

    first: VertebraShape
    second: VertebraShape
    share: float
    waves: np.ndarray
    phases: np.ndarray
    heights: np.ndarray

    @property
    def reach(self) -> float:
        """Radius in mm around the body's centre within which all of the vertebra lies."""
        return max(self.first.reach, self.second.reach)

    def body(self, points: np.ndarray) -> np.ndarray:
        """Return the signed distance in mm to the vertebral body, to first order."""
        near = self.first.body(points)
        if self.share > 0:
            near = (1 - self.share) * near + self.share * self.second.body(points)
        for wave, phase, height in zip(self.waves, self.phases, self.heights, strict=True):
            near = near + height * np.sin(np.tensordot(wave, points, 1) + phase)
        return near.astype(np.float32)

    def posterior(self, points: np.ndarray) -> np.ndarray:
        """Return the signed distance in mm to arch and processes."""
        return self.first.posterior(points)


def random_between(first: VertebraShape, second: VertebraShape, rng: np.random.Generator) -> Between:
    """Draw a shape between two, rippled by waves 20 to 50 mm long that move the surface by up to 1 mm in all."""
    directions = rng.normal(size=(_WAVES, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    length = rng.uniform(20, 50, _WAVES)
    heights = rng.uniform(0, _STEEPEST, _WAVES) * length / (2 * np.pi) / _WAVES
    waves = directions * (2 * np.pi / length)[:, None]
    phases = rng.uniform(0, 2 * np.pi, _WAVES)
    share = rng.uniform(0, 1) if rng.random() < 0.6 else 0.0
    return Between(
        first, second, share, waves.astype(np.float32), phases.astype(np.float32), heights.astype(np.float32)
    )
