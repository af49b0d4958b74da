"""How far a hand has moved each body from what was proposed: Dice and ASSD, into its review record."""

from dataclasses import replace

import numpy as np

from OsteoScreenLib.annotation.review import Review, ReviewRecord
from OsteoScreenLib.evaluation.overlap import overlap
from OsteoScreenLib.levels import body_mask
from OsteoScreenLib.result import Segmentation


def with_figures(segmentation: Segmentation) -> Segmentation:
    """Return a segmentation whose review says how far each body is from its proposal, where that is known."""
    if segmentation.proposal is None:
        return segmentation
    labels, proposal = segmentation.labels, segmentation.proposal
    review = against_proposal(segmentation.review, labels.voxels, proposal.voxels, labels.spacing)
    return replace(segmentation, review=review)


def against_proposal(
    review: Review, labels: np.ndarray, proposal: np.ndarray, spacing: tuple[float, float, float]
) -> Review:
    """Return the review with Dice (0 to 1) and ASSD (mm) of each body against the body that was proposed as it.

    Label maps (k, j, i) of one grid with `spacing` mm along i, j, k. A level that has been renamed is compared with
    what was proposed under its former name; one that was added, or is gone, has no figures.
    """

    def compared(record: ReviewRecord) -> ReviewRecord:
        if record.proposed_level is None:
            return record
        if record.mask == record.proposed_mask:
            return replace(record, dice=1.0, assd=0.0)
        now, then = body_mask(labels, record.level), body_mask(proposal, record.proposed_level)
        if not (now.any() and then.any()):
            return record
        found = overlap(now, then, spacing)
        return replace(record, dice=round(found.dice, 4), assd=round(found.assd, 3))

    return tuple(map(compared, review))
