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

_HIGHEST = -8.0
"""Rough height, in levels below L1, above which the corridor ends: T5; no higher level was seen in training."""

_BELOW_MM = 66.0
_MULTIPLE = 16
_HALF_BODY_MM = 8.0


@dataclass(frozen=True, eq=False)
class Count:
    """What is said of a spine from foot to head: points (n, 3) in RAS mm, the probability (n, level) of each level."""

    points: np.ndarray
    probability: np.ndarray

    @cached_property
    def line(self) -> SpineLine:
        """The spine with the heights that these probabilities mean, which never fall on the way to the foot."""
        from scipy.optimize import isotonic_regression

        levels = np.arange(len(COUNTED)) - COUNTED.index("L1")
        heights = isotonic_regression((self.probability @ levels)[::-1]).x
        return SpineLine(self.points[::-1], heights)

    def levels_at(self, ras: np.ndarray) -> np.ndarray:
        """Return the probability (level,) of each level for a body with its centre at a point in RAS mm."""
        z = ras[2] + np.array([-_HALF_BODY_MM, 0.0, _HALF_BODY_MM])
        return np.array([np.interp(z, self.points[:, 2], column).mean() for column in self.probability.T])


def count_levels(volume: Volume, line: SpineLine, network: "Module", device: str) -> Count:
    """Return the level of each slice along a spine that the survey has found.

    The corridor reaches somewhat below the line; air is put around it, as in training; the network looks at the mirror
    image, too.
    """
    import torch

    fine = isotropic(volume, CORRIDOR_SPACING)
    z = fine.to_ras(np.stack([np.zeros(len(fine.voxels))] * 2 + [np.arange(len(fine.voxels))], axis=1))[:, 2]
    known = line.points[line.heights >= _HIGHEST, 2] if (line.heights >= _HIGHEST).any() else line.points[:, 2]
    seen = (z > known.min() - _BELOW_MM) & (z < known.max() + CORRIDOR_SPACING)
    points, _ = line.at(z[seen])
    corridor = straighten(fine.voxels[seen], fine.to_ijk(points)[:, [1, 0]])
    extra = max(CORRIDOR_LENGTH, len(corridor) + -len(corridor) % _MULTIPLE) - len(corridor)
    hu = np.pad(corridor, ((extra // 2, extra - extra // 2), (0, 0), (0, 0)), constant_values=AIR_HU)
    with torch.inference_mode():
        image = torch.from_numpy(normalise(hu))[None, None].to(device)
        output = (network(image) + network(image.flip(-1)).flip(-1)) / 2
        probability = output.float().softmax(1)[0].cpu().numpy()
    width, depth = CORRIDOR_SIZE
    middle = probability[:, :, depth // 2 - 1 : depth // 2 + 2, width // 2 - 1 : width // 2 + 2].mean((2, 3))
    return Count(points, middle[:, extra // 2 : extra // 2 + len(corridor)].T)
