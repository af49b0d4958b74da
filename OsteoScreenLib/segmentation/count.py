"""Which level each part of the spine is: a look along the corridor around it, fine enough to tell body from disc."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.segmentation.corridor import AIR_HU, straighten
from OsteoScreenLib.segmentation.networks import (
    CORRIDOR_LENGTH,
    CORRIDOR_SIZE,
    CORRIDOR_SPACING,
    COUNTED,
    normalise,
)
from OsteoScreenLib.segmentation.spine import SpineLine
from OsteoScreenLib.volume import Volume, isotropic

if TYPE_CHECKING:
    from torch.nn import Module

_FROM, _TO = -8.0, 7.0
"""Rough heights, in levels below L1, at which the corridor ends: T5 and the lower sacrum, as in training."""

_BELOW_MM = 30.0
_MULTIPLE = 16
_HALF_BODY_MM = 6.0


@dataclass(frozen=True, eq=False)
class Count:
    """What is said of a spine from foot to head.

    `points` (n, 3) in RAS mm are the middles of the corridor's slices, `probability` (n, j, i, level) that of each of
    the `COUNTED` levels in every voxel of it.
    """

    points: np.ndarray
    probability: np.ndarray

    @cached_property
    def line(self) -> SpineLine:
        """The spine with the heights that these probabilities mean in the middle, never falling towards the foot."""
        from scipy.optimize import isotonic_regression

        levels = np.arange(len(COUNTED)) - COUNTED.index("L1")
        middle = np.array([self._around(n, point) for n, point in enumerate(self.points)])
        return SpineLine(self.points[::-1], isotonic_regression((middle @ levels)[::-1]).x)

    def levels_at(self, ras: np.ndarray) -> np.ndarray:
        """Return the probability (level,) of each level for a body with its centre at a point in RAS mm."""
        z = ras[2] + np.array([-_HALF_BODY_MM, 0.0, _HALF_BODY_MM])
        slices = abs(self.points[:, 2] - z[:, None]).argmin(1)
        return np.mean([self._around(n, ras) for n in slices], axis=0)

    def _around(self, n: int, ras: np.ndarray) -> np.ndarray:
        """Return the mean probability (level,) of the 3 x 3 voxels of slice n around a point's x and y."""
        size = np.array(CORRIDOR_SIZE)
        i, j = np.clip(np.rint((ras - self.points[n])[:2] / CORRIDOR_SPACING + size // 2), 1, size - 2).astype(int)
        return self.probability[n, j - 1 : j + 2, i - 1 : i + 2].mean((0, 1))


def count_levels(volume: Volume, line: SpineLine, network: "Module", device: str) -> Count:
    """Return the level of each slice along a spine that the survey has found.

    The corridor reaches somewhat below the line; air is put around it, as in training; the network looks at the mirror
    image, too.
    """
    import torch

    fine = isotropic(volume, CORRIDOR_SPACING)
    z = fine.to_ras(np.stack([np.zeros(len(fine.voxels))] * 2 + [np.arange(len(fine.voxels))], axis=1))[:, 2]
    wanted = (line.heights >= _FROM) & (line.heights <= _TO)
    known = line.points[wanted if wanted.any() else slice(None), 2]
    seen = (z > known.min() - _BELOW_MM) & (z < known.max() + CORRIDOR_SPACING)
    points, _ = line.at(z[seen])
    columns = np.rint(fine.to_ijk(points))
    corridor = straighten(fine.voxels[seen], columns[:, [1, 0]])
    extra = max(CORRIDOR_LENGTH, len(corridor) + -len(corridor) % _MULTIPLE) - len(corridor)
    hu = np.pad(corridor, ((extra // 2, extra - extra // 2), (0, 0), (0, 0)), constant_values=AIR_HU)
    with torch.inference_mode():
        image = torch.from_numpy(normalise(hu))[None, None].to(device)
        output = (network(image) + network(image.flip(-1)).flip(-1)) / 2
        probability = output.float().softmax(1)[0].movedim(0, -1).cpu().numpy()
    return Count(fine.to_ras(columns), probability[extra // 2 : extra // 2 + len(corridor)])
