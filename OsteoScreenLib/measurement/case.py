"""One case measured behind its gate: the table that all faces show, its ellipses, and what speaks against them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.findings import Findings
from OsteoScreenLib.levels import SCREENED, body_mask
from OsteoScreenLib.measurement.gate import gated
from OsteoScreenLib.measurement.hounsfield import AnteriorRoi, anterior_rois, measure
from OsteoScreenLib.measurement.norms import norm_findings
from OsteoScreenLib.measurement.quality import quality_findings
from OsteoScreenLib.result import Segmentation
from OsteoScreenLib.volume import Volume

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Measured:
    """The table of measurements (a row per level), the ellipse of each level, and all findings of the case."""

    table: "pd.DataFrame"
    rois: dict[str, AnteriorRoi]
    findings: Findings


def measure_case(
    volume: Volume, segmentation: Segmentation, levels: Sequence[str] = SCREENED, *, ungated: bool = False
) -> Measured:
    """Measure the given levels of a segmented CT; what must not be used is left out unless `ungated` (`gate.gated`).

    A body that the field of view cuts is not measured. Raises `LabelMapError` for a label map on another grid.
    """
    labels = whole_bodies(segmentation)
    rois = anterior_rois(labels, levels)
    table = measure(volume, labels, levels, rois)
    findings = quality_findings(volume, segmentation, labels)
    hu = dict(zip(table["level"], table["roi_mean_hu"], strict=True))
    findings = (*findings, *norm_findings(hu, volume.acquisition, findings))
    return Measured(gated(table, findings, ungated), rois, findings)


def whole_bodies(segmentation: Segmentation) -> Volume:
    """Return the label map without the bodies that the field of view cuts: nothing is measured in a part of a body."""
    labels = segmentation.labels
    for finding in segmentation.findings:
        if not finding.complete:
            labels = labels.with_voxels(np.where(body_mask(labels.voxels, finding.level), 0, labels.voxels))
    return labels
