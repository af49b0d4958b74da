"""Where the spine runs and how high each of its points lies: one coarse look at the whole image."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.errors import AnatomyError
from OsteoScreenLib.segmentation.networks import HEIGHT_SCALE, SURVEY_SPACING, normalise
from OsteoScreenLib.volume import Volume, isotropic

if TYPE_CHECKING:
    from torch.nn import Module

_CLOSE = 0.25
"""Closeness to the centre line from which a slice is believed to show the spine."""

_FEWEST = 4
_MULTIPLE = 16
_SMALLEST = 32


@dataclass(frozen=True, eq=False)
class SpineLine:
    """The spine's centre line from head to foot: points (n, 3) in RAS mm and their heights (n,) in levels below L1."""

    points: np.ndarray
    heights: np.ndarray

    def between(self, low: float, high: float, step: float) -> np.ndarray:
        """Return points (m, 3) every `step` mm along the line whose height lies in [low, high] levels below L1."""
        order = np.argsort(self.points[:, 2])
        z = np.arange(self.points[:, 2].min(), self.points[:, 2].max() + step / 2, step)
        x, y, heights = (
            np.interp(z, self.points[order, 2], values[order])
            for values in (self.points[:, 0], self.points[:, 1], self.heights)
        )
        wanted = (heights >= low) & (heights <= high)
        return np.stack([x, y, z], axis=1)[wanted][::-1]

    def height_at(self, ras: np.ndarray) -> float:
        """Return the height of a point in RAS mm: that of the line at the same z, which goes on at its ends."""
        order = np.argsort(self.points[:, 2])
        z, heights = self.points[order, 2], self.heights[order]
        beyond = ras[2] - np.clip(ras[2], z[0], z[-1])
        slope = (heights[-1] - heights[0]) / (z[-1] - z[0])
        return float(np.interp(ras[2], z, heights) + slope * beyond)


def spine_line(volume: Volume, network: "Module", device: str) -> SpineLine:
    """Return the spine's centre line in a CT; raises `AnatomyError` where no spine is seen."""
    coarse = isotropic(volume, SURVEY_SPACING)
    closeness, height = _survey(coarse, network, device)
    points, heights = [], []
    for k in range(len(closeness)):
        if closeness[k].max() < _CLOSE:
            continue
        near = np.where(closeness[k] > 0.6 * closeness[k].max(), closeness[k], 0)
        near = near * _around(near)
        j, i = (float((axis * near).sum() / near.sum()) for axis in np.indices(near.shape))
        points.append(coarse.to_ras(np.array([i, j, k])))
        heights.append(float((height[k] * near).sum() / near.sum()))
    if len(points) < _FEWEST:
        raise AnatomyError("No spine was found in the image; choose a CT that shows L1-L4.")
    return SpineLine(*_smooth(np.array(points)[::-1], np.array(heights)[::-1]))


def _survey(coarse: Volume, network: "Module", device: str) -> tuple[np.ndarray, np.ndarray]:
    """Return closeness to the spine and height in levels below L1, both (k, j, i); air pads what the network needs."""
    import torch

    k, j, i = coarse.voxels.shape
    padded = [max(_SMALLEST, n + -n % _MULTIPLE) for n in (k, j, i)]
    pad = [(0, p - n) for p, n in zip(padded, (k, j, i), strict=True)]
    hu = np.pad(coarse.voxels, pad, constant_values=-1024)
    with torch.inference_mode():
        image = torch.from_numpy(normalise(hu))[None, None].to(device)
        output = network(image).float().cpu().numpy()[0, :, :k, :j, :i]
    return output[0], output[1] * HEIGHT_SCALE


def _around(near: np.ndarray) -> np.ndarray:
    """Return a mask (j, i) of the surroundings of a slice's highest value, so that a second blob does not pull."""
    j, i = np.unravel_index(near.argmax(), near.shape)
    rows, columns = np.indices(near.shape)
    return np.hypot(rows - j, columns - i) * SURVEY_SPACING < 40


def _smooth(points: np.ndarray, heights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return points and heights from head to foot as running medians; a point far off the line is drawn onto it."""
    from scipy.ndimage import median_filter

    return np.stack([median_filter(points[:, 0], 5, mode="nearest"), median_filter(points[:, 1], 5, mode="nearest"),
                     points[:, 2]], axis=1), median_filter(heights, 5, mode="nearest")  # fmt: skip
