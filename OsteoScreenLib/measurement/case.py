"""One case measured behind its gate: the table that all faces show, its ellipses, and what speaks against them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.findings import Findings, worst_first
from OsteoScreenLib.levels import SCREENED, body_mask
from OsteoScreenLib.measurement.calibration import Calibration, Rod
from OsteoScreenLib.measurement.density import calibrate, density_findings, voltage_of, with_density
from OsteoScreenLib.measurement.gate import gated
from OsteoScreenLib.measurement.heights import Heights, all_heights
from OsteoScreenLib.measurement.hounsfield import AnteriorRoi, anterior_rois, measure
from OsteoScreenLib.measurement.morphometry import Angles, angles, fracture_findings, shapes, with_shapes
from OsteoScreenLib.measurement.norms import norm_findings
from OsteoScreenLib.measurement.quality import quality_findings
from OsteoScreenLib.measurement.rods import calibrate_by_rods
from OsteoScreenLib.measurement.site import Site
from OsteoScreenLib.measurement.site_columns import apply_site
from OsteoScreenLib.measurement.uncertainty import with_intervals
from OsteoScreenLib.result import Segmentation
from OsteoScreenLib.volume import Volume

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Measured:
    """The table of measurements (a row per level), the ellipse of each level, and all findings of the case.

    `calibration` is what vBMD comes from (None where it was refused), `tissues` where its tissues lie (a label map,
    `tissues.Found`), `heights` the six points of each level and `angles` the bend of the spine.
    """

    table: "pd.DataFrame"
    rois: dict[str, AnteriorRoi]
    findings: Findings
    calibration: Calibration | None = None
    tissues: Volume | None = None
    heights: Mapping[str, Heights] = field(default_factory=dict)
    angles: Angles | None = None


def measure_case(
    volume: Volume,
    segmentation: Segmentation,
    levels: Sequence[str] = SCREENED,
    *,
    ungated: bool = False,
    site: Site | None = None,
    rods: Sequence[Rod] = (),
) -> Measured:
    """Measure the given levels of a segmented CT; what must not be used is left out unless `ungated` (`gate.gated`).

    The table has the columns of `hounsfield.measure`, `uncertainty.with_intervals`, `density.with_density`,
    `morphometry.with_shapes`, with a `site` those of `site_columns.apply_site`, and `gate.GATE`. Every outlined body
    counts as a neighbour in morphometry. A body that the field of view cuts is not measured. With `rods` vBMD comes
    from them. Raises `LabelMapError` for a label map on another grid, `InputError` for rods that cannot calibrate.
    """
    labels = whole_bodies(segmentation)
    rois = anterior_rois(labels, levels)
    table = with_intervals(measure(volume, labels, levels, rois), volume, labels, segmentation.looks)
    quality = quality_findings(volume, segmentation, labels)
    hu = dict(zip(table["level"], table["roi_mean_hu"], strict=True))

    heights = all_heights(labels, volume=volume)
    found = shapes(heights)
    table = with_shapes(table, heights, found)
    fractures = tuple(one for one in fracture_findings(found) if set(one.levels) <= set(levels))

    lumbar = {level: one.frame for level, one in heights.items() if level in SCREENED}
    calibration, tissues, said = calibrate_by_rods(volume, rods) if rods else calibrate(volume, lumbar)
    table, calibration, by_site = apply_site(table, volume, calibration, site)
    if calibration is None or not calibration.tissues:
        tissues = None
    table = with_density(table, voltage_of(volume), calibration)

    against = (*quality, *fractures)
    shown = gated(table, against, ungated)
    findings = (
        *against,
        *norm_findings(hu, volume.acquisition, against),
        *said,
        *by_site,
        *density_findings(shown, calibration),
    )
    return Measured(shown, rois, worst_first(findings), calibration, tissues, heights, angles(heights))


def whole_bodies(segmentation: Segmentation) -> Volume:
    """Return the label map without the bodies that the field of view cuts: nothing is measured in a part of a body."""
    labels = segmentation.labels
    for finding in segmentation.findings:
        if not finding.complete:
            labels = labels.with_voxels(np.where(body_mask(labels.voxels, finding.level), 0, labels.voxels))
    return labels
