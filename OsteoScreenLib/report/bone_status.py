"""What the detector's votes say beside the Hounsfield units, and where the two disagree."""

from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.bone_status import STATUSES
from OsteoScreenLib.measurement.cutoffs import Cutoff

if TYPE_CHECKING:
    from OsteoScreenLib.result import DetectedVertebra, Detection

BEST, WORST = STATUSES[0].name, STATUSES[-1].name


def votes(detection: "Detection") -> str:
    """Return the vote of each level in one sentence, with what the detector learned from and what a vote is not."""
    said = ", ".join(f"{one.level} {one.status} ({spread(one)})" for one in detection.vertebrae)
    trained = detection.model.trained_in_brief.rstrip(".")
    return (
        f"Look on axial slices: {said}. The detector was trained on {trained}; its classes are no T-scores and do not "
        "rule out low bone density."
    )


def spread(one: "DetectedVertebra") -> str:
    """Return how sure a vote is: its share, and how many of the slices agree."""
    return f"{one.confidence:.0%} of the vote, {one.agreeing} of {one.slices} slices"


def disagreements(detection: "Detection", hu: dict[str, float], cutoffs: tuple[Cutoff, ...]) -> list[str]:
    """Return where votes contradict the HU of their level (by the lines made for that level), or one another.

    A vote for osteoporosis contradicts HU above all lines, one for normal bone HU at or below all of them.
    """
    said = []
    for one in detection.vertebrae:
        lines = [cutoff.hu for cutoff in cutoffs if cutoff.level == one.level]
        value = hu.get(one.level, np.nan)
        if not lines or not np.isfinite(value):
            continue
        if one.status == WORST and value > max(lines):
            said.append(
                f"{one.level}: slices and HU disagree; they look like {WORST} ({spread(one)}), but {value:.0f} HU is "
                "above every reference line. Look at both."
            )
        elif one.status == BEST and value <= min(lines):
            said.append(
                f"{one.level}: slices and HU disagree; {value:.0f} HU is at or below every reference line, but they do "
                f"not look like low density ({spread(one)}). Look at both."
            )
    found = {status: [one.level for one in detection.vertebrae if one.status == status] for status in (BEST, WORST)}
    if all(found.values()):
        said.append(
            f"The levels disagree on the slices: {', '.join(found[WORST])} {WORST}, {', '.join(found[BEST])} {BEST}. "
            "A fracture, sclerosis or contrast agent can be the reason."
        )
    return said
