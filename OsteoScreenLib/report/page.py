"""The report of one case: a single HTML file, readable offline and printed on three A4 pages."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib import RESEARCH_USE
from OsteoScreenLib.bone_status import NAMES, STATUSES
from OsteoScreenLib.levels import BY_NAME
from OsteoScreenLib.measurement.cutoffs import Cutoff, load_cutoffs
from OsteoScreenLib.measurement.frame import boxes, crop, vertebra_frame
from OsteoScreenLib.measurement.gate import cares, in_place
from OsteoScreenLib.measurement.tissues import TISSUES
from OsteoScreenLib.output import staged_file
from OsteoScreenLib.report.chart import hu_chart
from OsteoScreenLib.report.conclusion import conclusion
from OsteoScreenLib.report.measures import density_and_shape
from OsteoScreenLib.report.pictures import (
    LEVEL,
    SLAB_MM,
    TISSUE_COLORS,
    WINDOW,
    overviews,
    tissue_picture,
    vertebra_cuts,
)
from OsteoScreenLib.report.templates import templates
from OsteoScreenLib.volume import Acquisition, Volume

if TYPE_CHECKING:
    from OsteoScreenLib.result import ScreeningResult

UNKNOWN = "unknown"


def write_report(result: "ScreeningResult", path: Path, cutoffs: tuple[Cutoff, ...] | None = None) -> None:
    """Write the report of one case as one HTML file that needs nothing else.

    `cutoffs` are the reference lines shown, the published ones if None. The page computes nothing new: its numbers
    are those of `result`. Raises `OutputError` if the file cannot be written; an older report then stays as it was.
    """
    lines = load_cutoffs() if cutoffs is None else cutoffs
    with staged_file(path) as staged:
        staged.write_text(render(result, lines), encoding="utf-8")


def render(result: "ScreeningResult", cutoffs: tuple[Cutoff, ...]) -> str:
    """Return the report of one case as HTML."""
    environment = templates()
    environment.filters["number"] = _number
    labels = _spine_only(result.segmentation.labels)
    rows = result.measurements.to_dict("records")
    found = {one.level: one for one in result.segmentation.findings}
    cut_off = [level for level, one in found.items() if not one.complete]
    said = {row["level"]: f"grade {row['genant_grade']:.0f}?" for row in rows if row.get("genant_grade", 0) >= 1}
    sagittal, coronal = overviews(result.volume, labels, cut_off, result.six_points, said)
    cuts = {
        row["level"]: vertebra_cuts(
            result.volume, labels, vertebra_frame(labels, row["level"]), result.rois.get(row["level"])
        )
        for row in rows
    }
    return environment.get_template("case.html.j2").render(
        result=result,
        in_place=partial(in_place, result.quality),
        cares=partial(cares, result.quality),
        research_use=RESEARCH_USE,
        conclusion=conclusion(result, cutoffs),
        rows=rows,
        found=found,
        status=_status_rows(result),
        colors={level: BY_NAME[level].color for level in cuts},
        measures=density_and_shape(result),
        tissues=tissue_picture(result.volume, result.tissues) if result.tissues else None,
        tissue_colors=dict(zip(TISSUES, TISSUE_COLORS, strict=True)),
        sagittal=sagittal,
        coronal=coronal,
        cuts=cuts,
        chart=hu_chart(result.measurements, cutoffs),
        cutoffs=cutoffs,
        acquisition=acquisition_facts(result.volume),
        window=WINDOW,
        level=LEVEL,
        slab=SLAB_MM,
    )


def _status_rows(result: "ScreeningResult") -> list[dict[str, object]]:
    """Return of each level with a vote its ellipse's HU, the vote's shares by status, and how the slices agree."""
    if result.detection is None:
        return []
    hu = result.measurements.set_index("level")["roi_mean_hu"]
    return [
        {
            "level": one.level,
            "roi_mean_hu": hu.get(one.level),
            "status": one.status,
            "color": STATUSES[NAMES.index(one.status)].color,
            "shares": dict(zip(NAMES, one.shares, strict=True)),
            "slices": f"{one.agreeing} of {one.slices}",
        }
        for one in result.detection.vertebrae
    ]


def _spine_only(labels: Volume) -> Volume:
    """Return the label map cut down to its vertebrae: pictures need many look-ups in it."""
    found = list(boxes(labels).values())
    if not found:
        return labels
    around = tuple(slice(min(s.start for s in axis), max(s.stop for s in axis)) for axis in zip(*found, strict=True))
    return crop(labels, around, margin=4)


def acquisition_facts(volume: Volume) -> list[tuple[str, str]]:
    """Return what is known of how a CT was made, as names and values for a person; `UNKNOWN` where it is silent."""
    made = volume.acquisition or Acquisition()
    size = " x ".join(str(n) for n in reversed(volume.voxels.shape))
    spacing = " x ".join(f"{step:.3g}" for step in volume.spacing)
    scanner = " ".join(part for part in (made.manufacturer, made.model) if part)
    return [
        ("Tube voltage", f"{made.kvp:g} kVp" if made.kvp is not None else UNKNOWN),
        ("Contrast agent", UNKNOWN if made.contrast_agent is None else made.contrast_agent.strip() or "none named"),
        ("Slice thickness", f"{made.slice_thickness:g} mm" if made.slice_thickness is not None else UNKNOWN),
        ("Kernel", made.kernel or UNKNOWN),
        ("Scanner", scanner or UNKNOWN),
        ("Grid", f"{size} voxels of {spacing} mm"),
        ("Series", made.series_description or UNKNOWN),
        ("Study date", made.study_date or UNKNOWN),
        ("Sex, age", ", ".join(part for part in (made.patient_sex, made.patient_age) if part) or UNKNOWN),
    ]


def _number(value: float, digits: int = 0) -> str:
    return f"{value:.{digits}f}" if value is not None and np.isfinite(value) else "–"
