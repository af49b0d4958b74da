"""What the header says against a CT's numbers: voltage, contrast agent, slices, kernel, and what the reader mended."""

import re

from OsteoScreenLib.findings import DENSITY, SHAPE, Finding, Findings, Measure, Severity
from OsteoScreenLib.measurement.limits import LIMITS
from OsteoScreenLib.volume import Acquisition, Volume

REFERENCE_KVP = 120.0
"""Tube voltage of the cohorts behind the reference lines."""

CONTRAST = "contrast agent"
"""The check that header and image share (`enhancement`)."""

SHARP = re.compile(
    r"^(B|Br|Bl|I|J|U|Hr|H|T)[678]\d|BONE|EDGE|LUNG|ULTRA|SHARP|DETAIL|^(YA|YB|YC|D|E|L)$|^FC[358]\d", re.IGNORECASE
)
"""Names of sharp kernels (bone, lung, edge), as manufacturers give them."""


def acquisition_findings(volume: Volume) -> Findings:
    """Return what the header of a CT (or its silence) says against its numbers. The image is not looked at.

    The tendencies named come from Pickhardt et al. 2013 (120 kVp) and from cohort means over voltages. Nothing is
    corrected here.
    """
    made = volume.acquisition or Acquisition()
    noted = tuple(Finding("reading", Severity.NOTE, note) for note in made.notes)
    return (*_voltage(made), *contrast_tag(made), *_slices(volume, made), *_kernel(made), *noted)


def contrast_tag(made: Acquisition) -> Findings:
    """Return what the header says about contrast agent; a note where it says nothing."""
    if made.contrast_agent is None:
        text = "The header does not say whether contrast agent was given, which would raise trabecular HU."
        return (Finding(CONTRAST, Severity.NOTE, text, DENSITY),)
    agent = made.contrast_agent.strip()
    if not agent or agent.lower() in {"none", "no"}:
        return ()
    text = f"Contrast agent ({agent}): enhancement raises trabecular HU, which can hide low values."
    return (Finding(CONTRAST, Severity.CAUTION, text, DENSITY),)


def _voltage(made: Acquisition) -> Findings:
    if made.kvp is None:
        text = (
            "Tube voltage unknown: HU of trabecular bone depend on it, and the reference lines are for 120 kVp. "
            "Values are raw, not corrected."
        )
        return (Finding("tube voltage", Severity.NOTE, text, DENSITY),)
    if abs(made.kvp - REFERENCE_KVP) < 0.5:
        return ()
    tendency = "higher" if made.kvp < REFERENCE_KVP else "lower"
    text = (
        f"Tube voltage {made.kvp:g} kVp: trabecular HU read {tendency} than at 120 kVp, for which the reference lines "
        "were made. Values are raw, not corrected; no correction is validated for this scanner."
    )
    return (Finding("tube voltage", Severity.CAUTION, text, DENSITY),)


def _slices(volume: Volume, made: Acquisition) -> Findings:
    thickness = made.slice_thickness or max(volume.spacing)
    what = "Slice thickness" if made.slice_thickness else "Slice thickness unknown; slice spacing"
    found = []
    if thickness > LIMITS["slice_coarse_mm"]:
        text = (
            f"{what} {thickness:.3g} mm (more than {LIMITS['slice_coarse_mm']:g} mm): endplates are not resolved, so "
            "that heights, volumes and texture mean little; HU are of a body whose ends are blurred in."
        )
        found.append(Finding("slice thickness", Severity.CLOSED, text, (*SHAPE, Measure.FEATURES)))
        found.append(
            Finding("slice thickness", Severity.CAUTION, "HU near the endplates are those of bone and disc mixed.",
                    (Measure.HU, Measure.BMD, Measure.STATUS))
        )  # fmt: skip
    elif thickness > LIMITS["slice_thick_mm"]:
        text = (
            f"{what} {thickness:.3g} mm (more than {LIMITS['slice_thick_mm']:g} mm): endplates and cortex blur into "
            "the trabecular compartment; HU near them, masks and volumes are less exact."
        )
        found.append(Finding("slice thickness", Severity.CAUTION, text, (*DENSITY, *SHAPE)))
    gap = max(volume.spacing) - (made.slice_thickness or max(volume.spacing))
    if gap > LIMITS["slice_gap_mm"]:
        text = f"There are gaps of {gap:.2g} mm between the slices: what lies in them was never measured."
        found.append(Finding("slice spacing", Severity.CAUTION, text, (*DENSITY, *SHAPE)))
    return tuple(found)


def _kernel(made: Acquisition) -> Findings:
    names = (made.kernel or "").replace("\\", "/").split("/")
    if not any(SHARP.search(name.strip()) for name in names):
        return ()
    text = (
        f"Sharp kernel ({made.kernel}): noise and edges are enhanced, which changes texture most, percentiles and SD, "
        "and the mean near the cortex."
    )
    return (Finding("kernel", Severity.CAUTION, text, (Measure.HU, Measure.FEATURES, Measure.STATUS)),)
