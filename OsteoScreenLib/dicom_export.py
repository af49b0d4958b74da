"""A screened case out as DICOM: a segmentation and a structured report in the study that its CT came from."""

from pathlib import Path

import numpy as np

from OsteoScreenLib.annotation.dicom_seg import to_dicom_seg
from OsteoScreenLib.annotation.dicom_source import source_of
from OsteoScreenLib.annotation.dicom_sr import RadScores, to_dicom_sr
from OsteoScreenLib.annotation.review import without_rejected
from OsteoScreenLib.errors import InputError
from OsteoScreenLib.file_digest import file_sha256
from OsteoScreenLib.labelled_table import numbers
from OsteoScreenLib.levels import body_mask, levels_in
from OsteoScreenLib.output import staged_folder
from OsteoScreenLib.progress import IsCancelled, Progress, never, part, silent, stop_if
from OsteoScreenLib.readers import read_volume
from OsteoScreenLib.readers.files import is_image_file, reachable
from OsteoScreenLib.result import ScreeningResult
from OsteoScreenLib.result_folder import FEATURES, load_record, load_result
from OsteoScreenLib.signature import rad_score
from OsteoScreenLib.signature.labelled_features import read_rows

SEGMENTATION, REPORT = "segmentation.dcm", "measurements.dcm"
FILES = (SEGMENTATION, REPORT)
SERIES = 9000
"""Added to the number of the source series, so that ours stand behind the scanner's in a list."""

OFF_HU = 0.01
"""How far, in HU, a body's mean may lie off the one that was saved: both come from the same voxels."""


def export_dicom(
    case: Path,
    source: Path,
    output: Path,
    series: str | None = None,
    signatures: tuple[Path, ...] = (),
    progress: Progress = silent,
    cancelled: IsCancelled = never,
) -> list[str]:
    """Write ``segmentation.dcm`` (SEG) and ``measurements.dcm`` (TID 1500) of a case's folder into `output`.

    `source` is the DICOM folder that the case was made from, or one file of it, and `series` picks a series there, by
    default the case's own. `signatures` are files of rad-scores (`signature.rad_score`) to apply to the case's
    features. Levels that a reader has rejected are left out; those that are not are returned. Raises `InputError` where
    the CT is not DICOM or not the case's, and leaves `output` as it was.
    """
    record = load_record(case)
    source = reachable(source)
    if is_image_file(source):
        raise InputError(
            f"{source.name} is not DICOM: only a case whose CT came from DICOM goes back to it; give its folder."
        )
    series = series or record.provenance.settings.get("series")
    volume = read_volume(source, series, part(progress, 0.0, 0.6), cancelled)
    result = load_result(case, volume)
    _check_numbers(result, source.name)
    review = result.segmentation.review
    labels = result.segmentation.labels
    labels = labels.with_voxels(without_rejected(review, labels.voxels))
    found = source_of(source, series, labels)
    stop_if(cancelled)

    progress(0.7, "Writing the segmentation")
    first = int(found.images[0].get("SeriesNumber") or 0)
    edited = {record.level for record in review if record.edited}
    segmentation = to_dicom_seg(labels, found, SERIES + first, result.segmentation.models, edited)
    levels = levels_in(labels.voxels)
    kept = result.measurements[result.measurements["level"].isin(levels)]
    with staged_folder(output) as staged:
        segmentation.save_as(staged / SEGMENTATION)
        stop_if(cancelled)
        progress(0.9, "Writing the measurements")
        scores = tuple(_scores(case, path, levels) for path in signatures)
        images = [image for image in found.images if image.SOPInstanceUID in _referenced(segmentation)]
        report = to_dicom_sr(kept, segmentation, images, SERIES + 1 + first, scores)
        report.save_as(staged / REPORT)
    progress(1.0, "Done")
    return levels


def _check_numbers(result: ScreeningResult, name: str) -> None:
    """Raise `InputError` where the saved means are not those of these masks in this CT."""
    for row in result.measurements.itertuples():
        mean = float(result.volume.voxels[body_mask(result.segmentation.labels.voxels, row.level)].mean())
        if np.isfinite(row.body_mean_hu) and not np.isclose(mean, row.body_mean_hu, rtol=0, atol=OFF_HU):
            raise InputError(
                f"{row.level} has {mean:.1f} HU in {name} but {row.body_mean_hu:.1f} HU in the case: it was measured "
                "in another CT, or before its mask was changed. Screen this CT again."
            )


def _scores(case: Path, path: Path, levels: list[str]) -> RadScores:
    model = rad_score.read(path)
    rows = read_rows(case / FEATURES, model.roi)
    rows = rows[rows["level"].isin(levels)]
    batches = rows[model.batch].to_numpy() if model.batch and model.batch in rows else None
    table = rad_score.scores(model, numbers(rows, list(model.features)), batches, rows[["level"]])
    return RadScores(table, model.roi or "", f"{path.stem}: {model.label}, SHA-256 {file_sha256(path)}")


def _referenced(segmentation: object) -> set[str]:
    return {
        str(image.ReferencedSOPInstanceUID)
        for series in segmentation.ReferencedSeriesSequence
        for image in series.ReferencedInstanceSequence
    }
