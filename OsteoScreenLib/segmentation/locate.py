"""Where the spine runs and roughly how high each of its points lies: one coarse look at the whole image."""

from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.errors import AnatomyError
from OsteoScreenLib.segmentation.networks import HEIGHT_SCALE, SURVEY_FIELD, SURVEY_SPACING, normalise
from OsteoScreenLib.segmentation.spine import SpineLine
from OsteoScreenLib.volume import Volume, isotropic

if TYPE_CHECKING:
    from torch.nn import Module

_CLOSE = 0.15
"""Closeness to the centre line from which a slice is believed to show the spine."""

_FEWEST = 4
_MULTIPLE = 16


def spine_line(volume: Volume, network: "Module", device: str) -> SpineLine:
    """Return the spine's centre line in a CT, its heights good to a level or two.

    Raises `AnatomyError` where no spine is seen.
    """
    coarse = isotropic(volume, SURVEY_SPACING)
    closeness, height = _survey(coarse, network, device)
    points, heights = [], []
    for k, (j, i) in enumerate(_path(closeness)):
        around = (k, slice(max(0, j - 2), j + 3), slice(max(0, i - 2), i + 3))
        weight = np.clip(closeness[around], 0, None)
        if weight.max() < _CLOSE:
            continue
        rows, columns = np.mgrid[around[1:]]
        share = weight / weight.sum()
        points.append(coarse.to_ras(np.array([(share * columns).sum(), (share * rows).sum(), k])))
        heights.append((share * height[around]).sum())
    if len(points) < _FEWEST:
        raise AnatomyError("No spine was found in the image; choose a CT that shows L1-L4.")
    line = np.array(points)[::-1]
    smooth = _smooth(np.column_stack([line[:, :2], heights[::-1]]))
    return SpineLine(np.column_stack([smooth[:, :2], line[:, 2]]), smooth[:, 2])


def sureness(volume: Volume, network: "Module", device: str) -> float:
    """Return how much of a spine is seen in a CT: the closeness to it, summed in mm along the best path."""
    closeness, _ = _survey(isotropic(volume, SURVEY_SPACING), network, device)
    return SURVEY_SPACING * float(sum(closeness[k, j, i] for k, (j, i) in enumerate(_path(closeness))))


def _path(closeness: np.ndarray) -> list[tuple[int, int]]:
    """Return the (j, i) of each slice on the path through all slices that is closest to the spine in sum.

    Dynamic programming; from slice to slice the path moves by one voxel at most, so that a bright blob beside the spine
    cannot draw it away.
    """
    from scipy.ndimage import maximum_filter

    best = [closeness[0]]
    for slice_ in closeness[1:]:
        best.append(slice_ + maximum_filter(best[-1], size=3, mode="nearest"))
    j, i = np.unravel_index(best[-1].argmax(), best[-1].shape)
    path = [(int(j), int(i))]
    for score in best[-2::-1]:
        j0, i0 = max(0, path[-1][0] - 1), max(0, path[-1][1] - 1)
        near = score[j0 : path[-1][0] + 2, i0 : path[-1][1] + 2]
        j, i = np.unravel_index(near.argmax(), near.shape)
        path.append((int(j) + j0, int(i) + i0))
    return path[::-1]


def _survey(coarse: Volume, network: "Module", device: str) -> tuple[np.ndarray, np.ndarray]:
    """Return closeness to the spine and height in levels below L1, both (k, j, i).

    Air is put around the image, as in training, so that the network never sees less than `SURVEY_FIELD`; it looks at
    the mirror image, too.
    """
    import torch

    shape = coarse.voxels.shape
    total = [max(least, n + -n % _MULTIPLE) - n for n, least in zip(shape, SURVEY_FIELD[::-1], strict=True)]
    pad = [(extra // 2, extra - extra // 2) for extra in total]
    inside = tuple(slice(before, before + n) for (before, _), n in zip(pad, shape, strict=True))
    hu = np.pad(coarse.voxels, pad, constant_values=-1024)
    with torch.inference_mode():
        image = torch.from_numpy(normalise(hu))[None, None].to(device)
        output = ((network(image) + network(image.flip(-1)).flip(-1)) / 2).float().cpu().numpy()[0]
    return output[0][inside], output[1][inside] * HEIGHT_SCALE


def _smooth(values: np.ndarray) -> np.ndarray:
    """Return the running median over five slices of each column of values (n, columns)."""
    from scipy.ndimage import median_filter

    return median_filter(values, size=(5, 1), mode="nearest")
