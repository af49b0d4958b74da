"""How far features hold when a mask is in doubt: their agreement over slightly different masks of the same regions."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.errors import AnatomyError
from OsteoScreenLib.levels import SHELL, TRABECULAR, body_mask, label, trabecular_mask
from OsteoScreenLib.progress import IsCancelled, Progress, never, part, silent
from OsteoScreenLib.radiomics.extract import ROIS, extract
from OsteoScreenLib.radiomics.settings import Settings
from OsteoScreenLib.volume import Volume

if TYPE_CHECKING:
    import pandas as pd

TURNS_DEGREES = (-3.0, 3.0)
"""Rotations of each vertebra's mask about its centre, around the patient's left-right, front-back and long axis."""


def stability(
    volume: Volume,
    labels: Volume,
    case: str,
    levels: tuple[str, ...],
    settings: Settings | None = None,
    *,
    workers: int | None = None,
    progress: Progress = silent,
    cancelled: IsCancelled = never,
) -> "pd.DataFrame":
    """Return the agreement of each feature over `perturbed` masks: columns ``roi, feature, icc, regions, masks``.

    `icc` is the ICC(1, 1) of Shrout and Fleiss over the levels of the case, by ROI; Zwanenburg et al. (Sci Rep 2019;
    9: 614) call a feature robust from 0.90. It is NaN for a feature that is undefined or constant. Raises
    `AnatomyError` with fewer than two levels: agreement is measured against the differences between regions.
    """
    import pandas as pd

    if len(levels) < 2:
        raise AnatomyError("Stability needs at least two levels in the label map: it compares masks with vertebrae.")
    masks = list(perturbed(labels, levels))
    tables = []
    for n, (name, mask) in enumerate(masks):
        step = part(progress, n / len(masks), (n + 1) / len(masks))
        table = extract(volume, mask, case, levels, settings, workers=workers, progress=step, cancelled=cancelled)
        tables.append(table.assign(mask=name).set_index(["roi", "level"]))
    rows = []
    columns = list((settings or Settings()).columns)
    for roi in ROIS:
        values = np.stack([table.loc[roi, columns].reindex(levels).to_numpy(float) for table in tables])
        agreement = icc(values)
        rows += [{"roi": roi, "feature": name, "icc": value} for name, value in zip(columns, agreement, strict=True)]
    return pd.DataFrame(rows).assign(regions=len(levels), masks=len(masks))


def perturbed(labels: Volume, levels: tuple[str, ...]) -> Iterator[tuple[str, Volume]]:
    """Yield label maps as they are, a voxel smaller, a voxel larger, and turned by `TURNS_DEGREES`."""
    from scipy import ndimage

    cross = ndimage.generate_binary_structure(3, 1)
    yield "as it is", labels
    yield "eroded", _changed(labels, levels, lambda mask: ndimage.binary_erosion(mask, cross))
    yield "dilated", _changed(labels, levels, lambda mask: ndimage.binary_dilation(mask, cross))
    for axis, name in enumerate(("left-right", "front-back", "long")):
        for degrees in TURNS_DEGREES:
            yield f"turned by {degrees:g} degrees, {name} axis", _turned(labels, levels, axis, degrees)


def icc(values: np.ndarray) -> np.ndarray:
    """Return the ICC(1, 1) of values (raters, subjects, features) for each feature; one-way random, single rater.

    Shrout and Fleiss (Psychological Bulletin 1979; 86: 420).
    """
    raters, subjects = values.shape[:2]
    means = values.mean(0)
    between = raters * ((means - means.mean(0)) ** 2).sum(0) / (subjects - 1)
    within = ((values - means) ** 2).sum((0, 1)) / (subjects * (raters - 1))
    total = between + (raters - 1) * within
    return np.divide(between - within, total, out=np.full_like(total, np.nan), where=total > 0)


def _changed(labels: Volume, levels: tuple[str, ...], change) -> Volume:
    """Return a label map whose bodies and compartments are changed alike; no vertebra takes a voxel of another."""
    from scipy import ndimage

    changed = np.where(np.isin(labels.voxels, _codes(levels)), 0, labels.voxels)
    for level, window in _windows(labels.voxels, levels, ndimage):
        near, out = labels.voxels[window], changed[window]
        free = (out == 0) & ((near == 0) | body_mask(near, level))
        out[free & change(body_mask(near, level))] = label(level, SHELL)
        out[free & change(trabecular_mask(near, level))] = label(level, TRABECULAR)
    return labels.with_voxels(changed)


def _turned(labels: Volume, levels: tuple[str, ...], axis: int, degrees: float) -> Volume:
    """Return a label map whose vertebrae are turned about their centres, around a RAS axis."""
    from scipy import ndimage
    from scipy.spatial.transform import Rotation

    turn = Rotation.from_rotvec(np.deg2rad(degrees) * np.eye(3)[axis]).as_matrix()
    to_ras = labels.ijk_to_ras[:3, :3]
    matrix = (np.linalg.inv(to_ras) @ turn @ to_ras)[::-1, ::-1]
    changed = np.where(np.isin(labels.voxels, _codes(levels)), 0, labels.voxels)
    for level, window in _windows(labels.voxels, levels, ndimage):
        near, out = labels.voxels[window], changed[window]
        body = np.where(body_mask(near, level), near, 0)
        centre = np.argwhere(body).mean(0)
        moved = ndimage.affine_transform(body, matrix, centre - matrix @ centre, order=0)
        free = (out == 0) & ((near == 0) | body_mask(near, level))
        out[free & (moved > 0)] = moved[free & (moved > 0)]
    return labels.with_voxels(changed)


def _codes(levels: tuple[str, ...]) -> list[int]:
    return [label(level, compartment) for level in levels for compartment in (SHELL, TRABECULAR)]


def _windows(voxels: np.ndarray, levels: tuple[str, ...], ndimage) -> Iterator[tuple[str, tuple[slice, ...]]]:
    """Yield each level's bounding box with room for a voxel of growth and for the turns."""
    boxes = ndimage.find_objects(voxels // 10)
    for level in levels:
        box = boxes[label(level, SHELL) // 10 - 1]
        room = [int(np.ceil(0.06 * (side.stop - side.start))) + 4 for side in box]
        yield level, tuple(slice(max(side.start - r, 0), side.stop + r) for side, r in zip(box, room, strict=True))
