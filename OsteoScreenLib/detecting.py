"""The detection job: one CT in, boxes as tables and COCO, and a sheet of the slices out."""

import json
from dataclasses import replace
from pathlib import Path

from OsteoScreenLib.detection.detect import Course, course_of_labels, course_of_line, detect
from OsteoScreenLib.detection.tables import as_coco, box_table, vertebra_table
from OsteoScreenLib.device import choose
from OsteoScreenLib.errors import AnatomyError
from OsteoScreenLib.findings import Measure, Severity
from OsteoScreenLib.measurement.quality import field_findings
from OsteoScreenLib.output import staged_folder
from OsteoScreenLib.progress import IsCancelled, Progress, never, part, silent, stop_if
from OsteoScreenLib.readers import read_labels, read_volume
from OsteoScreenLib.report.slice_sheet import write_sheet
from OsteoScreenLib.result import Detection
from OsteoScreenLib.segmentation.engines import segment
from OsteoScreenLib.segmentation.levels_along import levels_along
from OsteoScreenLib.volume import Volume

BOXES, VERTEBRAE, COCO, SHEET = "boxes.csv", "vertebrae.csv", "boxes.json", "slices.png"
FILES: tuple[str, ...] = (BOXES, VERTEBRAE, COCO, SHEET)
NONE_OUTLINED = "No body could be outlined: the levels were counted along the spine alone, which is less sure."


def detect_case(
    source: Path,
    output: Path,
    *,
    labels: Path | None = None,
    device: str = "auto",
    series: str | None = None,
    progress: Progress = silent,
    cancelled: IsCancelled = never,
) -> Detection:
    """Detect the vertebral bodies L1-L4 of a CT on axial slices, and write `FILES` into the folder `output`.

    Slices and levels follow the bodies of `labels`, a label map in our coding on the CT's grid, or those that our own
    engine outlines; where it outlines none, the spine's line as the networks count it. Raises an `OsteoScreenError` for
    what cannot be done, and leaves `output` as it was.
    """
    with staged_folder(output, owned=FILES) as staged:
        device = choose(device)
        volume = read_volume(source, series, part(progress, 0.0, 0.1), cancelled)
        stop_if(cancelled)
        course, notes = _course(volume, labels, device, part(progress, 0.1, 0.7), cancelled)
        detection, slices = detect(volume, course, device, part(progress, 0.7, 0.9), cancelled)
        detection = replace(detection, notes=tuple(dict.fromkeys((*notes, *detection.notes))))
        progress(0.9, "Drawing the slices")
        box_table(detection, volume).to_csv(staged / BOXES, index=False)
        vertebra_table(detection).to_csv(staged / VERTEBRAE, index=False)
        (staged / COCO).write_text(json.dumps(as_coco(detection, slices, volume.name)) + "\n", encoding="utf-8")
        write_sheet(detection, slices, volume.name, staged / SHEET)
        stop_if(cancelled)
    progress(1.0, "Done")
    return detection


def _course(
    volume: Volume, labels: Path | None, device: str, progress: Progress, cancelled: IsCancelled
) -> tuple[Course, tuple[str, ...]]:
    """Return where to look, and what speaks against the names of the levels there."""
    if labels is not None:
        return course_of_labels(read_labels(labels, volume)), ()
    try:
        found = segment(volume, device=device, progress=progress, cancelled=cancelled)
    except AnatomyError:
        along = levels_along(volume, device, progress, cancelled)
        return course_of_line(along.line.points, along.line.heights), (NONE_OUTLINED, *along.notes)
    doubts = (*field_findings(found), *found.doubts)
    names = [one.sentence for one in doubts if one.measures == (Measure.NAMES,) and one.severity is not Severity.NOTE]
    return course_of_labels(found.labels), (*found.notes, *names)
