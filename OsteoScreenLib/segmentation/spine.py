"""The spine as a line: where it runs and which height each of its points has."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class SpineLine:
    """The spine's centre line from head to foot: points (n, 3) in RAS mm and their heights (n,) in levels below L1."""

    points: np.ndarray
    heights: np.ndarray

    @property
    def length(self) -> float:
        """The length in mm from head to foot."""
        return float(np.ptp(self.points[:, 2]))

    def at(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the points (m, 3) at given z in RAS mm and their heights (m,); beyond an end it is that end's."""
        order = np.argsort(self.points[:, 2])
        x, y, heights = (
            np.interp(z, self.points[order, 2], values[order])
            for values in (self.points[:, 0], self.points[:, 1], self.heights)
        )
        return np.stack([x, y, z], axis=1), heights

    def bodies(self, low: int, high: int, lower: float = 0.0) -> np.ndarray:
        """Return the middles (m, 3) of the parts whose height rounds to each whole level in [low, high], if in view.

        With `lower` the parts lie so many levels farther down.
        """
        level = np.rint(self.heights - lower)
        seen = [n for n in range(low, high + 1) if (level == n).any()]
        return np.array([self.points[level == n].mean(0) for n in seen]).reshape(-1, 3)
