"""The detector: its sizes, its losses, and one box for each body."""

import numpy as np
import pytest
import torch

from OsteoScreenLib.bone_status import NAMES, STATUSES, status_of
from OsteoScreenLib.detection.dsnet import (
    PAPER,
    SMALL,
    _one_per_body,
    build,
    predict,
    soft_dice,
    training_loss,
    with_soft_dice,
)


@pytest.mark.parametrize(("form", "attention", "parameters"), [
    (SMALL, "ds", 6_627_187), (PAPER, "ds", 48_240_435), (PAPER, "none", 41_362_531),
])  # fmt: skip
def test_parameters(form: dict, attention: str, parameters: int) -> None:
    """41,362,531 are those of torchvision's fasterrcnn_resnet50_fpn for 4 classes, with its batch norms' 53,120."""
    with torch.device("meta"):
        network = build(**{**form, "attention": attention})
    assert sum(p.numel() for p in network.parameters()) == parameters


def test_it_has_three_statuses_and_background() -> None:
    with torch.device("meta"):
        predictor = build(**SMALL).roi_heads.box_predictor
    assert predictor.cls_score.out_features == 1 + len(STATUSES) == 4
    assert NAMES == ("normal", "osteopenia", "osteoporosis")


@pytest.mark.parametrize(("t_score", "status"), [(0.3, 0), (-1.0, 0), (-1.01, 1), (-2.49, 1), (-2.5, 2), (-4.0, 2)])
def test_statuses_are_those_of_the_who(t_score: float, status: int) -> None:
    assert status_of(t_score) == status
    with pytest.raises(ValueError, match="T-score"):
        status_of(float("nan"))


def test_it_learns_a_bright_and_a_dark_body_in_a_few_steps() -> None:
    """The shipped form on two pictures: after 50 ever smaller steps both bodies are found, with status."""
    torch.manual_seed(0)
    boxes = torch.tensor([[30.0, 40.0, 70.0, 68.0]])
    images = torch.full((2, 3, 128, 128), 0.2) + 0.01 * torch.randn(2, 3, 128, 128)
    images[0, :, 40:68, 30:70] = 0.9
    images[1, :, 40:68, 30:70] = 0.5
    targets = [{"boxes": boxes, "labels": torch.tensor([1])}, {"boxes": boxes, "labels": torch.tensor([3])}]
    network = with_soft_dice(build(**SMALL))
    assert "loss_dice" in network(list(images), targets)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 50)
    first = training_loss(network, images, targets)
    for _ in range(50):
        loss = training_loss(network, images, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    assert float(loss.detach()) < 0.5 * float(first.detach())
    bright, dark = predict(network, images.numpy(), "cpu", batch=1)
    for seen, status in ((bright, 0), (dark, 2)):
        assert seen.scores[0].argmax() == status
        assert seen.corners[0] == pytest.approx(boxes[0].numpy(), abs=4)


def test_soft_dice_is_zero_for_sure_and_right_scores() -> None:
    labels = torch.tensor([0, 1, 3, 3])
    sure = 30.0 * torch.nn.functional.one_hot(labels, 4)
    assert float(soft_dice(sure, labels)) == pytest.approx(0, abs=1e-6)
    assert float(soft_dice(sure, torch.tensor([1, 0, 2, 2]))) == pytest.approx(1, abs=1e-6)
    # Even scores: each of the three classes has 2 * n/4 / (4/4 + n).
    assert float(soft_dice(torch.zeros(4, 4), labels)) == pytest.approx(1 - (0.25 + 0.25 + 1 / 3) / 3, abs=1e-6)


def test_the_boxes_of_one_body_become_one_with_all_its_scores() -> None:
    boxes = torch.tensor([[10.0, 10, 50, 40], [11, 10, 51, 41], [80, 10, 120, 40]])
    seen = _one_per_body(boxes, torch.tensor([2, 3, 1]), torch.tensor([0.6, 0.3, 0.5]))
    assert seen.corners.tolist() == [[10, 10, 50, 40], [80, 10, 120, 40]]
    assert seen.scores == pytest.approx(np.array([[0, 0.6, 0.3], [0.5, 0, 0]]))
    none = _one_per_body(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), torch.zeros(0))
    assert none.corners.shape == (0, 4)
    assert none.scores.shape == (0, 3)
