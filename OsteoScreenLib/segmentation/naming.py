"""Which level each body is: one consistent sequence for all of them."""

from dataclasses import dataclass

import numpy as np

SEQUENCE: tuple[str, ...] = (*(f"T{i}" for i in range(1, 13)), *(f"L{i}" for i in range(1, 6)), "S1")
"""The levels a sequence may hold, from head to foot."""

_SPACING_MM = dict(zip(SEQUENCE, (18, 19, 20, 21, 22, 23, 24, 25, 26, 28, 30, 32, 34, 36, 38, 38, 38, 34), strict=True))
"""Usual distance in mm from a body's centre to the one above it."""

_SPACING_SD = 0.17
"""SD of that distance, relative: patients differ in size."""

_HEIGHT_SD, _PER_LEVEL = 0.6, 0.1
"""SD in levels of a body's height at the sacrum, and what is added for each level above it.

The sacrum is the surest landmark there is; ribs and organs, by which the upper levels are told, lie where they like.
"""

_CERTAINTY = 7.0
"""How sharply the confidence answers to the mean squared deviation: as fits the SD of 0.35 levels that the mean height
error of a case had on 16 phantoms. Too sure end to end (docs/segmentation.md), and not calibrated on patients."""

_GAIN = 2.0
_GAP = 3.0


@dataclass(frozen=True)
class Candidate:
    """A body without a name: its centre in RAS mm and how many levels below L1 its height is."""

    centre: np.ndarray
    height: float


@dataclass(frozen=True)
class Named:
    """A body's place among the candidates, its level, and the confidence in the whole count, in [0, 1]."""

    index: int
    level: str
    confidence: float


def name_levels(found: list[Candidate]) -> list[Named]:
    """Return the names of candidates that are sorted from head to foot.

    Dynamic programming over (candidate, level): a candidate on the path gains a constant less the squared deviation of
    its height; two neighbours on it lose the squared relative deviation of their distance from the usual one, more when
    a level between them is missing. Candidates off the path stay without a name.
    """
    n, levels = len(found), len(SEQUENCE)
    if n == 0:
        return []
    heights = np.arange(levels) - SEQUENCE.index("L1")
    off = np.array([(c.height - heights) / _deviation(c.height) for c in found])
    unary = _GAIN - 0.5 * np.square(off)
    best, parent = unary.copy(), np.full((n, levels, 2), -1)
    for lower in range(n):
        for upper in range(lower):
            for level in range(1, levels):
                for steps in (1, 2):
                    if level < steps:
                        continue
                    score = best[upper, level - steps] + unary[lower, level]
                    score += _link(found[upper].centre, found[lower].centre, level, steps)
                    if score > best[lower, level]:
                        best[lower, level], parent[lower, level] = score, (upper, level - steps)
    index, level = np.unravel_index(best.argmax(), best.shape)
    path = []
    while index >= 0:
        path.append((int(index), int(level)))
        index, level = parent[index, level]
    path.reverse()
    confidence = _confidence(found, path)
    return [Named(i, SEQUENCE[level], confidence) for i, level in path]


def _deviation(height: float) -> float:
    """Return the SD in levels of a height, which grows with the distance from the sacrum."""
    return _HEIGHT_SD + _PER_LEVEL * max(0.0, SEQUENCE.index("S1") - SEQUENCE.index("L1") - height)


def _link(upper: np.ndarray, lower: np.ndarray, level: int, steps: int) -> float:
    """Return the score of two bodies being neighbours, `steps` levels apart, the lower one being at `level`."""
    step = upper - lower
    distance = float(np.linalg.norm(step))
    usual = sum(_SPACING_MM[SEQUENCE[level - s]] for s in range(steps))
    lean = float(np.degrees(np.arccos(np.clip(step[2] / max(distance, 1e-6), -1, 1))))
    off = (distance / usual - 1) / _SPACING_SD
    return -0.5 * off**2 - 0.5 * (max(0.0, lean - 35) / 12) ** 2 - _GAP * (steps - 1)


def _confidence(found: list[Candidate], path: list[tuple[int, int]]) -> float:
    """Return the probability of a count against its shifts by one level.

    All heights of a case err together, so that the mean over the bodies counts, not the sum.
    """
    heights = np.array([found[index].height for index, _ in path])
    levels = np.array([level for _, level in path]) - SEQUENCE.index("L1")
    deviation = np.array([_deviation(height) for height in heights])
    cost = [np.mean(np.square((heights - levels - shift) / deviation)) for shift in (0, -1, 1)]
    shares = np.exp(-0.5 * _CERTAINTY * (np.array(cost) - min(cost)))
    return float(shares[0] / shares.sum())
