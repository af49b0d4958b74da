"""Where the vertebral bodies are and which level each one is: a coarse network, then one consistent sequence."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.errors import AnatomyError
from OsteoScreenLib.segmentation.networks import COARSE_FIELD, COARSE_LEVELS, COARSE_SPACING, HEIGHT_SCALE, normalise
from OsteoScreenLib.volume import Volume, isotropic

if TYPE_CHECKING:
    from torch.nn import Module

SEQUENCE: tuple[str, ...] = (*(f"T{i}" for i in range(1, 13)), *(f"L{i}" for i in range(1, 6)), "S1")
"""The levels a sequence may hold, from head to foot."""

_SPACING_MM = dict(zip(SEQUENCE, (18, 19, 20, 21, 22, 23, 24, 25, 26, 28, 30, 32, 34, 36, 38, 38, 38, 34), strict=True))
"""Usual distance in mm from a body's centre to the one above it."""

_SPACING_SD = 0.17
_HEIGHT_SD = 1.5
_PEAK = 0.25
_MOST = 60
_MULTIPLE = 16


@dataclass(frozen=True)
class Candidate:
    """A body centre that the network saw.

    RAS mm, value of the heatmap there, log-probability of each of `COARSE_LEVELS`, levels below L1 by the height.
    """

    centre: np.ndarray
    heat: float
    log_level: np.ndarray
    height: float


@dataclass(frozen=True)
class Located:
    """A named body: level, centre in RAS mm, and how much better the sequence fits than when shifted by a level."""

    level: str
    centre: np.ndarray
    confidence: float


def locate(volume: Volume, network: "Module", device: str) -> list[Located]:
    """Return the bodies of a CT in one consistent order from head to foot.

    The levels are the best path through candidate centres: network scores for the level, distances to the neighbour
    as usual at that level, no level twice, none skipped without room for it. Raises `AnatomyError` where no spine or
    no lumbar level is in the image.
    """
    located = sequence(candidates(*_coarse_pass(volume, network, device)))
    if not any(body.level.startswith("L") for body in located):
        seen = f"only {located[0].level}-{located[-1].level}" if located else "no spine"
        raise AnatomyError(f"No lumbar vertebra was found ({seen} in the field of view); choose a CT that shows L1-L4.")
    return located


def _coarse_pass(volume: Volume, network: "Module", device: str) -> tuple[Volume, np.ndarray, np.ndarray, np.ndarray]:
    """Return a 6 mm grid, level probabilities (channel, k, j, i), centre heatmap and height (k, j, i) on it.

    The network looks twice: at the whole image, then at the field around the spine that it saw there, as in training.
    """
    coarse = isotropic(volume, COARSE_SPACING)
    probability, _, _ = _apply(network, coarse, device)
    spine = np.argwhere(probability[0] < 0.5)
    if not len(spine):
        spine = np.array([coarse.voxels.shape]) / 2
    middle = np.median(spine, axis=0)[1:].astype(int)
    start = np.clip(middle - COARSE_FIELD // 2, 0, np.maximum(0, np.subtract(coarse.voxels.shape[1:], COARSE_FIELD)))
    field = coarse.window((slice(None), *(slice(a, a + COARSE_FIELD) for a in start.tolist())))
    return field, *_apply(network, field, device)


def _apply(network: "Module", image: Volume, device: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return level probabilities, heatmap and height of a 6 mm image, which is padded with air as the network needs."""
    import torch

    pad = [(0, -n % _MULTIPLE) for n in image.voxels.shape]
    hu = np.pad(image.voxels, pad, constant_values=-1024.0)
    k, j, i = image.voxels.shape
    with torch.inference_mode():
        output = network(torch.from_numpy(normalise(hu))[None, None].to(device)).float().cpu()[0, :, :k, :j, :i]
    return output[:-2].softmax(0).numpy(), output[-2].numpy(), output[-1].numpy() * HEIGHT_SCALE


def candidates(coarse: Volume, probability: np.ndarray, heat: np.ndarray, height: np.ndarray) -> list[Candidate]:
    """Return the local maxima of the heatmap with the level scores of their surroundings, from head to foot."""
    from scipy.ndimage import maximum_filter

    peaks = np.argwhere((heat == maximum_filter(heat, size=3, mode="constant")) & (heat > _PEAK))
    found = []
    for peak in sorted(peaks.tolist(), key=lambda p: -heat[tuple(p)])[:_MOST]:
        box = tuple(slice(max(0, p - 1), p + 2) for p in peak)
        weight = np.clip(heat[box], 0, None)
        where = np.stack(np.meshgrid(*[np.arange(s.start, s.start + n) for s, n in zip(box, weight.shape, strict=True)],
                                     indexing="ij"))  # fmt: skip
        kji = (where * weight).sum((1, 2, 3)) / weight.sum()
        centre = coarse.to_ras(kji[::-1])
        if any(np.linalg.norm(centre - other.centre) < 12 for other in found):
            continue
        level = (probability[1:, *box] * weight).sum((1, 2, 3)) + 1e-3 * weight.sum()
        below = float((height[box] * weight).sum() / weight.sum())
        found.append(Candidate(centre, float(heat[tuple(peak)]), np.log(level / level.sum()), below))
    return sorted(found, key=lambda c: -c.centre[2])


def sequence(found: list[Candidate]) -> list[Located]:
    """Return the best path through candidates and levels, and its confidence against the same path shifted.

    Dynamic programming over (candidate, level). A candidate off the path costs nothing; one on it gains the logarithm
    of its heat over the threshold. The score of a neighbour's distance is Gaussian in its relative deviation.
    """
    if not found:
        return []
    n, levels = len(found), len(SEQUENCE)
    unary = np.array([[_unary(c, level) for level in SEQUENCE] for c in found])
    best, parent = unary.copy(), np.full((n, levels, 2), -1)
    for c in range(n):
        for above in range(c):
            for level in range(1, levels):
                for skipped in (1, 2):
                    if level - skipped < 0:
                        continue
                    score = (
                        best[above, level - skipped] + unary[c, level] + _link(found[above], found[c], level, skipped)
                    )
                    if score > best[c, level]:
                        best[c, level], parent[c, level] = score, (above, level - skipped)
    c, level = np.unravel_index(best.argmax(), best.shape)
    path = []
    while c >= 0:
        path.append((int(c), int(level)))
        c, level = parent[c, level]
    path.reverse()
    confidence = _confidence(unary, path)
    return [Located(SEQUENCE[level], found[c].centre, confidence) for c, level in path]


def _unary(candidate: Candidate, level: str) -> float:
    channel = COARSE_LEVELS.index(level) if level in COARSE_LEVELS else 0
    off = candidate.height - (SEQUENCE.index(level) - SEQUENCE.index("L1"))
    return float(candidate.log_level[channel] + 2 * np.log(candidate.heat / _PEAK) - 0.5 * (off / _HEIGHT_SD) ** 2)


def _link(upper: Candidate, lower: Candidate, level: int, steps: int) -> float:
    """Return the score of two bodies being neighbours, `steps` levels apart, the lower one being at `level`."""
    step = upper.centre - lower.centre
    distance = float(np.linalg.norm(step))
    usual = sum(_SPACING_MM[SEQUENCE[level - s]] for s in range(steps))
    lean = float(np.degrees(np.arccos(np.clip(step[2] / max(distance, 1e-6), -1, 1))))
    return (
        -0.5 * ((distance / usual - 1) / _SPACING_SD) ** 2
        - 0.5 * (max(0.0, lean - 30) / 12) ** 2
        - (4.0 if steps == 2 else 0.0)
    )


def _confidence(unary: np.ndarray, path: list[tuple[int, int]]) -> float:
    """Return the share of the found numbering among itself and its shifts by one and two levels."""
    scores = []
    for shift in (0, -2, -1, 1, 2):
        moved = [(c, level + shift) for c, level in path if 0 <= level + shift < unary.shape[1]]
        lost = len(path) - len(moved)
        scores.append(sum(unary[c, level] for c, level in moved) - 3.0 * lost)
    shares = np.exp((np.array(scores) - max(scores)) / np.sqrt(len(path)))
    return float(shares[0] / shares.sum())
