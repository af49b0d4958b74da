"""The main job: one CT in, one folder with everything that a reader, a script and 3D Slicer need out."""

import hashlib
import time
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from OsteoScreenLib import __version__
from OsteoScreenLib.annotation.against_proposal import with_figures
from OsteoScreenLib.detection.detect import course_of_labels, detect
from OsteoScreenLib.device import choose
from OsteoScreenLib.errors import AnatomyError, ModelError
from OsteoScreenLib.findings import Finding, Findings, Measure, Severity, closing, worst_first
from OsteoScreenLib.levels import SCREENED
from OsteoScreenLib.measurement.case import measure_case, whole_bodies
from OsteoScreenLib.measurement.cutoffs import PUBLISHED, load_cutoffs
from OsteoScreenLib.measurement.heights import six_points
from OsteoScreenLib.measurement.quality import image_findings
from OsteoScreenLib.measurement.site import load_site
from OsteoScreenLib.output import staged_folder
from OsteoScreenLib.progress import IsCancelled, Progress, never, part, silent, stop_if
from OsteoScreenLib.radiomics.extract import extract
from OsteoScreenLib.radiomics.settings import Settings, as_pyradiomics
from OsteoScreenLib.readers import input_sha256, read_volume
from OsteoScreenLib.report.page import write_report
from OsteoScreenLib.result import Detection, Provenance, ScreeningResult, Segmentation
from OsteoScreenLib.result_folder import OWNED, REPORT, SCENE, refuse_foreign_files, save_result
from OsteoScreenLib.scene.bundle import ViewerMissingError, save_scene
from OsteoScreenLib.segmentation.engines import segment
from OsteoScreenLib.volume import Volume

STAGES = {
    "reading": 0.0,
    "outlining": 0.1,
    "measuring": 0.75,
    "features": 0.77,
    "bone status": 0.86,
    "report": 0.9,
    "scene": 0.93,
    "tables": 0.98,
}
"""The stages of `screen`, and at which fraction of its progress each begins."""


def screen(
    source: Path | str | Volume,
    output: Path | str,
    *,
    engine: str | Path | Segmentation = "st-unet",
    device: str = "auto",
    series: str | None = None,
    cutoffs: Path | None = None,
    site: Path | None = None,
    flips: bool = False,
    ungated: bool = False,
    scene: bool = True,
    name: str | None = None,
    progress: Progress = silent,
    cancelled: IsCancelled = never,
) -> ScreeningResult:
    """Screen one CT and write `result_folder.FILES` into the folder `output`; the scene only with slicer-core and if
    wanted.

    `source` is a file, a DICOM folder (of which `series` picks one) or a CT in HU; `engine` a network's name, a label
    map, or what an engine made before and a hand has perhaps corrected; `flips` outlines every body twice
    (`engines.segment`); `cutoffs` is a file of reference lines in place of the published ones. A body that the field of
    view cuts is outlined but not measured; numbers behind a closed gate are left out, unless `ungated`. The result
    goes by `name`, else by its file's or folder's. What a former run wrote into `output` is replaced,
    everything else stays. Raises an `OsteoScreenError` for what cannot be done, and leaves `output` as it was.
    """
    output = Path(output)
    started = time.monotonic()
    table, table_sha256 = load_site(site) if site else (None, None)
    lines = table.cutoffs if table and table.cutoffs and not cutoffs else load_cutoffs(cutoffs or PUBLISHED)
    refuse_foreign_files(output)
    with staged_folder(output, owned=OWNED) as staged:
        volume, sha256 = _read(source, series, _stage(progress, "reading"), cancelled)
        volume = replace(volume, name=name or volume.name)
        stop_if(cancelled)

        if isinstance(engine, Segmentation):
            segmentation = with_figures(engine)
        else:
            segmentation = _segmented(volume, engine, device, flips, _stage(progress, "outlining"), cancelled)
        stop_if(cancelled)

        progress(STAGES["measuring"], "Measuring")
        labels = whole_bodies(segmentation)
        measured = measure_case(volume, segmentation, ungated=ungated, site=table)
        stop_if(cancelled)
        usable = [one for one in SCREENED if ungated or not closing(measured.findings, Measure.FEATURES, one)]
        features = extract(
            volume, labels, volume.name, usable, progress=_stage(progress, "features"), cancelled=cancelled
        )
        detection, doubts = _detection(volume, labels, device, _stage(progress, "bone status"), cancelled)
        if detection is not None and not ungated:
            detection = _usable(detection, measured.findings)

        result = ScreeningResult(
            volume=volume,
            segmentation=segmentation,
            measurements=measured.table,
            features=features,
            rois=measured.rois,
            provenance=Provenance(
                software_version=__version__,
                input_name=volume.name,
                input_sha256=sha256,
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                seconds=round(time.monotonic() - started, 1),
                settings={
                    "engine": segmentation.engine,
                    "device": device,
                    "series": series,
                    "flips": flips,
                    "ungated": ungated,
                    "cutoffs": [asdict(line) for line in lines],
                    "site": {"name": table.name, "sha256": table_sha256} if table else None,
                    "features": as_pyradiomics(Settings())["setting"],
                },
            ),
            quality=worst_first((*measured.findings, *doubts)),
            detection=detection,
            calibration=measured.calibration,
            tissues=measured.tissues,
            six_points={level: six_points(one) for level, one in measured.heights.items()},
            angles=measured.angles,
        )
        progress(STAGES["report"], "Writing the report")
        write_report(result, staged / REPORT, lines)
        stop_if(cancelled)
        if scene:
            progress(STAGES["scene"], "Writing the scene")
            with suppress(ViewerMissingError):
                save_scene(result, staged / SCENE)
            stop_if(cancelled)
        progress(STAGES["tables"], "Writing the tables")
        save_result(result, staged)
        stop_if(cancelled)
        refuse_foreign_files(output)
    progress(1.0, "Done")
    return result


def _stage(progress: Progress, name: str) -> Progress:
    """Return the progress of a stage of its own, which ends where the next one begins."""
    start = STAGES[name]
    return part(progress, start, min(other for other in STAGES.values() if other > start))


def _segmented(
    volume: Volume, engine: str | Path, device: str, flips: bool, progress: Progress, cancelled: IsCancelled
) -> Segmentation:
    """Segment a CT; where that fails for want of anatomy, the error says what is strange about the image."""
    try:
        return segment(volume, engine, device, progress, cancelled, flips=flips)
    except AnatomyError as error:
        raise AnatomyError(" ".join([str(error), *(one.text for one in image_findings(volume))])) from error


def _detection(
    volume: Volume, labels: Volume, device: str, progress: Progress, cancelled: IsCancelled
) -> tuple[Detection | None, Findings]:
    """Return what a detector sees on the slices through measured bodies, or None and why there is nothing."""
    try:
        import torchvision  # noqa: F401
    except ImportError:
        return None, (_on_status("Bone status on slices was left out: it needs pip install 'osteoscreen[detection]'."),)
    try:
        found, _ = detect(volume, course_of_labels(labels), choose(device), progress, cancelled)
    except (AnatomyError, ModelError) as error:
        return None, (_on_status(f"Bone status on slices: {error}"),)
    return found, tuple(map(_on_status, found.notes))


def _usable(detection: Detection, findings: Findings) -> Detection:
    """Return a detection without the votes for levels whose gate is closed; the boxes stay."""
    votes = tuple(one for one in detection.vertebrae if not closing(findings, Measure.STATUS, one.level))
    return replace(detection, vertebrae=votes)


def _on_status(note: str) -> Finding:
    return Finding("bone status", Severity.NOTE, note, (Measure.STATUS,))


def _read(
    source: Path | str | Volume, series: str | None, progress: Progress, cancelled: IsCancelled
) -> tuple[Volume, str]:
    """Return the CT and the SHA-256 of what it was read from."""
    if isinstance(source, Volume):
        content = hashlib.sha256(np.ascontiguousarray(source.voxels).tobytes())
        content.update(source.ijk_to_ras.tobytes())
        return source, content.hexdigest()
    volume = read_volume(source, series, progress, cancelled)
    return volume, input_sha256(source, series)
