"""Which level each body is: one consistent sequence for all of them."""

from dataclasses import dataclass

import numpy as np

SEQUENCE: tuple[str, ...] = (*(f"T{i}" for i in range(1, 13)), *(f"L{i}" for i in range(1, 6)), "S1")
"""The levels a sequence may hold, from head to foot."""

_SPACING_MM = dict(zip(SEQUENCE, (18, 19, 20, 21, 22, 23, 24, 25, 26, 28, 30, 32, 34, 36, 38, 38, 38, 34), strict=True))
"""Usual distance in mm from a body's centre to the one above it."""

_SPACING_SD = 0.17
"""SD of that distance, relative: patients differ in size."""

_HEIGHT_SD = 0.8
"""SD in levels of the height of one body."""

_CASE_SD = 0.35
"""SD in levels of the mean height error of a case: what the confidence rests on."""

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
    unary = np.array([_GAIN - 0.5 * np.square((c.height - heights) / _HEIGHT_SD) for c in found])
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
    confidence = _confidence(float(np.mean([found[i].height - heights[level] for i, level in path])))
    return [Named(i, SEQUENCE[level], confidence) for i, level in reversed(path)]


def _link(upper: np.ndarray, lower: np.ndarray, level: int, steps: int) -> float:
    """Return the score of two bodies being neighbours, `steps` levels apart, the lower one being at `level`."""
    step = upper - lower
    distance = float(np.linalg.norm(step))
    usual = sum(_SPACING_MM[SEQUENCE[level - s]] for s in range(steps))
    lean = float(np.degrees(np.arccos(np.clip(step[2] / max(distance, 1e-6), -1, 1))))
    off = (distance / usual - 1) / _SPACING_SD
    return -0.5 * off**2 - 0.5 * (max(0.0, lean - 35) / 12) ** 2 - _GAP * (steps - 1)


def _confidence(off: float) -> float:
    """Return the probability of a count whose heights are off by `off` levels on average, against its shifts by one."""
    shares = np.exp(-0.5 * np.square((off + np.array([0, -1, 1])) / _CASE_SD))
    return float(shares[0] / shares.sum())
