"""Does the patient lie as the file says: head up, spine behind, liver on the right?"""

from collections.abc import Mapping

import numpy as np

from OsteoScreenLib.findings import EVERYTHING, Finding, Findings, Measure, Severity
from OsteoScreenLib.measurement.frame import Frame, sample
from OsteoScreenLib.measurement.limits import LIMITS
from OsteoScreenLib.volume import Volume

UPSIDE_DOWN, BACK_TO_FRONT, MIRRORED = "upside down", "back to front", "mirrored"


def orientation_findings(volume: Volume, coarse: Volume, frames: Mapping[str, Frame]) -> Findings:
    """Return a finding for each way in which the anatomy contradicts the directions of the file.

    `frames` are those of the bodies by level, from head to foot; `coarse` is the RAS-aligned image at 5 mm. Situs
    inversus reads as mirrored.
    """
    found = []
    if reasons := [*_order(frames), *_lungs(coarse)]:
        text = f"The image seems to be upside down: {' and '.join(reasons)}. Level names and what follows are wrong."
        found.append(Finding(UPSIDE_DOWN, Severity.CLOSED, text, EVERYTHING))
    if (share := arch_in_front(volume, frames)) is not None and share > LIMITS["arch_in_front"]:
        text = (
            f"The image seems to be back to front: {share:.0%} of the bone beside the bodies lies before them, where "
            "no arch is. The anterior ellipse is not anterior."
        )
        found.append(Finding(BACK_TO_FRONT, Severity.CLOSED, text, EVERYTHING))
    if (right := organs_on_the_right(coarse, frames)) is not None and right < LIMITS["liver_right"]:
        text = (
            f"The image seems to be mirrored: of the solid organs beside the spine {1 - right:.0%} lie on the left, "
            "where the liver is not (or situs inversus). Right and left may be exchanged."
        )
        found.append(Finding(MIRRORED, Severity.CAUTION, text, (Measure.FEATURES, Measure.NAMES)))
    return tuple(found)


def _order(frames: Mapping[str, Frame]) -> list[str]:
    """Say so where the levels, named from head to foot, do not lie in this order, or grow to the wrong end."""
    heights = [frame.centre[2] for frame in frames.values()]
    if len(heights) < 2:
        return []
    if (np.diff(heights) > 0).all():
        return ["the upper levels lie below the lower ones"]
    widths = [frame.size_mm[0] for frame in frames.values()]
    slope = np.polyfit(np.arange(len(widths)), widths, 1)[0] / np.mean(widths)
    if len(widths) >= 4 and slope < LIMITS["width_slope"]:
        return ["bodies become narrower towards what should be the foot"]
    return []


def _lungs(coarse: Volume) -> list[str]:
    """Say so where lungs lie in the lower part of the image and none in the upper."""
    from scipy.ndimage import binary_erosion, center_of_mass, label

    air = coarse.voxels < -600
    pieces, count = label(air)
    sides = (pieces[:, 0], pieces[:, -1], pieces[:, :, 0], pieces[:, :, -1])
    outside = np.unique(np.concatenate([side.ravel() for side in sides]))
    inside = np.where(binary_erosion(air), pieces, 0)
    sizes = np.bincount(inside.ravel(), minlength=count + 1)
    lungs = [
        n
        for n in range(1, count + 1)
        if n not in outside
        and sizes[n] * coarse.voxel_volume / 1000 > LIMITS["lung_ml"]
        and coarse.voxels[inside == n].mean() > LIMITS["lung_hu"]
    ]
    if not lungs:
        return []
    middle = np.average([center_of_mass(pieces == n)[0] for n in lungs], weights=sizes[lungs]) / len(coarse.voxels)
    return ["lungs lie at its lower end"] if middle < 1 / 3 else []


def arch_in_front(volume: Volume, frames: Mapping[str, Frame]) -> float | None:
    """Return which part of the bone beside the bodies lies in front of them (the arches are behind), else None."""
    front = behind = 0
    for frame in frames.values():
        x, z = np.arange(-24, 25, 3.0), np.arange(-9, 10, 3.0)
        for sign in (1, -1):
            y = sign * (frame.size_mm[1] / 2 + np.arange(8, 42, 3.0))
            points = frame.to_ras(np.stack(np.meshgrid(x, y, z, indexing="ij"), -1))
            bone = int((sample(volume, points, outside=-1000) > 250).sum())
            front, behind = (front + bone, behind) if sign > 0 else (front, behind + bone)
    return front / (front + behind) if front + behind > 30 * max(1, len(frames)) else None


def organs_on_the_right(coarse: Volume, frames: Mapping[str, Frame]) -> float | None:
    """Return which part of the large solid organs from L2 to below the heart lies on the right, None without any."""
    from scipy.ndimage import binary_erosion, binary_opening, generate_binary_structure, iterate_structure

    if not frames:
        return None
    centres = np.array([frame.centre for frame in frames.values()])
    ball = iterate_structure(generate_binary_structure(3, 1), int(LIMITS["organ_radius_mm"] // 5))
    solid = binary_opening((coarse.voxels > LIMITS["organ_hu"]) & (coarse.voxels < 250), iterations=1)
    core = np.argwhere(binary_erosion(solid, ball))
    points = coarse.to_ras(core[:, ::-1])
    order = centres[:, 2].argsort()
    spine = np.interp(points[:, 2], centres[order, 2], centres[order, 0])
    beside = (abs(points[:, 0] - spine) > 35) & (points[:, 2] > np.median(centres[:, 2]) - 10)
    beside &= points[:, 1] > centres[:, 1].mean() - 10
    beside &= points[:, 2] < centres[:, 2].max() + LIMITS["organ_above_mm"]
    if beside.sum() * 0.125 < LIMITS["organ_core_ml"]:
        return None
    return float((points[beside, 0] > spine[beside]).mean())
