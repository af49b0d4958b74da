"""From slices in space to a regular grid: order, copies, gaps, uneven spacing and gantry tilt."""

from collections.abc import Sequence

import numpy as np

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.readers.check import AIR
from OsteoScreenLib.readers.slices import Slice
from OsteoScreenLib.volume import LPS_TO_RAS

SAME_PLACE = 0.01
"""Slices closer than this (mm) show the same place."""

GAP = 1.5
"""A distance between neighbours of more than this many slice distances means that slices are missing."""

UNEVEN = 0.05
"""How far, in slice distances, a slice may lie off the regular grid before the stack is resampled."""

MAX_SLIDE = 0.25
"""How far, in voxels, a slice may lie beside the stack's axis before the stack is straightened."""


def heights(slices: Sequence[Slice]) -> np.ndarray:
    """Return the slices' positions along their common normal, in mm."""
    return np.array([s.position for s in slices]) @ slices[0].normal


def ordered(slices: Sequence[Slice], name: str) -> tuple[list[Slice], list[str]]:
    """Return the slices from bottom to top along their normal, one for each place, and what had to be left out.

    Raises `InputError` where slices are missing, and where most places have several slices (phases).
    """
    by_instance = {(str(s.header.get("SOPInstanceUID", s.path)), s.frame, *s.position.tolist()): s for s in slices}
    unique = sorted(by_instance.values(), key=lambda s: (_instance_number(s), s.frame, str(s.path)))
    where = heights(unique)
    order = np.argsort(where, kind="stable")
    new_place = np.diff(where[order], prepend=-np.inf) > SAME_PLACE
    places, again = int(new_place.sum()), int((~new_place).sum())
    if again >= places / 2:
        raise InputError(
            f"{name} shows most places more than once ({len(unique)} slices at {places} places): several phases or "
            "reconstructions in one series. Export one of them."
        )
    stack = [unique[n] for n in order[new_place]]
    _refuse_gaps(heights(stack), name)
    notes = []
    if copies := len(slices) - len(unique):
        notes.append(f"{copies} files are copies of other slices and were left out.")
    if again:
        notes.append(f"{again} slices lie at the place of another and were left out.")
    return stack, notes


def ijk_to_ras(stack: Sequence[Slice]) -> np.ndarray:
    """Return the 4x4 matrix of a stack as it is: k runs along the normal at the mean slice distance."""
    where = heights(stack)
    step = (where[-1] - where[0]) / max(1, len(stack) - 1) or 1.0
    first, matrix = stack[0], np.eye(4)
    matrix[:3, 0] = first.along_row * first.spacing[0]
    matrix[:3, 1] = first.along_column * first.spacing[1]
    matrix[:3, 2] = first.normal * step
    matrix[:3, 3] = first.position
    return LPS_TO_RAS @ matrix


def straighten(
    voxels: np.ndarray, matrix: np.ndarray, stack: Sequence[Slice], name: str
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return voxels (k, j, i) and matrix with every slice moved in its plane to where it was taken, and the notes.

    With gantry tilt each slice lies beside the one before; the grid grows to hold them all, filled with air.
    """
    first = stack[0]
    offsets = np.array([s.position for s in stack]) - first.position
    slide = np.stack([offsets @ first.along_column / first.spacing[1], offsets @ first.along_row / first.spacing[0]], 1)
    if np.abs(slide).max() <= MAX_SLIDE:
        return voxels, matrix, []
    low, high = np.floor(slide.min(0)).astype(int), np.ceil(slide.max(0)).astype(int)
    rows, columns = voxels.shape[1:]
    if (high - low > [rows, columns]).any():
        raise InputError(
            f"The slices of {name} do not lie above one another. Export the series as the scanner made it."
        )
    straight = np.full((len(stack), *(np.array([rows, columns]) + high - low)), AIR, dtype=np.float32)
    for k, (down, right) in enumerate(slide - low):
        straight[k] = _moved(voxels[k], down, right, straight.shape[1:])
    moved = matrix.copy()
    moved[:3, 3] += matrix[:3, :2] @ low[::-1]
    angle = np.degrees(np.arctan2(np.linalg.norm(offsets[-1] - _along(offsets[-1], first.normal)), _span(stack)))
    return straight, moved, [f"The slices are tilted by {angle:.1f} degrees and were resampled to a right-angled grid."]


def even(voxels: np.ndarray, matrix: np.ndarray, stack: Sequence[Slice]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return voxels (k, j, i) and matrix on equally spaced slices, interpolated linearly where they were not."""
    where = heights(stack) - heights(stack)[0]
    if len(where) < 3:
        return voxels, matrix, []
    steps = np.diff(where)
    regular = np.linspace(0, where[-1], len(where))
    if np.abs(where - regular).max() <= UNEVEN * steps.mean():
        return voxels, matrix, []
    target = np.linspace(0, where[-1], round(where[-1] / np.median(steps)) + 1)
    below = np.clip(np.searchsorted(where, target, side="right") - 1, 0, len(where) - 2)
    weight = ((target - where[below]) / steps[below]).astype(np.float32)[:, None, None]
    evened = voxels[below] * (1 - weight) + voxels[below + 1] * weight
    matrix = matrix.copy()
    matrix[:3, 2] *= target[1] / np.linalg.norm(matrix[:3, 2])
    return (
        evened,
        matrix,
        [f"The slices are {steps.min():.2f} to {steps.max():.2f} mm apart and were resampled to {target[1]:.2f} mm."],
    )


def _refuse_gaps(where: np.ndarray, name: str) -> None:
    steps = np.diff(where)
    if len(steps) == 0:
        return
    usual = float(np.median(steps))
    gaps = np.flatnonzero(steps > GAP * usual)
    if len(gaps):
        missing = int((np.rint(steps[gaps] / usual) - 1).clip(1).sum())
        first = gaps[0]
        raise InputError(
            f"{name} lacks {missing} slice{'s' * (missing != 1)} in {len(gaps)} place{'s' * (len(gaps) != 1)}, the "
            f"first between slices {first + 1} and {first + 2} (at {where[first]:.1f} and {where[first + 1]:.1f} mm; "
            f"elsewhere they are {usual:.2f} mm apart). Export the whole series again."
        )


def _instance_number(s: Slice) -> int:
    try:
        return int(s.header.get("InstanceNumber") or 0)
    except (TypeError, ValueError, OverflowError):
        return 0


def _moved(image: np.ndarray, down: float, right: float, shape: tuple[int, ...]) -> np.ndarray:
    canvas = np.full(shape, AIR, dtype=np.float32)
    whole_down, whole_right = int(down), int(right)
    canvas[whole_down : whole_down + image.shape[0], whole_right : whole_right + image.shape[1]] = image
    for axis, part in enumerate((down - whole_down, right - whole_right)):
        if part > 0:
            canvas = (1 - part) * canvas + part * np.roll(canvas, 1, axis)
    return canvas


def _along(vector: np.ndarray, normal: np.ndarray) -> np.ndarray:
    return (vector @ normal) * normal


def _span(stack: Sequence[Slice]) -> float:
    where = heights(stack)
    return float(where[-1] - where[0])
