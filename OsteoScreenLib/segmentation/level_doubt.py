"""What speaks against the names of the levels: too little spine, one end alone, four or six lumbar bodies."""

import numpy as np

from OsteoScreenLib.findings import Finding, Findings, Measure, Severity
from OsteoScreenLib.segmentation.naming import Candidate, Named, oddities
from OsteoScreenLib.segmentation.spine import SpineLine

SHORT_MM = 200.0
"""Length of spine in mm below which its levels cannot be told reliably."""

END_MM = 20.0
"""So much of the sacrum, or of the thoracic spine above T12, is enough to count from there."""

_LUMBAR = 5
_GAP = 1.5
"""Times the usual distance of neighbours from which a body between them was missed."""


def level_doubts(line: SpineLine, named: list[Named], found: list[Candidate]) -> Findings:
    """Return what is in doubt about the names of levels, given the counted spine and the bodies from head to foot."""
    above, below = _length(line, -np.inf, -1.5), _length(line, 4.5, np.inf)
    said = list(oddities(found, named))
    if line.length < SHORT_MM:
        said.append(
            f"Only {line.length:.0f} mm of the spine are in the image: the level names are no more than a guess."
        )
    elif max(above, below) < END_MM:
        said.append("Neither the sacrum nor the thoracic spine is in view: the levels cannot be counted from an end.")
    elif min(above, below) >= END_MM and (count := _lumbar_bodies(line, found)) != _LUMBAR:
        said.append(
            f"Counted from both ends there are {count} bodies between the thoracic spine and the sacrum, not five: "
            "transitional anatomy? Count the vertebrae yourself."
        )
    cautions = tuple(Finding("level names", Severity.CAUTION, text, (Measure.NAMES,)) for text in said)
    if cautions or min(above, below) >= END_MM:
        return cautions
    end = "the sacrum" if below < END_MM else "the thoracic spine"
    text = f"Levels were counted from one end: {end} is not in view."
    return (Finding("level names", Severity.NOTE, text, (Measure.NAMES,)),)


def _lumbar_bodies(line: SpineLine, found: list[Candidate]) -> int:
    """Return how many bodies lie between T12 and S1; a body that was missed, and left a gap, counts."""
    top, bottom = (float(np.interp(height, line.heights, line.points[:, 2])) for height in (-0.5, 4.5))
    z = np.array([body.centre[2] for body in found if bottom < body.centre[2] < top])
    if len(z) < 2:
        return _LUMBAR
    gaps = np.diff(np.array([body.centre[2] for body in found]))
    missed = sum(round(gap / np.median(gaps)) - 1 for gap in gaps if gap / np.median(gaps) > _GAP)
    return len(z) + int(missed)


def _length(line: SpineLine, low: float, high: float) -> float:
    """Return how many mm of the spine have a height between two."""
    z = line.points[(line.heights > low) & (line.heights < high), 2]
    return float(np.ptp(z)) if len(z) else 0.0
