"""What does not belong into a vertebra: metal and its streaks, cement, and a body unlike its neighbours."""

from collections.abc import Mapping

import numpy as np

from OsteoScreenLib import levels as table
from OsteoScreenLib.findings import DENSITY, EVERYTHING, Finding, Findings, Severity
from OsteoScreenLib.measurement.frame import Frame, boxes, crop
from OsteoScreenLib.measurement.hounsfield import over
from OsteoScreenLib.measurement.limits import LIMITS
from OsteoScreenLib.volume import Volume


def metal_findings(volume: Volume, labels: Volume, frames: Mapping[str, Frame]) -> Findings:
    """Return a finding for the levels with metal in or at the body, and for those whose slices hold metal elsewhere."""
    from scipy.ndimage import binary_dilation, find_objects, label

    pieces, count = label(volume.voxels > LIMITS["metal_hu"])
    if not count:
        return ()
    sizes = np.bincount(pieces.ravel(), minlength=count + 1) * volume.voxel_volume / 1000
    solid = [n for n in range(1, count + 1) if sizes[n] >= LIMITS["metal_ml"]]
    if not solid:
        return ()
    metal = np.isin(pieces, solid)
    inside, beside = [], []
    at = np.concatenate([_corners(volume, box) for box in (find_objects(pieces)[n - 1] for n in solid)])
    for level, box in boxes(labels).items():
        if level not in frames:
            continue
        around = _around(labels, box, LIMITS["metal_near_mm"])
        body = table.body_mask(labels.voxels[around], level)
        reach = [max(1, round(LIMITS["metal_near_mm"] / mm)) for mm in volume.spacing[::-1]]
        close = binary_dilation(body, np.ones([2 * min(n, 3) + 1 for n in reach], bool))
        height = frames[level].size_mm[2] / 2 + 3
        z = frames[level].centre[2]
        if (metal[around] & close).sum() * volume.voxel_volume / 1000 >= LIMITS["metal_ml"] / 3:
            inside.append(level)
        elif at[:, 2].min() < z + height and at[:, 2].max() > z - height:
            beside.append(level)
    found = []
    if inside:
        text = "Metal lies in the body or at it: neither its HU nor its outline mean anything."
        found.append(Finding("metal", Severity.CLOSED, text, EVERYTHING[:-1], tuple(inside)))
    if beside:
        text = "Metal lies at the height of the body: streaks may change its HU and its texture."
        found.append(Finding("metal", Severity.CAUTION, text, DENSITY, tuple(beside)))
    return tuple(found)


def cement_findings(volume: Volume, labels: Volume) -> Findings:
    """Return a finding for the levels with very dense parts in the trabecular bone: cement, sclerosis, metal."""
    from scipy.ndimage import binary_erosion, gaussian_filter

    dense = []
    for level, box in boxes(labels).items():
        part = crop(labels, box, margin=1)
        inside = table.trabecular_mask(part.voxels, level)
        depth = [max(1, round(LIMITS["core_mm"] / mm)) for mm in part.spacing[::-1]]
        core = binary_erosion(inside, np.ones([2 * n + 1 for n in depth], bool))
        hu = gaussian_filter(over(volume, part).astype(np.float32), [1.0 / mm for mm in part.spacing[::-1]])
        if (core & (hu > LIMITS["cement_hu"])).sum() * part.voxel_volume / 1000 >= LIMITS["cement_ml"]:
            dense.append(level)
    if not dense:
        return ()
    text = (
        f"Parts of the trabecular bone exceed {LIMITS['cement_hu']:g} HU: cement, sclerosis or metal. Such a vertebra "
        "says nothing about bone density, and was not in the cohorts behind the score."
    )
    return (Finding("cement or sclerosis", Severity.CLOSED, text, DENSITY, tuple(dense)),)


def _around(volume: Volume, box: tuple[slice, slice, slice], margin_mm: float) -> tuple[slice, slice, slice]:
    return tuple(
        slice(max(0, s.start - round(margin_mm / mm) - 1), s.stop + round(margin_mm / mm) + 1)
        for s, mm in zip(box, volume.spacing[::-1], strict=True)
    )


def _corners(volume: Volume, box: tuple[slice, slice, slice]) -> np.ndarray:
    ends = [(s.start, s.stop - 1) for s in reversed(box)]
    return volume.to_ras(np.array(np.meshgrid(*ends)).reshape(3, -1).T)
