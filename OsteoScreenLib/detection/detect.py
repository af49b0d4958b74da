"""Detection in one CT: slices along the spine, boxes in each, vertebrae out of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.detection.grouping import OFF_LINE_MM, along_the_spine, by_segmentation, vote
from OsteoScreenLib.detection.slices import Slices, along, axial_slices
from OsteoScreenLib.device import run_with_fallback
from OsteoScreenLib.errors import AnatomyError
from OsteoScreenLib.levels import BY_NAME, SCREENED, body_mask, levels_in
from OsteoScreenLib.model_choice import in_use
from OsteoScreenLib.models import find, load_folder, read_card
from OsteoScreenLib.progress import IsCancelled, Progress, never, part, silent, stop_if
from OsteoScreenLib.result import Detection, ModelUse, SliceBox
from OsteoScreenLib.volume import Volume

if TYPE_CHECKING:
    from torchvision.models.detection import FasterRCNN

MODEL = "detect"
SHOWN_FROM = 0.5
"""Sum of a box's scores, the confidence that it is a body of whatever status, from which it is shown and votes."""

BEYOND_MM = 9.0
"""How far slices are taken beyond the ends that the spine's line gives L1-L4, which are good to about a centimetre."""

_BATCH = 16
_HALF_LEVEL = 0.5


@dataclass(frozen=True, eq=False)
class Course:
    """Where the lumbar spine runs: `points` (n, 3) in RAS mm, their `heights` (n,) in levels below L1, and the masks.

    `low` and `high` are the heights in RAS mm between which slices are taken; `labels` is the label map where there is
    one.
    """

    points: np.ndarray
    heights: np.ndarray
    low: float
    high: float
    labels: Volume | None = None

    def centred(self, boxes: Sequence[SliceBox]) -> "Course":
        """Return the course moved sideways by the median of how far the boxes near it lie from it."""
        order = np.argsort(self.points[:, 2])
        middles = np.array([(np.array(box.low) + box.high) / 2 for box in boxes]).reshape(-1, 3)
        z = self.points[order, 2]
        off = np.stack(
            [middles[:, axis] - np.interp(middles[:, 2], z, self.points[order, axis]) for axis in range(2)], axis=1
        )
        near = off[np.hypot(*off.T) <= OFF_LINE_MM]
        if not len(near):
            return self
        return replace(self, points=self.points + np.append(np.median(near, axis=0), 0.0))


def course_of_labels(labels: Volume) -> Course:
    """Return the course through the middles of L1-L4 of a label map. Raises `AnatomyError` where it holds none."""
    levels = [level for level in levels_in(labels.voxels) if level in SCREENED]
    if not levels:
        raise AnatomyError("The label map holds none of L1-L4, so there is nowhere to look for them.")
    points, ends = [], []
    for level in levels:
        ras = labels.to_ras(np.argwhere(body_mask(labels.voxels, level))[:, ::-1])
        points.append(ras.mean(0))
        ends += [ras[:, 2].min(), ras[:, 2].max()]
    heights = np.array([BY_NAME[level].code - BY_NAME["L1"].code for level in levels], float)
    return Course(np.array(points), heights, min(ends), max(ends), labels)


def course_of_line(points: np.ndarray, heights: np.ndarray) -> Course:
    """Return the course along a spine's line: `points` (n, 3) in RAS mm, `heights` (n,) in levels below L1.

    Raises `AnatomyError` where the line passes none of L1-L4.
    """
    seen = points[(heights > -_HALF_LEVEL) & (heights < len(SCREENED) - _HALF_LEVEL)]
    if not len(seen):
        raise AnatomyError("The image does not show L1-L4; choose a CT of the lumbar spine.")
    return Course(points, heights, float(seen[:, 2].min()) - BEYOND_MM, float(seen[:, 2].max()) + BEYOND_MM)


def load_detector() -> "tuple[ModelUse, FasterRCNN]":
    """Return the shipped detector, or the one that the user has chosen for it.

    A process that works on many cases gets the same network again. Raises `ModelError` where its weights are not those
    of its card.
    """
    folder = find(in_use(MODEL))
    return _loaded(folder, read_card(folder).sha256)


@lru_cache(maxsize=1)
def _loaded(folder: Path, sha256: str) -> "tuple[ModelUse, FasterRCNN]":
    """Return the detector whose card states this hash; another hash is another detector."""
    from OsteoScreenLib.detection.dsnet import build

    card, weights = load_folder(folder)
    network = build(**card.parameters)
    network.load_state_dict({name: t.float() if t.is_floating_point() else t for name, t in weights.items()})
    return ModelUse.of(card), network.eval()


def detect(
    volume: Volume, course: Course, device: str = "cpu", progress: Progress = silent, cancelled: IsCancelled = never
) -> tuple[Detection, Slices]:
    """Look for vertebral bodies on the axial slices along a course; return what is seen, and the slices.

    The volume is in HU and may lie in any way. Without masks a first look along the spine's line shows how far beside
    it the bodies are, and a second one, centred on them, is the one that counts. Raises `AnatomyError` where no body
    is seen.
    """
    use, network = load_detector()
    stop_if(cancelled)

    def look(course: Course, share: Progress) -> Callable[[str], tuple[Slices, list[SliceBox]]]:
        slices = axial_slices(volume, along(course.points, course.low, course.high))
        return lambda d: (slices, _look(slices, network.to(d), d, share, cancelled))

    if course.labels is not None:
        (slices, boxes), device, notes = run_with_fallback(look(course, progress), device)
        boxes = by_segmentation(boxes, slices, course.labels)
    else:
        (_, rough), device, first = run_with_fallback(look(course, part(progress, 0.0, 0.5)), device)
        course = course.centred(rough)
        (slices, boxes), device, again = run_with_fallback(look(course, part(progress, 0.5, 1.0)), device)
        notes = tuple(dict.fromkeys((*first, *again)))
        boxes = along_the_spine(boxes, course.points, course.heights)
    vertebrae = vote(boxes)
    if not vertebrae:
        raise AnatomyError("No vertebral body of L1-L4 is seen on the axial slices; choose a CT of the lumbar spine.")
    seen = {vertebra.level for vertebra in vertebrae}
    missing = [f"{level} is not seen on the axial slices." for level in SCREENED if level not in seen]
    return Detection(tuple(boxes), vertebrae, use, device, (*notes, *missing)), slices


def _look(
    slices: Slices, network: "FasterRCNN", device: str, progress: Progress, cancelled: IsCancelled
) -> list[SliceBox]:
    """Return the boxes in all slices, some at a time, without a level."""
    from OsteoScreenLib.detection.dsnet import predict

    images, found = slices.images(), []
    for start in range(0, len(images), _BATCH):
        stop_if(cancelled)
        progress(start / len(images), "Looking for vertebrae on the slices")
        for index, seen in enumerate(predict(network, images[start : start + _BATCH], device), start=start):
            for corners, scores in zip(seen.corners, seen.scores, strict=True):
                if scores.sum() >= SHOWN_FROM:
                    ends = slices.to_ras(index, corners.reshape(2, 2))
                    low, high = ends.min(0).tolist(), ends.max(0).tolist()
                    found.append(SliceBox(index, tuple(low), tuple(high), tuple(scores.tolist())))
    return found
