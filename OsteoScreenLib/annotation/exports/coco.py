"""Axial slices with boxes and masks in COCO's format, one category per level; `slice_dataset` reads them, too.

Slices are those of the CT itself, turned to rows towards the back and columns towards the patient's left, and are not
resampled: voxel (slice, row, column) of a mask is voxel (k, j, i) of the case turned to L, P, S.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from OsteoScreenLib.annotation.dataset import Dataset
from OsteoScreenLib.annotation.exports.cases import Exported, export_folder, read_each, reviewed
from OsteoScreenLib.detection.slices import WINDOWS, windowed
from OsteoScreenLib.levels import LEVELS, body_mask, levels_in, trabecular_mask
from OsteoScreenLib.progress import IsCancelled, Progress, never, silent
from OsteoScreenLib.training.slice_dataset import NewSlice, write_slices
from OsteoScreenLib.volume import Volume

CATEGORIES: tuple[str, ...] = tuple(level.name for level in LEVELS)


def to_coco(dataset: Dataset, output: Path, progress: Progress = silent, cancelled: IsCancelled = never) -> Exported:
    """Write the slices through the bodies of the reviewed cases as a COCO dataset into a new folder.

    Of each body in a slice: its box, its mask (``segmentation``) and its trabecular part (``trabecular``), both as
    COCO's run lengths. An image says ``case``, ``slice`` (k), ``split`` and ``patient``; ``info`` has for each case the
    number of slices and the ``ijk_to_ras`` of its turned grid. Raises `OutputError` where `output` is there,
    `InputError` as `cases.reviewed`.
    """
    cases = reviewed(dataset)
    grids: dict[str, object] = {}

    def slices() -> Iterator[NewSlice]:
        for case, volume, labels in read_each(cases, progress, cancelled):
            turned, masks = _turned(volume), _turned(labels).voxels
            grids[case.id] = {"shape": masks.shape, "ijk_to_ras": turned.ijk_to_ras.tolist()}
            for k in np.flatnonzero(masks.any((1, 2))).tolist():
                about = {"case": case.id, "slice": k, "split": case.split}
                bodies = [_body(masks[k], level) for level in levels_in(masks[k])]
                yield NewSlice(windowed(turned.voxels[k : k + 1])[0], case.patient, bodies, about)

    described = {
        "description": "Axial slices through vertebral bodies, corrected with OsteoScreen; research use only",
        "windows_hu": WINDOWS,
        "cases": grids,
    }
    with export_folder(output) as staged:
        write_slices(staged, described, slices(), CATEGORIES)
    return Exported(output, len(cases), len(dataset.cases) - len(cases))


def run_lengths(mask: np.ndarray) -> dict[str, list[int]]:
    """Return a mask (row, column) as COCO's uncompressed run lengths: of 0 and 1 in turn, down the columns."""
    flat = np.concatenate([[0], mask.T.ravel().astype(np.int8), [0]])
    ends = np.flatnonzero(np.diff(flat[:-1])).tolist()
    counts = np.diff([0, *ends, mask.size]).tolist()
    return {"size": list(mask.shape), "counts": counts}


def _body(labels: np.ndarray, level: str) -> tuple[tuple[float, ...], int, dict[str, object]]:
    body = body_mask(labels, level)
    rows, columns = np.flatnonzero(body.any(1)), np.flatnonzero(body.any(0))
    box = tuple(map(float, (columns[0], rows[0], np.ptp(columns) + 1, np.ptp(rows) + 1)))
    masks = {"segmentation": run_lengths(body), "trabecular": run_lengths(trabecular_mask(labels, level))}
    return box, CATEGORIES.index(level), {**masks, "area": int(body.sum())}


def _turned(volume: Volume) -> Volume:
    import SimpleITK as sitk

    return Volume.from_sitk(sitk.DICOMOrient(volume.to_sitk(), "LPS"))
