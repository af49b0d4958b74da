"""The spine's line, counted in levels, laid over the boxes: bodies come in even steps, and no box is on a disc."""

import numpy as np

_STRETCH = np.linspace(0.8, 1.2, 41)
_SHIFT = np.linspace(-0.5, 0.5, 51)
_STRETCH_SD, _SHIFT_SD = 0.15, 0.4
_BOXES = 12.0
"""How many boxes' worth of doubt there is in their places: a few of them hardly move the line."""


def evened(z: np.ndarray, heights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the line's heights (m,) as a course with even steps from disc to disc, over rising z (m,) in RAS mm.

    `heights` (n,) in levels below L1 at `z` (n,) tell bodies from discs and change in leaps between them, at the
    discs. Where fewer than two discs are seen they are returned as they are, over rising z.
    """
    order = np.argsort(z)[::-1]
    z, heights = np.asarray(z, float)[order], np.asarray(heights, float)[order]
    discs = np.arange(np.floor(heights.min()), np.ceil(heights.max())) + 0.5
    discs = discs[(discs > heights.min()) & (discs < heights.max())]
    if len(discs) < 2:
        return z[::-1], heights[::-1]
    at = np.interp(discs, heights, z)
    above, below = at[0] + (at[0] - at[1]), at[-1] + (at[-1] - at[-2])
    return np.array([above, *at, below])[::-1], np.array([discs[0] - 1, *discs, discs[-1] + 1])[::-1]


def aligned(heights: np.ndarray) -> tuple[float, float]:
    """Return by which factor boxes' heights (n,) in levels below L1 are to be stretched, and then moved.

    Whole heights are the middles of bodies. Of the stretches within 20 % and the shifts within half a level that one is
    taken which brings the boxes nearest to whole heights (cosines of their phases summed), with a normal prior on both.
    """
    stretch, shift = np.meshgrid(_STRETCH, _SHIFT, indexing="ij")
    phase = 2 * np.pi * (stretch[..., None] * np.asarray(heights) + shift[..., None])
    doubt = 0.5 * ((stretch - 1) / _STRETCH_SD) ** 2 + 0.5 * (shift / _SHIFT_SD) ** 2
    score = np.cos(phase).sum(-1) / _BOXES - doubt
    best = np.unravel_index(score.argmax(), score.shape)
    return float(stretch[best]), float(shift[best])
