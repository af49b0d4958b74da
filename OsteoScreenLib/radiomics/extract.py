"""From a CT and its label map to a table of features: one row per level and region of interest."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib import levels as table
from OsteoScreenLib.device import processors
from OsteoScreenLib.errors import InputError
from OsteoScreenLib.progress import IsCancelled, Progress, never, part, silent, stop_if
from OsteoScreenLib.radiomics.features import MOST_LEVELS, all_features
from OsteoScreenLib.radiomics.filters import Filter, plan
from OsteoScreenLib.radiomics.images import Block, Box, Case, around, bounding_box, cut, labels_on, open_case
from OsteoScreenLib.radiomics.regions import discretise
from OsteoScreenLib.radiomics.settings import Settings
from OsteoScreenLib.volume import Volume

if TYPE_CHECKING:
    import pandas as pd

ROIS = {"body": table.body_mask, "trabecular": table.trabecular_mask}
NATIVE, PYRADIOMICS = "native", "pyradiomics"
LOG, NOTHING_TO_SAY = "log", "ok"


@dataclass(frozen=True, eq=False)
class Roi:
    """One region of interest: its level, its name in `ROIS`, and what its features are computed from or why not.

    `inside` is its bounding box in the block, `mask` the region on that part.
    """

    level: str
    name: str
    block: Block | None = None
    inside: Box = ()
    mask: np.ndarray | None = None
    refused: str = ""


def columns(settings: Settings) -> list[str]:
    """Return the columns of a table of features."""
    return ["case", "level", "roi", *settings.columns, LOG]


def extract(
    volume: Volume,
    labels: Volume,
    case: str,
    levels: Sequence[str] = table.SCREENED,
    settings: Settings | None = None,
    *,
    engine: str = NATIVE,
    workers: int | None = None,
    progress: Progress = silent,
    cancelled: IsCancelled = never,
) -> "pd.DataFrame":
    """Return `rows` as a table, with all `columns`."""
    import pandas as pd

    settings = settings or Settings()
    found = rows(
        volume, labels, case, levels, settings, engine=engine, workers=workers, progress=progress, cancelled=cancelled
    )
    return pd.DataFrame(found, columns=columns(settings))


def rows(
    volume: Volume,
    labels: Volume,
    case: str,
    levels: Sequence[str],
    settings: Settings,
    *,
    engine: str = NATIVE,
    workers: int | None = None,
    progress: Progress = silent,
    cancelled: IsCancelled = never,
) -> list[dict[str, float | str]]:
    """Return one row per level in the label map and ROI (``body, trabecular``).

    Columns: ``case, level, roi``, then `Settings.columns` as pyradiomics names them, then ``log``: ``ok``, or which
    features are NaN and why. `engine` is ours or, where it is installed, ``pyradiomics``; `workers` is the number of
    threads (`device.processors` unless given). Raises `LabelMapError` if the label map does not lie on the CT's grid.
    """
    from threadpoolctl import threadpool_limits

    if engine not in (NATIVE, PYRADIOMICS):
        raise InputError(f"There is no engine {engine!r} for features; use {NATIVE} or {PYRADIOMICS}.")
    opened = open_case(volume, labels, settings)
    boxes = dict(_boxes(opened, levels))
    wanted = [(level, roi) for level in boxes for roi in ROIS]
    if engine == PYRADIOMICS:
        from OsteoScreenLib.radiomics.pyradiomics import rows_by_pyradiomics

        found = rows_by_pyradiomics(opened, wanted, settings, progress, cancelled)
    else:
        # The blocks are small: threads inside the linear algebra would only wait for each other.
        with threadpool_limits(1, "blas"), ThreadPoolExecutor(workers or processors()) as pool:
            found = _computed(pool, opened, boxes, settings, progress, cancelled)
    return [{"case": case, "level": level, "roi": roi, **row} for (level, roi), row in zip(wanted, found, strict=True)]


def prepare(progress: Progress = silent) -> None:
    """Load the compiled kernels; on a machine's first run that compiles them, which `progress` says beforehand."""
    progress(0.0, "Preparing the features (the first run compiles them, up to half a minute)")
    values = np.arange(27.0).reshape(3, 3, 3)
    all_features(discretise(values, values >= 0, 1.0, 5.0))


def _boxes(case: Case, levels: Sequence[str]) -> Iterator[tuple[str, Box]]:
    """Yield the bounding box of each level that is there, shell and trabecular bone together."""
    if case.box:
        near = case.labels.voxels[case.box]
        for level in levels:
            if box := bounding_box(table.body_mask(near, level)):
                yield level, _within(case.box, box)


def _within(outer: Box, inner: Box) -> Box:
    """Return the box in the array of a box `inner` in its part `outer`."""
    return tuple(slice(o.start + i.start, o.start + i.stop) for o, i in zip(outer, inner, strict=True))


def _computed(
    pool: ThreadPoolExecutor,
    case: Case,
    boxes: dict[str, Box],
    settings: Settings,
    progress: Progress,
    cancelled: IsCancelled,
) -> list[dict[str, float | str]]:
    """Cut the blocks, then share out (block, filter) pairs among the threads."""
    rois = [roi for rois in pool.map(lambda level: _rois(case, level, boxes[level], settings), boxes) for roi in rois]
    prepare(part(progress, 0.0, 0.05))
    stop_if(cancelled)
    filters = plan(settings)
    jobs = [pool.submit(_by_filter, roi, made, settings) for roi in rois for made in filters]
    found = []
    try:
        for n, roi in enumerate(rois):
            progress(0.05 + 0.95 * n / len(rois), f"Computing features: {roi.level} {roi.name}")
            mine = [job.result() for job in jobs[n * len(filters) : (n + 1) * len(filters)]]
            stop_if(cancelled)
            found.append(_row(roi, [image for images in mine for image in images], settings))
    finally:
        pool.shutdown(cancel_futures=True)
    return found


def _rois(case: Case, level: str, box: Box, settings: Settings) -> list[Roi]:
    """Cut out the regions of one vertebra, which share the block of the larger."""
    whole = cut(case, around(case, box, settings), settings)
    return [_roi(case, level, name, box, whole, settings) for name in ROIS]


def _roi(case: Case, level: str, name: str, box: Box, whole: Block, settings: Settings) -> Roi:
    """Cut out one region, or say why it has no features."""
    present = bounding_box(ROIS[name](case.labels.voxels[box], level))
    if present is None:
        return Roi(level, name, refused="the region has no voxels")
    lattice = around(case, _within(box, present), settings)
    same = np.array_equal(lattice.spacing, whole.lattice.spacing)
    block = whole.part(lattice) if same else cut(case, lattice, settings)
    mask = ROIS[name](labels_on(case, lattice), level)
    inside = bounding_box(mask)
    if inside is None:
        return Roi(level, name, refused="the region is smaller than a voxel after resampling")
    long = sum(side.stop - side.start > 1 for side in inside)
    if long < settings.minimum_roi_dimensions:
        return Roi(level, name, refused=f"the region extends in {long} of {settings.minimum_roi_dimensions} dimensions")
    count = int(mask.sum())
    if settings.minimum_roi_size is not None and count <= settings.minimum_roi_size:
        return Roi(level, name, refused=f"the region has {count} voxels, not more than {settings.minimum_roi_size}")
    return Roi(level, name, block, inside, mask[inside])


@dataclass(frozen=True)
class Described:
    """One filtered image's features, and why some or all of them are undefined."""

    image: str
    values: dict[str, float]
    reason: str = ""


def _by_filter(roi: Roi, made: Filter, settings: Settings) -> list[Described]:
    """Filter one block and compute the features of each image that comes out."""
    if roi.block is None:
        return []
    with np.errstate(all="ignore"):
        return [_describe(roi, name, image, settings) for name, image in made.run(roi.block, roi.inside)]


def _describe(roi: Roi, name: str, image: np.ndarray | None, settings: Settings) -> Described:
    if image is None:
        return Described(name, {}, "the block is too small for the filter")
    if not np.isfinite(image[roi.mask]).all():
        return Described(name, {}, "values that are not finite")
    volume = float(np.prod(roi.block.lattice.spacing))
    region = discretise(image, roi.mask, volume, settings.bin_width, settings.bin_count)
    values = all_features(region, settings.features, settings.voxel_array_shift)
    if not np.isnan(list(values.values())).any():
        return Described(name, values)
    levels = len(np.unique(region.level))
    if levels == 1:
        return Described(name, values, "one grey level")
    if levels > MOST_LEVELS:
        return Described(name, values, f"more than {MOST_LEVELS} grey levels, take a larger binWidth")
    return Described(name, values, "undefined for this region")


def _row(roi: Roi, images: list[Described], settings: Settings) -> dict[str, float | str]:
    """Return a row of the table, with its log."""
    row: dict[str, float | str] = dict.fromkeys(settings.columns, np.nan)
    for image in images:
        row |= {f"{image.image}_{feature}": value for feature, value in image.values.items()}
    said: dict[str, list[str]] = {}
    for image in images:
        if image.reason:
            said.setdefault(f"{image.reason}, so {_missing(image, settings)} NaN in", []).append(image.image)
    lines = [f"{reason} {' '.join(names)}" for reason, names in said.items()]
    return row | {LOG: "; ".join([roi.refused + ", so all NaN"] if roi.refused else lines) or NOTHING_TO_SAY}


def _missing(image: Described, settings: Settings) -> str:
    """Return which features are NaN, in short where all of a class are."""
    classes: dict[str, list[str]] = {}
    for name in settings.features:
        classes.setdefault(name.split("_")[0], []).append(name)
    missing = {
        kind: [name for name in names if np.isnan(image.values.get(name, np.nan))] for kind, names in classes.items()
    }
    if missing == classes:
        return "all"
    return " ".join(kind if names == classes[kind] else " ".join(names) for kind, names in missing.items() if names)
