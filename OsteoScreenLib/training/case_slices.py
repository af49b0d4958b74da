"""A dataset of slices from cases of one's own: CTs with label maps, and the patients' T-scores."""

from collections.abc import Iterator
from pathlib import Path

from OsteoScreenLib.bone_status import status_of
from OsteoScreenLib.detection.detect import course_of_labels
from OsteoScreenLib.detection.slices import PIXEL_MM, SIZE, WINDOWS, along, axial_slices, labels_on
from OsteoScreenLib.labelled_table import column, numbers, read_table
from OsteoScreenLib.progress import IsCancelled, Progress, never, silent, stop_if
from OsteoScreenLib.readers import read_labels, read_volume
from OsteoScreenLib.training.slice_dataset import NewSlice, write_slices
from OsteoScreenLib.training.slice_samples import MARGIN, bodies_in


def write_case_slices(folder: Path, table: Path, progress: Progress = silent, cancelled: IsCancelled = never) -> int:
    """Write the axial slices of cases into `folder` as a COCO dataset, and return their number.

    `table` is a CSV with the columns ``ct`` and ``labels`` (files, relative to the table; label maps in our coding on
    the CT's grid), ``patient`` and ``t_score`` (DXA). The boxes are those of the masks, the status is the WHO's. Raises
    an `OsteoScreenError` for a case that cannot be read.
    """
    rows = read_table(table)
    statuses = [status_of(t_score) for t_score in numbers(rows, ["t_score"])[:, 0]]
    files = {name: [table.parent / str(value) for value in column(rows, name)] for name in ("ct", "labels")}
    patients = column(rows, "patient").astype(str).tolist()

    def slices() -> Iterator[NewSlice]:
        cases = zip(files["ct"], files["labels"], patients, statuses, strict=True)
        for number, (ct, masks, patient, status) in enumerate(cases):
            stop_if(cancelled)
            progress(number / len(rows), f"Cutting slices of {ct.name}")
            volume = read_volume(ct)
            labels = read_labels(masks, volume)
            course = course_of_labels(labels)
            cut = axial_slices(volume, along(course.points, course.low, course.high), SIZE + 2 * MARGIN)
            for image, painted in zip(cut.images(), labels_on(cut, labels), strict=True):
                yield NewSlice(image, patient, [(body.box, status) for body in bodies_in(painted, PIXEL_MM)])

    described = {"description": f"Slices of {table.name}", "pixel_mm": PIXEL_MM, "windows_hu": WINDOWS}
    return write_slices(folder, described, slices())
