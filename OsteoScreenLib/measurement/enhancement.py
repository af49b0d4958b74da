"""Was contrast agent given? What aorta, kidneys and bladder show, whatever the header says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from OsteoScreenLib.findings import DENSITY, Finding, Findings, Severity
from OsteoScreenLib.levels import SCREENED
from OsteoScreenLib.measurement.acquisition import CONTRAST
from OsteoScreenLib.measurement.frame import Frame, sample
from OsteoScreenLib.measurement.limits import LIMITS
from OsteoScreenLib.volume import Acquisition, Volume

STEP_MM = 2.0
SMOOTH_MM = 3.0


@dataclass(frozen=True)
class Enhancement:
    """HU before the bodies (aorta, vena cava), beside them (kidneys, the darker side), and before the sacrum (bladder).

    Each is what some volume of tissue exceeds that is thick enough to hold a ball; None where it is not in the image.
    """

    vessels: float | None
    kidneys: float | None
    bladder: float | None

    @property
    def enhanced(self) -> tuple[str, ...]:
        """What is brighter than it is without contrast agent."""
        seen = {"vessels before the spine": self.vessels, "kidneys": self.kidneys, "bladder": self.bladder}
        limits = (LIMITS["vessel_hu"], LIMITS["kidney_hu"], LIMITS["bladder_hu"])
        return tuple(
            f"{name} {hu:.0f} HU" for (name, hu), limit in zip(seen.items(), limits, strict=True) if hu and hu > limit
        )


def contrast_findings(volume: Volume, frames: Mapping[str, Frame], tag: Findings) -> Findings:
    """Return what is to be said about contrast agent, from the header (`acquisition.contrast_tag`) and the image."""
    seen = enhancement(volume, frames)
    made = volume.acquisition or Acquisition()
    if seen.enhanced:
        names = f" (the header names {made.contrast_agent.strip()})" if tag and made.contrast_agent else ""
        text = (
            f"Contrast agent is seen in the image{names}: {', '.join(seen.enhanced)}. Enhancement raises trabecular "
            "HU, which can hide low values."
        )
        return (Finding(CONTRAST, Severity.CAUTION, text, DENSITY),)
    if tag and made.contrast_agent is None and seen.vessels is not None:
        text = (
            "The header does not say whether contrast agent was given; the vessels before the spine "
            f"({seen.vessels:.0f} HU) show none."
        )
        return (Finding(CONTRAST, Severity.NOTE, text),)
    return tag


def enhancement(volume: Volume, frames: Mapping[str, Frame]) -> Enhancement:
    """Measure what takes up contrast agent, at places given by the bodies' frames (by level)."""
    near = [frame for level, frame in frames.items() if level in SCREENED]
    if not near:
        return Enhancement(None, None, None)
    vessels = [_filled(volume, [frame], (-28, 28), (3, 32), (-6, 6), radius=4.0, ml=0.5) for frame in near]
    upper = [frame for level, frame in frames.items() if level in SCREENED[:3]]
    sides = [_filled(volume, upper, side, (-60, 10), (-15, 15), radius=6.0, ml=12.0) for side in ((34, 85), (-85, -34))]
    bladder = _filled(volume, near[-1:], (-30, 30), (10, 90), (-190, -110), radius=12.0, ml=10.0)
    known = sorted(hu for hu in vessels if hu is not None)
    return Enhancement(
        # Bowel with oral contrast may lie before one or two bodies, the great vessels lie before all.
        known[min(1, len(known) - 1)] if known else None,
        None if None in sides else min(sides),
        bladder if "L4" in frames else None,
    )


def _filled(
    volume: Volume,
    frames: Sequence[Frame],
    lateral: tuple[float, float],
    before: tuple[float, float],
    cranial: tuple[float, float],
    *,
    radius: float,
    ml: float,
) -> float | None:
    """Return the HU that `ml` of tissue exceed, of what a ball of `radius` mm fits into.

    Looked at are boxes beside the bodies: mm to the right, in front of the front surface, and up.
    """
    from scipy.ndimage import gaussian_filter, grey_erosion

    reach = radius + STEP_MM
    grid = np.mgrid[[slice(-(radius // STEP_MM), radius // STEP_MM + 1)] * 3]
    ball = (grid**2).sum(0) * STEP_MM**2 <= radius**2
    inner = slice(int(reach / STEP_MM), -int(reach / STEP_MM))
    found = []
    for frame in frames:
        axes = [np.arange(low - reach, high + reach + STEP_MM, STEP_MM) for low, high in (lateral, before, cranial)]
        axes[1] = axes[1] + frame.size_mm[1] / 2
        points = frame.to_ras(np.stack(np.meshgrid(*axes, indexing="ij"), -1))
        hu = sample(volume, points, outside=np.nan)
        if np.isnan(hu).mean() > 0.3:
            continue
        hu = gaussian_filter(np.clip(np.nan_to_num(hu, nan=-200), -200, 600), SMOOTH_MM / 2.355 / STEP_MM)
        found.append(grey_erosion(hu, footprint=ball)[inner, inner, inner].ravel())
    if not found:
        return None
    hu = np.sort(np.concatenate(found))
    return float(hu[-min(len(hu), 1 + int(ml * 1000 / STEP_MM**3))])
