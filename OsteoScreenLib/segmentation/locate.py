"""Where the spine runs and how high each of its points lies: one coarse look at the whole image."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.errors import AnatomyError
from OsteoScreenLib.segmentation.networks import HEIGHT_SCALE, SURVEY_FIELD, SURVEY_SPACING, normalise
from OsteoScreenLib.volume import Volume, isotropic

if TYPE_CHECKING:
    from torch.nn import Module

_CLOSE = 0.25
"""Closeness to the centre line from which a slice is believed to show the spine."""

_NEAR_MM = 30.0
_FEWEST = 4
_MULTIPLE = 16


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
    close = np.argwhere(closeness > _CLOSE)
    if len(np.unique(close[:, 0])) < _FEWEST:
        raise AnatomyError("No spine was found in the image; choose a CT that shows L1-L4.")
    points, weights = coarse.to_ras(close[:, ::-1]), np.square(closeness[tuple(close.T)])
    near = np.linalg.norm(points[:, :2] - _curve(points, weights)(points[:, 2]), axis=1) < _NEAR_MM
    line, heights = [], []
    for k in np.unique(close[near, 0])[::-1]:
        here = near & (close[:, 0] == k)
        share = weights[here] / weights[here].sum()
        line.append(share @ points[here])
        heights.append(share @ height[tuple(close[here].T)])
    if len(line) < _FEWEST:
        raise AnatomyError("No spine was found in the image; choose a CT that shows L1-L4.")
    smooth = _smooth(np.column_stack([line, heights]))
    return SpineLine(np.column_stack([smooth[:, :2], np.array(line)[:, 2]]), smooth[:, 3])


def _curve(points: np.ndarray, weights: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return the parabola (x, y) over z through weighted points (n, 3), drawn off course by no second blob.

    Iteratively reweighted least squares with Cauchy's weights.
    """
    z = (points[:, 2] - points[:, 2].mean()) / 200
    shape = np.stack([np.ones_like(z), z, np.square(z)], axis=1)
    trust = weights
    for _ in range(8):
        root = np.sqrt(trust)[:, None]
        fit, *_ = np.linalg.lstsq(shape * root, points[:, :2] * root, rcond=None)
        off = np.linalg.norm(points[:, :2] - shape @ fit, axis=1)
        trust = weights / (1 + np.square(off / _NEAR_MM))

    def curve(at: np.ndarray) -> np.ndarray:
        t = (at - points[:, 2].mean()) / 200
        return np.stack([np.ones_like(t), t, np.square(t)], axis=1) @ fit

    return curve


def _survey(coarse: Volume, network: "Module", device: str) -> tuple[np.ndarray, np.ndarray]:
    """Return closeness to the spine and height in levels below L1, both (k, j, i).

    Air is put around the image, as in training, so that the network never sees less than `SURVEY_FIELD`.
    """
    import torch

    shape = coarse.voxels.shape
    total = [max(least, n + -n % _MULTIPLE) - n for n, least in zip(shape, SURVEY_FIELD[::-1], strict=True)]
    pad = [(extra // 2, extra - extra // 2) for extra in total]
    inside = tuple(slice(before, before + n) for (before, _), n in zip(pad, shape, strict=True))
    hu = np.pad(coarse.voxels, pad, constant_values=-1024)
    with torch.inference_mode():
        output = network(torch.from_numpy(normalise(hu))[None, None].to(device)).float().cpu().numpy()[0]
    return output[0][inside], output[1][inside] * HEIGHT_SCALE


def _smooth(values: np.ndarray) -> np.ndarray:
    """Return the running median over five slices of each column of values (n, columns)."""
    from scipy.ndimage import median_filter

    return median_filter(values, size=(5, 1), mode="nearest")
