"""How the patient lies: the turn of the image in which the survey is surest of the spine."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.segmentation.locate import sureness
from OsteoScreenLib.segmentation.networks import SURVEY_SPACING
from OsteoScreenLib.volume import Volume, band_limited

if TYPE_CHECKING:
    from torch.nn import Module

_DEGREES = 20.0
"""How far the image is turned to either side about each axis; the networks have learnt tilts of some 10 degrees."""

_ROUNDS = 2
"""How often: a patient may be turned about two axes, or twice as far about one."""

_BETTER = 1.03
"""How much surer than of the image as it is the survey must be of a turned one."""


def upright(volume: Volume, network: "Module", device: str) -> Volume:
    """Return a CT turned about its middle so that the patient lies as in training: head up, face to the front.

    The voxels are shared; only `ijk_to_ras` is another one. A CT that shows no spine, or one that lies straight, comes
    back as it is.
    """
    small = band_limited(volume, SURVEY_SPACING)
    pose, best = np.eye(4), sureness(small, network, device)
    turns = [rotation(small, sign * _DEGREES, axis) for axis in range(3) for sign in (-1, 1)]
    for _ in range(_ROUNDS):
        scores = [sureness(moved(small, turn @ pose), network, device) for turn in turns]
        if max(scores) <= _BETTER * best:
            break
        pose, best = turns[int(np.argmax(scores))] @ pose, max(scores)
    return moved(volume, pose)


def rotation(volume: Volume, degrees: float, axis: int) -> np.ndarray:
    """Return the 4x4 that turns RAS mm about an axis (0 R, 1 A, 2 S) through the middle of a volume."""
    a, b = (n for n in range(3) if n != axis)
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.eye(4)
    turn[[a, a, b, b], [a, b, a, b]] = c, -s, s, c
    middle = volume.to_ras((np.array(volume.voxels.shape[::-1]) - 1) / 2)
    turn[:3, 3] = middle - turn[:3, :3] @ middle
    return turn


def moved(volume: Volume, rigid: np.ndarray) -> Volume:
    """Return the same voxels at other places in RAS: where a rigid 4x4 takes them."""
    return replace(volume, ijk_to_ras=rigid @ volume.ijk_to_ras)
