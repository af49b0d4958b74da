"""The discs between vertebral bodies, and what wear leaves in them: gas, chalk, a cage."""

from dataclasses import dataclass

import numpy as np

from OsteoScreenLib.phantoms.solids import Shape, Solid, ellipsoid, intersection, rippled
from OsteoScreenLib.phantoms.spine import Spine

DISC_HU = 75.0
_REACH_MM = 4.0
"""How far a disc reaches into the bodies that are painted over it."""


@dataclass(frozen=True)
class Disc:
    """Where a disc lies: its middle in mm, its frame (columns lateral, anterior, cranial), two radii, half its height.

    `half` is without the part that reaches into the bodies; it is negative where slipped bodies overlap in height.
    """

    middle: np.ndarray
    frame: np.ndarray
    radii: np.ndarray
    half: float


def disc_between(spine: Spine, upper: str, lower: str) -> Disc:
    """Return the disc between two neighbours."""
    a, b = spine.centres[upper], spine.centres[lower]
    frame = (spine.frames[upper] + spine.frames[lower]) / 2
    up_high, up_low = spine.sizes[upper][2] / 2, spine.sizes[lower][2] / 2
    axis = (a - b) / np.linalg.norm(a - b)
    middle = ((a - axis * up_high) + (b + axis * up_low)) / 2
    half = float(np.linalg.norm(a - b) - up_high - up_low) / 2
    radii = np.add(spine.sizes[upper][:2], spine.sizes[lower][:2]) / 4 * 0.98
    return Disc(middle, frame, radii, half)


def disc_solids(spine: Spine) -> list[Solid]:
    """Return the discs, reaching a little into the bodies that are painted over them."""
    solids = []
    for upper, lower in spine.neighbours():
        disc = disc_between(spine, upper, lower)
        middle, frame, radii, half = disc.middle, disc.frame, disc.radii, disc.half + _REACH_MM

        def distance(points: np.ndarray, middle=middle, frame=frame, half=half, radii=radii) -> np.ndarray:
            local = np.tensordot(frame.T.astype(np.float32), points - middle.astype(np.float32).reshape(3, 1, 1, 1), 1)
            r = np.hypot(local[0] / radii[0], local[1] / radii[1]) + 1e-3
            side = np.hypot(local[0], local[1]) * (1 - 1 / r)
            return np.maximum(side, np.abs(local[2]) - half).astype(np.float32)

        reach = float(max(radii)) + 4
        solids.append(Solid(f"disc {upper}-{lower}", distance, middle - reach, middle + reach, DISC_HU, 12.0))
    return solids


def vacuum(disc: Disc, rng: np.random.Generator) -> Solid:
    """Draw the flat cleft of gas of a worn disc."""
    hu = rng.uniform(-900, -250)
    return _lens(disc, rng.uniform(0.3, 0.75, 2), rng.uniform(0.5, 1.6), 0.3, rng).filled("vacuum", hu)


def calcification(disc: Disc, rng: np.random.Generator) -> Solid:
    """Draw chalk in a disc."""
    hu = rng.uniform(180, 700)
    return _lens(disc, rng.uniform(0.15, 0.5, 2), rng.uniform(0.8, 2.5), 0.6, rng).filled("disc chalk", hu, 40)


def cage(disc: Disc, rng: np.random.Generator) -> Solid:
    """Draw an interbody cage: a block of polymer or titanium filled with bone."""
    wall = rng.uniform(120, 350) if rng.random() < 0.5 else rng.uniform(2500, 6000)
    radii = (rng.uniform(8, 13), rng.uniform(9, 12), max(disc.half, 2.0))
    block = ellipsoid(_off_centre(disc, 0.25, rng), np.multiply(radii, 1.2), _axes(disc))
    return block.filled("cage", rng.uniform(60, 400), 40, (2.0, wall))


def _axes(disc: Disc) -> np.ndarray:
    return np.linalg.qr(disc.frame)[0]


def _off_centre(disc: Disc, share: float, rng: np.random.Generator) -> np.ndarray:
    across = rng.uniform(-share, share, 2) * disc.radii
    return disc.middle + disc.frame[:, :2] @ across


def _lens(disc: Disc, shares: np.ndarray, half: float, off: float, rng: np.random.Generator) -> Shape:
    """Return a wavy lens of up to `half` mm half-height lying in a disc."""
    radii = (*(disc.radii * shares), half)
    lens = rippled(ellipsoid(_off_centre(disc, off, rng), radii, _axes(disc)), 0.4, 9.0, rng)
    return intersection(lens, ellipsoid(disc.middle, (*(disc.radii * 0.9), 60.0), _axes(disc)))
