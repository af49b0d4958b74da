"""From boxes on slices to vertebrae: which level each box is of, and what all boxes of a level say together."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from OsteoScreenLib.bone_status import STATUSES
from OsteoScreenLib.detection.alignment import aligned, evened
from OsteoScreenLib.detection.slices import SLAB_MM, Slices, boxes_of, labels_on
from OsteoScreenLib.evaluation.boxes import intersection_over_union
from OsteoScreenLib.levels import SCREENED
from OsteoScreenLib.result import DetectedVertebra, SliceBox
from OsteoScreenLib.volume import Volume

OVERLAP = 0.3
"""Intersection over union from which a box belongs to the segmented body in its slice."""

OFF_LINE_MM = 30.0
"""How far a box's middle may lie from the spine's line."""

LONGEST_MM = 40.0
"""A run of boxes along the spine that is longer shows more than one body."""

BODY = 0.42
"""How far from a level's middle, in levels, its body reaches: discs, which look like poor bone, have no vote."""

_OUTER = 10
"""Per cent of a level's boxes that may reach beyond the box around all of them, on each side."""


def by_segmentation(boxes: Sequence[SliceBox], slices: Slices, labels: Volume) -> list[SliceBox]:
    """Return the boxes with the level whose segmented body each covers best, and None where it covers none."""
    painted = labels_on(slices, labels)
    found = []
    for box in boxes:
        bodies = {
            level: _flat(slices.to_ras(box.slice, corners.reshape(2, 2)))
            for level, corners in boxes_of(painted[box.slice]).items()
        }
        overlap = {level: float(intersection_over_union(_flat_box(box), body)[0, 0]) for level, body in bodies.items()}
        best = max(overlap, key=overlap.get, default=None)
        found.append(replace(box, level=best if best in SCREENED and overlap[best] >= OVERLAP else None))
    return _surest(found)


def along_the_spine(boxes: Sequence[SliceBox], points: np.ndarray, heights: np.ndarray) -> list[SliceBox]:
    """Return the boxes with the level that the spine's line has where they are; None on discs and off the line.

    `points` (n, 3) in RAS mm are the line, `heights` (n,) are levels below L1. The line is good to about a centimetre.
    Boxes that follow each other from slice to slice are of one body, whose level is that in their middle; the line is
    stretched and moved a little first so that they lie on bodies (`alignment`). Where they go on through the discs, so
    that a run is longer than a body, each box has the level at its own height, if that is within `BODY` of a level's
    middle.
    """
    order = np.argsort(points[:, 2])
    z, even = evened(points[:, 2], heights)
    near: dict[int, float] = {}
    for n, box in enumerate(boxes):
        middle = (np.array(box.low) + box.high) / 2
        x, y = (np.interp(middle[2], points[order, 2], points[order, axis]) for axis in range(2))
        if np.hypot(middle[0] - x, middle[1] - y) <= OFF_LINE_MM:
            near[n] = float(np.interp(middle[2], z, even))
    runs = _runs(boxes, list(near))
    single = [np.ptp([boxes[n].low[2] for n in run]) <= LONGEST_MM for run in runs]
    stretch, shift = aligned(np.array([near[n] for run, one in zip(runs, single, strict=True) if one for n in run]))
    named: dict[int, str] = {}
    for run, one_body in zip(runs, single, strict=True):
        own = [stretch * near[n] + shift for n in run]
        for n, below in zip(run, [float(np.median(own))] * len(run) if one_body else own, strict=True):
            place = round(below)
            if 0 <= place < len(SCREENED) and (one_body or abs(below - place) <= BODY):
                named[n] = SCREENED[place]
    return _surest([replace(box, level=named.get(n)) for n, box in enumerate(boxes)])


def _runs(boxes: Sequence[SliceBox], chosen: list[int]) -> list[list[int]]:
    """Return the places of chosen boxes, parted where a slice has none."""
    runs: list[list[int]] = []
    for n in sorted(chosen, key=lambda n: boxes[n].slice):
        if runs and boxes[n].slice - boxes[runs[-1][-1]].slice <= 1:
            runs[-1].append(n)
        else:
            runs.append([n])
    return runs


def vote(boxes: Sequence[SliceBox]) -> tuple[DetectedVertebra, ...]:
    """Return a vertebra for each level that boxes are of, from head to foot: the sum of all scores decides."""
    found = []
    for level in SCREENED:
        own = [box for box in boxes if box.level == level]
        if not own:
            continue
        total = np.sum([box.scores for box in own], axis=0)
        shares = total / total.sum()
        status = STATUSES[int(shares.argmax())].name
        low = np.percentile([box.low for box in own], _OUTER, axis=0)
        high = np.percentile([box.high for box in own], 100 - _OUTER, axis=0)
        low[2], high[2] = min(box.low[2] for box in own) - SLAB_MM / 2, max(box.high[2] for box in own) + SLAB_MM / 2
        found.append(
            DetectedVertebra(
                level=level,
                shares=tuple(shares.tolist()),
                slices=len(own),
                agreeing=sum(box.status == status for box in own),
                low=tuple(low.tolist()),
                high=tuple(high.tolist()),
            )
        )
    return tuple(found)


def _surest(boxes: list[SliceBox]) -> list[SliceBox]:
    """Return the boxes with each level in a slice kept for its surest box alone."""
    best: dict[tuple[int, str], float] = {}
    for box in boxes:
        if box.level:
            key = box.slice, box.level
            best[key] = max(best.get(key, 0.0), box.confidence)
    return [
        box if not box.level or box.confidence == best[box.slice, box.level] else replace(box, level=None)
        for box in boxes
    ]


def _flat(corners: np.ndarray) -> np.ndarray:
    """Return two corners (2, 3) in RAS mm as one box (1, 4) in the slice's plane."""
    return np.concatenate([corners.min(0)[:2], corners.max(0)[:2]])[None]


def _flat_box(box: SliceBox) -> np.ndarray:
    return np.array([[*box.low[:2], *box.high[:2]]])
