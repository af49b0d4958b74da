"""The gate on a case before it is measured: everything that speaks against its numbers, as findings."""

from OsteoScreenLib.findings import EVERYTHING, Finding, Findings, Measure, Severity, worst_first
from OsteoScreenLib.levels import SCREENED
from OsteoScreenLib.measurement.acquisition import acquisition_findings, contrast_tag
from OsteoScreenLib.measurement.enhancement import contrast_findings
from OsteoScreenLib.measurement.foreign import cement_findings, metal_findings
from OsteoScreenLib.measurement.frame import boxes, vertebra_frame
from OsteoScreenLib.measurement.masks import body_facts, mask_findings
from OsteoScreenLib.measurement.orientation import orientation_findings
from OsteoScreenLib.measurement.signal import (
    COARSE_MM,
    noise_findings,
    padding_findings,
    signal_findings,
    slice_findings,
)
from OsteoScreenLib.result import Segmentation
from OsteoScreenLib.volume import Acquisition, Volume, isotropic

AROUND_MM = 25.0
"""So far above and below the bodies neighbouring slices are compared."""


def image_findings(volume: Volume) -> Findings:
    """Return what can be said against an image before anything is outlined in it: it is no CT, or shows no abdomen."""
    return signal_findings(isotropic(volume, COARSE_MM))


def quality_findings(volume: Volume, segmentation: Segmentation, labels: Volume) -> Findings:
    """Return what speaks against the numbers of a segmented CT, the worst first; empty if nothing does.

    `labels` are its bodies without those that the field of view cuts, which are not measured.
    """
    frames = {level: vertebra_frame(labels, level) for level in boxes(labels)}
    coarse = isotropic(volume, COARSE_MM)
    made = volume.acquisition or Acquisition()
    heights = [frame.centre[2] for frame in frames.values()]
    return worst_first(
        (
            *field_findings(segmentation),
            *(one for one in acquisition_findings(volume) if one.check != "contrast agent"),
            *contrast_findings(volume, frames, contrast_tag(made)),
            *signal_findings(coarse),
            *orientation_findings(volume, coarse, frames),
            *metal_findings(volume, labels, frames),
            *cement_findings(volume, labels),
            *mask_findings(body_facts(volume, labels, frames)),
            *(slice_findings(volume, (min(heights) - AROUND_MM, max(heights) + AROUND_MM)) if heights else ()),
            *noise_findings(volume),
            *padding_findings(volume),
            *segmentation.doubts,
        )
    )


def field_findings(segmentation: Segmentation) -> Findings:
    """Return what the field of view lacks of L1-L4: bodies that it cuts, and levels that are not there."""
    cut = tuple(one.level for one in segmentation.findings if not one.complete)
    known = {one.level for one in segmentation.findings}
    absent = tuple(level for level in SCREENED if level not in known) if known else ()
    found = []
    if cut:
        text = "The field of view cuts the body. Nothing is measured in a part of a body."
        found.append(Finding("cut by the field of view", Severity.CLOSED, text, EVERYTHING[:-1], cut))
    if absent:
        text = "Not found in the image."
        found.append(Finding("missing", Severity.CAUTION, text, (Measure.NAMES,), absent))
    return tuple(found)
