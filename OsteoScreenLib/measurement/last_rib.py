"""Does the body named L1 bear ribs? Then it is T12, or a transitional vertebra."""

from collections.abc import Mapping

import numpy as np

from OsteoScreenLib.findings import Finding, Findings, Measure, Severity
from OsteoScreenLib.measurement.frame import Frame, sample
from OsteoScreenLib.measurement.limits import LIMITS
from OsteoScreenLib.volume import Volume

FIRST_LUMBAR = "L1"
STEP_MM = 1.5
BESIDE_MM = (2.0, 9.0)
"""A rib's head lies so far beside the body, where a lumbar vertebra has nothing: its processes lie behind."""
BACK_MM = (-5.0, 7.0)
"""And so far before the body's back."""
AROUND_MM = (60.0, 45.0)
"""A rib is followed so far to the side and to the back."""


def rib_findings(volume: Volume, frames: Mapping[str, Frame]) -> Findings:
    """Return a caution where ribs start on both sides of the body named L1; silent where it is not outlined."""
    frame = frames.get(FIRST_LUMBAR)
    if frame is None or not all(has_rib(volume, frame, side) for side in (-1, 1)):
        return ()
    text = (
        "Ribs start on both sides of this body: it may be T12, and all names off by one, or a transitional vertebra. "
        "Count the vertebrae yourself."
    )
    return (Finding("level names", Severity.CAUTION, text, (Measure.NAMES,), (FIRST_LUMBAR,)),)


def has_rib(volume: Volume, frame: Frame, side: int) -> bool:
    """Tell whether a rib starts at a body, on the patient's right (`side` 1) or left (-1).

    There is bone where its head would be, and from there bone runs on to the side. What lies outside the image is air.
    """
    from scipy.ndimage import label

    half_width, half_depth, height = frame.size_mm / (2, 2, 1)
    x = np.arange(half_width + 1, half_width + AROUND_MM[0], STEP_MM)
    y = np.arange(-half_depth - AROUND_MM[1], -half_depth + 2 * BACK_MM[1], STEP_MM)
    z = np.arange(-1.2 * height, 0.7 * height, STEP_MM)
    places = np.stack(np.meshgrid(side * x, y, z, indexing="ij"), axis=-1)
    bone = sample(volume, frame.to_ras(places), outside=-1000.0) > LIMITS["rib_hu"]
    head = np.ix_(
        (x > half_width + BESIDE_MM[0]) & (x < half_width + BESIDE_MM[1]),
        (y > -half_depth + BACK_MM[0]) & (y < -half_depth + BACK_MM[1]),
        (z > -0.1 * height) & (z < 0.6 * height),
    )
    if bone[head].mean() < LIMITS["rib_head_share"]:
        return False
    pieces, _ = label(bone)
    starting = np.unique(pieces[head][bone[head]])
    far = np.flatnonzero(np.isin(pieces, starting).any(axis=(1, 2))).max()
    return bool(x[far] - half_width >= LIMITS["rib_reach_mm"])
