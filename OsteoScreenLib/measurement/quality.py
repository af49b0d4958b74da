"""The gate on a case before it is measured: everything that speaks against its numbers, as findings."""

from OsteoScreenLib.findings import EVERYTHING, Finding, Findings, Measure, Severity, worst_first
from OsteoScreenLib.levels import SCREENED
from OsteoScreenLib.measurement.acquisition import CONTRAST, acquisition_findings, contrast_tag
from OsteoScreenLib.measurement.enhancement import contrast_findings
from OsteoScreenLib.measurement.foreign import cement_findings, metal_findings
from OsteoScreenLib.measurement.frame import boxes, vertebra_frame
from OsteoScreenLib.measurement.last_rib import rib_findings
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

SURE = 0.9
"""Level confidence from which a level needs no second look."""

AROUND_MM = 25.0
"""So far above and below the bodies neighbouring slices are compared."""


def image_findings(volume: Volume) -> Findings:
    """Return what can be said against an image before anything is outlined in it: it is no CT, or shows no abdomen."""
    return signal_findings(isotropic(volume, COARSE_MM))


def quality_findings(volume: Volume, segmentation: Segmentation, labels: Volume) -> Findings:
    """Return what speaks against the numbers of a segmented CT, the worst first; empty if nothing does.

    `labels` are its bodies without those that the field of view cuts, which are not measured.
    """
    coarse = isotropic(volume, COARSE_MM)
    header = acquisition_findings(volume)
    said = (*field_findings(segmentation), *segmentation.doubts, *padding_findings(volume))
    if strange := signal_findings(coarse):
        return worst_first((*strange, *header, *said))
    frames = {level: vertebra_frame(labels, level) for level in boxes(labels)}
    turned = orientation_findings(volume, coarse, frames)
    said = (*said, *turned)
    if not any(one.severity is Severity.CLOSED for one in turned):
        made = volume.acquisition or Acquisition()
        header = tuple(one for one in header if one.check != CONTRAST)
        said = (*said, *contrast_findings(volume, frames, contrast_tag(made)), *rib_findings(volume, frames))
    heights = [frame.centre[2] for frame in frames.values()]
    if heights:
        said = (*said, *slice_findings(volume, (min(heights) - AROUND_MM, max(heights) + AROUND_MM)))
    return worst_first(
        (
            *said,
            *header,
            *metal_findings(volume, labels, frames),
            *cement_findings(volume, labels),
            *mask_findings(body_facts(volume, labels, frames)),
            *noise_findings(volume),
        )
    )


def field_findings(segmentation: Segmentation) -> Findings:
    """Return what the field of view lacks of L1-L4, cut bodies and missing levels, and which names are unsure."""
    cut = tuple(one.level for one in segmentation.findings if not one.complete)
    known = {one.level for one in segmentation.findings}
    absent = tuple(level for level in SCREENED if level not in known) if known else ()
    found = []
    if cut:
        text = "The field of view cuts the body. Nothing is measured in a part of a body."
        found.append(Finding("cut by the field of view", Severity.CLOSED, text, EVERYTHING[:-1], cut))
    unsure = tuple(one for one in segmentation.findings if one.confidence < SURE)
    if unsure:
        text = f"The level names are uncertain (confidence {min(one.confidence for one in unsure):.0%}): check them."
        found.append(
            Finding("level names", Severity.CAUTION, text, (Measure.NAMES,), tuple(one.level for one in unsure))
        )
    if absent:
        text = "Not found in the image."
        found.append(Finding("missing", Severity.CAUTION, text, (Measure.NAMES,), absent))
    return tuple(found)
