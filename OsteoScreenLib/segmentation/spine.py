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

    def between(self, low: float, high: float, step: float) -> np.ndarray:
        """Return points (m, 3) every `step` mm along the line whose height lies in [low, high] levels below L1."""
        points, heights = self.at(np.arange(self.points[:, 2].min(), self.points[:, 2].max() + step / 2, step))
        return points[(heights >= low) & (heights <= high)][::-1]
