"""Our own engine: the bodies of L1-L4 from a CT alone. It finds the spine, counts, looks, names, and outlines."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from OsteoScreenLib.device import run_with_fallback
from OsteoScreenLib.errors import AnatomyError
from OsteoScreenLib.findings import Findings
from OsteoScreenLib.levels import SCREENED
from OsteoScreenLib.progress import IsCancelled, Progress, part, stop_if
from OsteoScreenLib.result import ModelUse
from OsteoScreenLib.segmentation.count import Count
from OsteoScreenLib.segmentation.level_doubt import level_doubts
from OsteoScreenLib.segmentation.levels_along import count_along
from OsteoScreenLib.segmentation.naming import Candidate, name_levels
from OsteoScreenLib.segmentation.networks import COUNTED, FINE_SPACING, load_network
from OsteoScreenLib.segmentation.pose import moved
from OsteoScreenLib.segmentation.refine import Body, distinct, look, look_closely
from OsteoScreenLib.volume import Volume, band_limited

SEARCHED = (-1, 4)
"""Heights, in levels below L1, at which bodies are looked for: T12 to L5, of which L1-L4 are outlined."""

BLURRED = 0.12
"""Doubt in a body above which bodies are looked for half a level higher and lower, too: the count may be off."""


@dataclass(frozen=True, eq=False)
class Found:
    """The bodies of L1-L4 that are there, the confidence in each one's name, how they were found, what is in doubt."""

    bodies: dict[str, Body]
    confidence: dict[str, float]
    device: str
    models: tuple[ModelUse, ...]
    notes: tuple[str, ...]
    doubts: Findings


def find_vertebrae(
    volume: Volume, device: str, progress: Progress, cancelled: IsCancelled, flips: bool = False
) -> Found:
    """Return the bodies of L1-L4 in a CT; raises `AnatomyError` where there is no spine, or none of them."""
    spine = count_along(volume, device, part(progress, 0.0, 0.1), cancelled)
    posed, count = spine.posed, spine.count
    points = _searched(count)
    stop_if(cancelled)

    refining, network = load_network("refine")
    source = band_limited(posed, FINE_SPACING)

    def see(at: Sequence[np.ndarray], share: Progress) -> Callable[[str], list[Body]]:
        return lambda d: look(source, at, network.to(d), d, share, cancelled)

    seen, device, again = run_with_fallback(see(points, part(progress, 0.1, 0.6)), spine.device)
    if any(body.doubt > BLURRED for body in seen):
        between = see(count.line.bodies(*SEARCHED, lower=0.5), part(progress, 0.6, 0.8))
        seen += run_with_fallback(between, device)[0]
    bodies = distinct(seen)
    candidates = [Candidate(body.centre, count.levels_at(body.centre)) for body in bodies]
    named = name_levels(candidates)
    centres = {name.level: bodies[name.index].centre for name in named if name.level in SCREENED}
    middles, share = list(centres.values()), part(progress, 0.8, 0.95)
    closer, device, at_last = run_with_fallback(
        lambda d: look_closely(source, middles, network.to(d), d, share, cancelled, flips), device
    )
    outlined = {level: body for level, body in zip(centres, closer, strict=True) if body.believable}
    back = volume.ijk_to_ras @ posed.ras_to_ijk
    if not outlined:
        raise AnatomyError("No vertebral body of L1-L4 was found; choose a CT that shows the lumbar spine.")
    return Found(
        {
            level: Body(moved(body.probability, back), tuple(moved(look, back) for look in body.looks))
            for level, body in outlined.items()
        },
        {name.level: name.confidence for name in named},
        device,
        (*spine.models, refining),
        tuple(dict.fromkeys((*spine.notes, *again, *at_last))),
        level_doubts(count.line, named, candidates),
    )


def _searched(count: Count) -> np.ndarray:
    """Return where bodies are to be looked for, (n, 3) in RAS mm; raises `AnatomyError` where that is nowhere."""
    points = count.line.bodies(*SEARCHED)
    if not len(points):
        heights = count.line.heights
        raise AnatomyError(
            f"The image shows the spine from {_near(heights.min())} to {_near(heights.max())} only; "
            "choose a CT that shows L1-L4."
        )
    return points


def _near(height: float) -> str:
    """Return the name of the level nearest to a height."""
    return COUNTED[int(np.clip(round(height) + COUNTED.index("L1"), 0, len(COUNTED) - 1))]
