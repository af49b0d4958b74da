"""A random lumbar and lower thoracic spine: where each vertebra stands, how it is turned and how large it is."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

SPINE_LEVELS: tuple[str, ...] = (*(f"T{i}" for i in range(5, 13)), *(f"L{i}" for i in range(1, 6)), "S1")
"""The levels a phantom has, from head to foot."""

# Round adult means per level, head to foot: width, depth and height of the body, and the disc below it, in mm.
_MEAN_SIZE = {
    "T5": (28, 24, 19, 4.0), "T6": (29, 26, 20, 4.0), "T7": (30, 27, 20, 4.2), "T8": (31, 29, 21, 4.5),
    "T9": (33, 30, 22, 4.8), "T10": (35, 31, 23, 5.2), "T11": (38, 31, 24, 5.8), "T12": (41, 32, 25, 6.8),
    "L1": (43, 32, 26.5, 8.0), "L2": (44, 33, 27.5, 9.2), "L3": (46, 34, 28, 10.5), "L4": (48, 35, 28, 11.0),
    "L5": (50, 35, 27.5, 10.0), "S1": (48, 30, 29, 0.0),
}  # fmt: skip

# Forward lean of each body's cranial axis in a standing-like curve, in degrees.
_MEAN_LEAN = {
    "T5": 14, "T6": 10, "T7": 6, "T8": 1, "T9": -4, "T10": -8, "T11": -11, "T12": -13, "L1": -12, "L2": -8,
    "L3": -1, "L4": 8, "L5": 21, "S1": 38,
}  # fmt: skip


@dataclass(frozen=True)
class Spine:
    """The skeleton that everything else hangs on.

    `centres` are body centres in RAS mm; `frames` have the columns lateral (patient's right), anterior, cranial;
    `sizes` are (width, depth, height) of the bodies in mm; `discs` the height in mm of the disc below each body.
    """

    centres: dict[str, np.ndarray]
    frames: dict[str, np.ndarray]
    sizes: dict[str, tuple[float, float, float]]
    discs: dict[str, float]

    def neighbours(self) -> list[tuple[str, str]]:
        """Return the pairs (upper, lower) of levels that share a disc."""
        return list(pairwise(SPINE_LEVELS))


def _rotation(lean: float, side: float, turn: float) -> np.ndarray:
    """Return the frame of a body leaning forward, to the patient's right, and turned, in degrees."""
    a, b, c = np.radians([lean, side, turn])
    forward = np.array([[1, 0, 0], [0, np.cos(a), np.sin(a)], [0, -np.sin(a), np.cos(a)]])
    sideways = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    axial = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return sideways @ forward @ axial


USUAL_LORDOSIS = (0.35, 1.3)
"""Between which shares of the mean curve spines are drawn."""


def random_spine(rng: np.random.Generator, lordosis: tuple[float, float] = USUAL_LORDOSIS) -> Spine:
    """Draw a spine with its S1 centre at the origin: body sizes, disc heights, lordosis and scoliosis vary.

    `lordosis` are the least and the largest share of the mean curve, in which S1 leans forward by 38 degrees. One in
    four has a scoliosis of up to about 25 degrees (Cobb); discs are narrowed at random, more so low down.
    """
    n = len(SPINE_LEVELS)
    scale = rng.normal(1.0, 0.07) * np.array([rng.normal(1, 0.05), rng.normal(1, 0.05), rng.normal(1, 0.05)])
    scale = np.clip(scale, 0.78, 1.25)
    curve = rng.uniform(*lordosis)
    bend = rng.normal(0, 5, 2) if rng.random() < 0.25 else rng.normal(0, 1, 2)
    phase, period = rng.uniform(0, 2 * np.pi), rng.uniform(8, 16)
    wave = np.sin(phase + 2 * np.pi * np.arange(n) / period)
    frames, sizes, discs = {}, {}, {}
    for i, level in enumerate(SPINE_LEVELS):
        width, depth, height, disc = _MEAN_SIZE[level]
        frames[level] = _rotation(
            _MEAN_LEAN[level] * curve + rng.normal(0, 1.5),
            bend[0] * wave[i] * 1.5 + rng.normal(0, 1.0),
            bend[1] * wave[i] + rng.normal(0, 1.0),
        )
        sizes[level] = tuple((np.array([width, depth, height]) * scale * rng.normal(1, 0.02, 3)).tolist())
        narrowing = rng.uniform(0.3, 0.7) if rng.random() < 0.08 + 0.08 * (i > 9) else rng.uniform(0.8, 1.15)
        discs[level] = disc * scale[2] * narrowing
    return Spine(_stacked(frames, sizes, discs), frames, sizes, discs)


def narrowed(spine: Spine, heights: dict[str, float]) -> Spine:
    """Return the spine with other disc heights in mm below the given levels; what is above comes down."""
    discs = {**spine.discs, **heights}
    return replace(spine, discs=discs, centres=_stacked(spine.frames, spine.sizes, discs))


def tilted(spine: Spine, level: str, degrees: float) -> Spine:
    """Return the spine with everything above a level leaning further forward, restacked on its sizes."""
    a = np.radians(degrees)
    lean = np.array([[1, 0, 0], [0, np.cos(a), np.sin(a)], [0, -np.sin(a), np.cos(a)]])
    hinge = spine.frames[level]
    turn = hinge @ lean @ hinge.T
    above = SPINE_LEVELS[: SPINE_LEVELS.index(level)]
    frames = {name: turn @ frame if name in above else frame for name, frame in spine.frames.items()}
    return replace(spine, frames=frames, centres=_stacked(frames, spine.sizes, spine.discs))


def slipped(spine: Spine, level: str, mm: float) -> Spine:
    """Return the spine with a level and all above it moved forward on the level below by `mm` (spondylolisthesis)."""
    place = SPINE_LEVELS.index(level)
    step = mm * spine.frames[SPINE_LEVELS[place + 1]][:, 1]
    moved = {name: spine.centres[name] + step for name in SPINE_LEVELS[: place + 1]}
    return replace(spine, centres={**spine.centres, **moved})


def _stacked(
    frames: dict[str, np.ndarray], sizes: dict[str, tuple[float, float, float]], discs: dict[str, float]
) -> dict[str, np.ndarray]:
    """Return the body centres of vertebrae piled on S1 at the origin."""
    centres = {"S1": np.zeros(3)}
    for upper, lower in reversed(list(pairwise(SPINE_LEVELS))):
        up_low, up_high = frames[lower][:, 2], frames[upper][:, 2]
        between = (up_low + up_high) / np.linalg.norm(up_low + up_high)
        centres[upper] = (
            centres[lower] + up_low * sizes[lower][2] / 2 + between * discs[upper] + up_high * sizes[upper][2] / 2
        )
    return centres
