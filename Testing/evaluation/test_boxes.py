"""Figures of boxes, on cases that can be counted by hand."""

import numpy as np
import pytest

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.evaluation.boxes import LabelledBoxes, compare_boxes, intersection_over_union

A, B, FAR = [0.0, 0, 40, 30], [100.0, 0, 140, 30], [200.0, 200, 240, 230]


def _truth(*rows: tuple[list[float], int]) -> LabelledBoxes:
    return LabelledBoxes(np.array([box for box, _ in rows]).reshape(-1, 4), np.array([n for _, n in rows], np.int64))


def _found(*rows: tuple[list[float], int, float]) -> LabelledBoxes:
    plain = _truth(*[row[:2] for row in rows])
    return LabelledBoxes(plain.corners, plain.labels, np.array([score for *_, score in rows]))


def test_intersection_over_union_in_two_and_three_dimensions() -> None:
    pair = intersection_over_union(np.array([A]), np.array([A, [20.0, 0, 60, 30], FAR]))
    assert pair == pytest.approx(np.array([[1, 1 / 3, 0]]))
    cube, half = np.array([[0.0, 0, 0, 2, 2, 2]]), np.array([[0.0, 0, 0, 2, 2, 1]])
    assert intersection_over_union(cube, half) == pytest.approx(np.array([[0.5]]))


def test_a_perfect_detector() -> None:
    pytest.importorskip("torchmetrics")
    truth = [_truth((A, 0), (B, 2)), _truth(), _truth((A, 1))]
    found = [_found((A, 0, 0.9), (B, 2, 0.8)), _found(), _found((A, 1, 0.7))]
    figures = compare_boxes(found, truth, 3)
    assert (figures.map_paper, figures.recall, figures.acc) == (1, 1, 1)
    assert (figures.map50, figures.map) == pytest.approx((1, 1))
    assert figures.class_accuracy == 1
    assert figures.confusion.tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]


def test_what_is_missed_misplaced_or_of_the_wrong_class_counts_as_such() -> None:
    truth = [_truth((A, 0), (B, 2))]
    found = [_found((A, 1, 0.9), (FAR, 2, 0.8), (B, 2, 0.1))]
    figures = compare_boxes(found, truth, 3, average_precision=False)
    # Nothing right: A has the wrong class, B is not sure enough, FAR is nowhere.
    assert (figures.map_paper, figures.recall, figures.acc) == (0, 0, 0)
    assert figures.confusion.tolist() == [[0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]
    assert np.isnan(figures.map50)


def test_the_papers_three_figures_by_hand() -> None:
    truth = [_truth((A, 0)), _truth((A, 0)), _truth((A, 1)), _truth((B, 2))]
    found = [_found((A, 0, 0.9)), _found((A, 0, 0.9)), _found((A, 2, 0.6)), _found((FAR, 2, 0.6), (B, 2, 0.5))]
    figures = compare_boxes(found, truth, 3, average_precision=False)
    # TP 3 (two A of class 0, one B); shown 5; real 4.
    assert figures.map_paper == pytest.approx(3 / 5)
    assert figures.recall == pytest.approx(3 / 4)
    assert figures.acc == pytest.approx(3 / (5 + 4 - 3))
    assert figures.class_accuracy == pytest.approx(3 / 4)


def test_boxes_of_several_classes_in_one_place_count_once() -> None:
    truth = [_truth((A, 1))]
    figures = compare_boxes([_found((A, 0, 0.4), (A, 1, 0.5))], truth, 3, average_precision=False)
    assert (figures.map_paper, figures.recall) == (1, 1)


def test_average_precision_falls_with_the_place() -> None:
    pytest.importorskip("torchmetrics")
    truth = [_truth((A, 0))]
    figures = compare_boxes([_found(([0.0, 0, 40, 23], 0, 0.9))], truth, 3)
    # An IoU of 0.767 is right at 0.5 to 0.75: six of the ten thresholds.
    assert figures.map50 == pytest.approx(1)
    assert figures.map == pytest.approx(0.6)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(InputError, match="1 images and truth of 2"):
        compare_boxes([_found()], [_truth(), _truth()], 3)
    with pytest.raises(InputError, match="No image holds"):
        compare_boxes([_found()], [_truth()], 3)
