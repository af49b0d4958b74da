"""Pedicle screws and rods."""

import numpy as np

from OsteoScreenLib.phantoms.solids import Solid, capsule, tube, tube_pieces
from OsteoScreenLib.phantoms.spine import SPINE_LEVELS, Spine

SCREW_LEVELS = SPINE_LEVELS[SPINE_LEVELS.index("T10") :]


def instrumentation(spine: Spine, levels: tuple[str, ...], rng: np.random.Generator) -> list[Solid]:
    """Draw screws through the pedicles of neighbouring levels, with heads and two rods behind the arches.

    Titanium (3500 to 8000 HU) or, seldom, steel (8000 to 14000 HU), as an extended scale would show them. Screws in the
    body leave its truth as it is: metal in the body is body.
    """
    hu = rng.uniform(3500, 8000) if rng.random() < 0.85 else rng.uniform(8000, 14000)
    radius, solids = rng.uniform(2.2, 3.4), []
    for side in (-1, 1):
        heads = []
        for level in levels:
            width, depth, height = spine.sizes[level]
            centre, frame = spine.centres[level], spine.frames[level]
            hip = 0.27 * width + (10.0 if level == "S1" else 3.0)
            entry = np.array([side * (hip + 2.5), -depth / 2 - 15, 0.2 * height])
            tip = np.array([side * hip * rng.uniform(0.35, 0.75), depth * rng.uniform(0.05, 0.36), rng.normal(0, 2)])
            tip[2] += 0.1 * height
            outwards = (entry - tip) / np.linalg.norm(entry - tip)
            a, b, c = (centre + frame @ p for p in (entry + 9 * outwards, entry, tip))
            if rng.random() < 0.95:
                solids.append(tube(np.stack([b, c]), (radius, 0.8 * radius)).filled("screw", hu))
                solids.append(capsule(a, b, rng.uniform(4.5, 5.5)).filled("screw head", hu))
            heads.append(a)
        ends = np.array(heads)
        along = (ends[0] - ends[-1]) / np.linalg.norm(ends[0] - ends[-1])
        rod = np.stack([ends[0] + 8 * along, *ends, ends[-1] - 8 * along])
        solids += [piece.filled("rod", hu) for piece in tube_pieces(rod, 2.8, size=1)]
    return solids
