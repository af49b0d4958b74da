"""DSNet (Xue et al. 2022): Faster R-CNN whose backbone carries dual-selective attention; three bone statuses."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.ops import MultiScaleRoIAlign, box_iou

from OsteoScreenLib.bone_status import STATUSES
from OsteoScreenLib.detection.backbones import backbone

SMALL = {"backbone_name": "resnet10", "attention": "ds", "pyramid_channels": 64, "hidden": 256, "size": 128,
         "anchors": [16, 24, 32, 40, 56]}  # fmt: skip
"""The arguments of the shipped model: slices of 128 pixels, of which a vertebral body takes 20 to 50."""

PAPER = {"backbone_name": "resnet50", "attention": "ds", "pyramid_channels": 256, "hidden": 1024, "size": 800,
         "anchors": [32, 64, 128, 256, 512]}  # fmt: skip
"""The arguments of the paper's network, as in torchvision's ``fasterrcnn_resnet50_fpn`` where the paper is silent."""

SCORED_FROM = 0.05
_SAME_BODY = 0.5


@dataclass(frozen=True, eq=False)
class Boxes:
    """What is seen in one slice: `corners` (n, 4) as x0, y0, x1, y1 in pixels, `scores` (n, 3) in [0, 1] by status.

    There is one box for each body; its confidence is its largest score. Pixel n spans [n, n + 1].
    """

    corners: np.ndarray
    scores: np.ndarray


class _Heads(RoIHeads):
    """Torchvision's heads, with a soft Dice loss on the class scores beside the usual losses."""

    def select_training_samples(self, proposals: list[Tensor], targets: list[dict[str, Tensor]] | None) -> tuple:
        selected = super().select_training_samples(proposals, targets)
        self.chosen = torch.cat(selected[2])
        return selected

    def forward(self, *given: object, **named: object) -> tuple:
        scored: list[Tensor] = []
        hook = self.box_predictor.register_forward_hook(lambda _module, _inputs, output: scored.append(output[0]))
        try:
            found, losses = super().forward(*given, **named)
        finally:
            hook.remove()
        if self.training:
            losses["loss_dice"] = soft_dice(scored[0], self.chosen)
        return found, losses


def build(
    backbone_name: str = "resnet50",
    attention: str = "ds",
    pyramid_channels: int = 256,
    hidden: int = 1024,
    size: int = 800,
    anchors: Sequence[int] = (32, 64, 128, 256, 512),
    weights: dict[str, Tensor] | None = None,
) -> FasterRCNN:
    """Return the detector: background and the statuses of `bone_status`, on slices of three channels in [0, 1].

    `size` is what the shorter side of a slice is scaled to, in pixels; `anchors` one edge per pyramid level, in those
    pixels, each with the proportions 0.5, 0.75 and 1 (height over width), for a body is wider than deep. `hidden` is
    the width of the box head. For `weights` see `backbones.backbone`.
    """
    pyramid = backbone(backbone_name, attention, pyramid_channels, weights)
    pool = MultiScaleRoIAlign(["0", "1", "2", "3"], output_size=7, sampling_ratio=2)
    head = TwoMLPHead(pyramid_channels * 7**2, hidden)
    predictor = FastRCNNPredictor(hidden, len(STATUSES) + 1)
    network = FasterRCNN(
        pyramid,
        min_size=size,
        max_size=2 * size,
        image_mean=[0.5] * 3,
        image_std=[0.25] * 3,
        rpn_anchor_generator=AnchorGenerator(tuple((edge,) for edge in anchors), ((0.5, 0.75, 1.0),) * len(anchors)),
        rpn_pre_nms_top_n_train=500,
        rpn_post_nms_top_n_train=300,
        rpn_pre_nms_top_n_test=200,
        rpn_post_nms_top_n_test=50,
        box_roi_pool=pool,
        box_head=head,
        box_predictor=predictor,
        box_score_thresh=SCORED_FROM,
        box_batch_size_per_image=128,
        box_detections_per_img=20,
    )
    return network


def with_soft_dice(network: FasterRCNN) -> FasterRCNN:
    """Give a detector the soft Dice loss on its class scores, beside its own losses, and return it.

    The paper's "Dice loss" cannot stand for the detector's box losses; this is what can be meant.
    """
    heads = network.roi_heads
    sampler, matcher = heads.fg_bg_sampler, heads.proposal_matcher
    network.roi_heads = _Heads(
        heads.box_roi_pool, heads.box_head, heads.box_predictor,
        matcher.high_threshold, matcher.low_threshold, sampler.batch_size_per_image, sampler.positive_fraction,
        None, heads.score_thresh, heads.nms_thresh, heads.detections_per_img,
    )  # fmt: skip
    return network


def soft_dice(logits: Tensor, labels: Tensor) -> Tensor:
    """Return 1 - the mean soft Dice, over the classes that occur, of scores (n, classes) and labels (n,)."""
    probability = logits.softmax(1)
    truth = torch.nn.functional.one_hot(labels, logits.shape[1])
    shared, total = (probability * truth).sum(0), (probability + truth).sum(0)
    return 1 - (2 * shared / total)[truth.any(0)].mean()


def training_loss(network: FasterRCNN, images: Sequence[Tensor], targets: Sequence[dict[str, Tensor]]) -> Tensor:
    """Return the sum of a detector's losses on slices (3, rows, columns) and targets with `boxes` and `labels`.

    Labels are places in `STATUSES` plus 1, for 0 is background.
    """
    return sum(network(list(images), list(targets)).values())


def predict(network: FasterRCNN, images: np.ndarray, device: str, batch: int = 16) -> list[Boxes]:
    """Return the boxes in each slice (n, 3, rows, columns) in [0, 1]; half precision on CUDA."""
    network.eval()
    found: list[Boxes] = []
    with torch.inference_mode(), torch.autocast(device, enabled=device == "cuda"):
        for start in range(0, len(images), batch):
            part = torch.from_numpy(images[start : start + batch]).to(device)
            found += [_one_per_body(**output) for output in network(list(part))]
    return found


def _one_per_body(boxes: Tensor, labels: Tensor, scores: Tensor) -> Boxes:
    """Put the boxes of one body together, which the detector gives for each class by itself: the surest is its box."""
    corners, rows = [], []
    overlap = box_iou(boxes, boxes)
    left = torch.ones(len(boxes), dtype=torch.bool, device=boxes.device)
    for index in scores.argsort(descending=True).tolist():
        if not left[index]:
            continue
        same = left & (overlap[index] > _SAME_BODY)
        left &= ~same
        row = np.zeros(len(STATUSES), np.float32)
        for label, score in zip(labels[same].tolist(), scores[same].tolist(), strict=True):
            row[label - 1] = max(row[label - 1], score)
        corners.append(boxes[index].cpu().numpy())
        rows.append(row)
    shape = len(corners)
    return Boxes(
        np.array(corners, np.float32).reshape(shape, 4), np.array(rows, np.float32).reshape(shape, len(STATUSES))
    )
