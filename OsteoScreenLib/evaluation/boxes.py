"""Detected boxes against true ones: the figures of Xue et al. 2022, true mAP, and what is taken for what."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from OsteoScreenLib.errors import InputError

MATCHED_FROM = 0.5
"""Intersection over union from which a box counts as found."""

SURE_FROM = 0.3
"""Confidence from which a box counts at all: a body between two classes has little of either. Average precision needs
no such line."""


@dataclass(frozen=True, eq=False)
class LabelledBoxes:
    """The boxes of one image: `corners` (n, 4) x0, y0, x1, y1 in pixels, `labels` (n,) places in a list of classes.

    `scores` (n,) in [0, 1] are the confidences of detected boxes and None for true ones.
    """

    corners: np.ndarray
    labels: np.ndarray
    scores: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class BoxFigures:
    """How detections agree with the truth.

    `map_paper`, `recall` and `acc` are what equations 3 to 5 of Xue et al. 2022 are read as: TP / (TP + FP),
    TP / (TP + FN) and TP / (TP + FP + FN), a box being true where class and place (IoU 0.5) are right. What they call
    Map is a precision at one threshold; `map50` and `map` are COCO's mean average precision, at IoU 0.5 and over 0.5 to
    0.95.
    `confusion` (true class, found class) counts the boxes found in place, with a last column for those that were missed
    and a last row for those that are nowhere.
    """

    map_paper: float
    recall: float
    acc: float
    map50: float
    map: float
    confusion: np.ndarray

    @property
    def class_accuracy(self) -> float:
        """Share of the boxes found in place whose class is right."""
        placed = self.confusion[:-1, :-1]
        return float(np.trace(placed) / placed.sum()) if placed.sum() else float("nan")


def intersection_over_union(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the IoU (n, m) of boxes (n, d + d) and (m, d + d): low corner, then high corner, in d dimensions."""
    d = a.shape[1] // 2
    low, high = np.maximum(a[:, None, :d], b[None, :, :d]), np.minimum(a[:, None, d:], b[None, :, d:])
    shared = np.clip(high - low, 0, None).prod(-1)
    sizes = [(boxes[:, d:] - boxes[:, :d]).prod(-1) for boxes in (a, b)]
    return shared / np.maximum(sizes[0][:, None] + sizes[1][None] - shared, 1e-12)


def compare_boxes(
    found: Sequence[LabelledBoxes], truth: Sequence[LabelledBoxes], classes: int, average_precision: bool = True
) -> BoxFigures:
    """Compare detections with the truth, image by image, for `classes` classes.

    Without `average_precision` (which takes most of the time) `map50` and `map` are NaN. Raises `InputError` where the
    two are not of the same images, or no image holds a true box.
    """
    if len(found) != len(truth):
        raise InputError(f"There are detections of {len(found)} images and truth of {len(truth)}.")
    if not sum(len(one.labels) for one in truth):
        raise InputError("No image holds a true box; there is nothing to compare with.")
    confusion = sum(_confusion(f, t, classes) for f, t in zip(found, truth, strict=True))
    hits = int(np.trace(confusion[:-1, :-1]))
    shown, real = int(confusion[:, :-1].sum()), int(confusion[:-1].sum())
    at_half, over_all = _average_precision(found, truth) if average_precision else (float("nan"), float("nan"))
    return BoxFigures(
        map_paper=hits / shown if shown else float("nan"),
        recall=hits / real,
        acc=hits / (shown + real - hits),
        map50=at_half,
        map=over_all,
        confusion=confusion,
    )


def _confusion(found: LabelledBoxes, truth: LabelledBoxes, classes: int) -> np.ndarray:
    """Match the boxes of one image, the surest first, each true box once and whatever its class.

    Of boxes in one place, which a detector may give for each class, the surest alone counts.
    """
    table = np.zeros((classes + 1, classes + 1), int)
    sure = np.flatnonzero(found.scores >= SURE_FROM)
    corners = found.corners.reshape(-1, 4)
    overlap = intersection_over_union(corners, truth.corners.reshape(-1, 4))
    same = intersection_over_union(corners, corners) > MATCHED_FROM
    free, counted = np.ones(len(truth.labels), bool), []
    for n in sure[np.argsort(-found.scores[sure], kind="stable")]:
        if same[n, counted].any():
            continue
        counted.append(n)
        candidates = np.where(free, overlap[n], 0.0)
        best = int(candidates.argmax()) if len(candidates) else -1
        if best >= 0 and candidates[best] >= MATCHED_FROM:
            free[best] = False
            table[truth.labels[best], found.labels[n]] += 1
        else:
            table[classes, found.labels[n]] += 1
    for label in truth.labels[free]:
        table[label, classes] += 1
    return table


def _average_precision(found: Sequence[LabelledBoxes], truth: Sequence[LabelledBoxes]) -> tuple[float, float]:
    """Return mAP at IoU 0.5 and over 0.5 to 0.95, by torchmetrics and pycocotools."""
    import torch
    from torchmetrics.detection import MeanAveragePrecision

    def tensors(one: LabelledBoxes) -> dict[str, torch.Tensor]:
        given = {"boxes": torch.as_tensor(one.corners.reshape(-1, 4)).float(), "labels": torch.as_tensor(one.labels)}
        return given if one.scores is None else {**given, "scores": torch.as_tensor(one.scores).float()}

    metric = MeanAveragePrecision(box_format="xyxy")
    metric.update([tensors(one) for one in found], [tensors(one) for one in truth])
    figures = metric.compute()
    return float(figures["map_50"]), float(figures["map"])
