import numpy as np
import pytest

from OsteoScreenLib.annotation import review
from OsteoScreenLib.annotation.digests import mask_digests
from OsteoScreenLib.annotation.review import Status
from OsteoScreenLib.errors import LabelMapError
from OsteoScreenLib.levels import SHELL, TRABECULAR, label, levels_in


@pytest.fixture
def labels() -> np.ndarray:
    return drawn(("L1", "L2", "L4"))


def drawn(levels: tuple[str, ...]) -> np.ndarray:
    labels = np.zeros((24, 8, 8), dtype=np.uint16)
    for n, level in enumerate(levels):
        labels[18 - 6 * n : 22 - 6 * n, 1:7, 1:7] = label(level, SHELL)
        labels[19 - 6 * n : 21 - 6 * n, 2:6, 2:6] = label(level, TRABECULAR)
    return labels


def statuses(case: review.Review) -> dict[str, str]:
    return {record.level: str(record.status) for record in case}


def test_a_proposal_is_to_be_reviewed_and_each_decision_is_kept(labels: np.ndarray) -> None:
    case = review.begun(labels)
    assert statuses(case) == {"L1": "to review", "L2": "to review", "L4": "to review"}
    case = review.rejected(review.accepted(case, "L1"), "L4")
    assert statuses(case) == {"L1": "accepted", "L2": "to review", "L4": "rejected"}
    assert levels_in(review.without_rejected(case, labels)) == ["L1", "L2"]
    assert statuses(review.reopened(case, "L4"))["L4"] == "to review"
    with pytest.raises(LabelMapError, match="no L3"):
        review.accepted(case, "L3")


def test_an_edit_asks_for_a_new_decision_and_undoing_it_for_the_old_question(labels: np.ndarray) -> None:
    case = review.accepted(review.begun(labels), "L2")
    painted = labels.copy()
    painted[13, 0, 4] = label("L2", SHELL)
    edited = review.looked_at(case, painted)
    assert statuses(edited) == {"L1": "to review", "L2": "edited", "L4": "to review"}
    done = review.accepted(edited, "L2")
    assert review.looked_at(done, painted) == done
    assert review.record_of(done, "L2").edited
    assert statuses(review.looked_at(done, labels))["L2"] == "to review"


def test_a_part_that_changes_inside_its_body_is_an_edit(labels: np.ndarray) -> None:
    moved = labels.copy()
    moved[19, 2, 2] = label("L1", SHELL)
    assert statuses(review.looked_at(review.begun(labels), moved))["L1"] == "edited"


def test_levels_that_a_hand_adds_or_clears_are_edits(labels: np.ndarray) -> None:
    case = review.looked_at(review.begun(labels), drawn(("L1", "L2", "L4", "L5")))
    assert statuses(case)["L5"] == "edited"
    assert review.record_of(case, "L5").proposed_level is None
    cleared = review.looked_at(review.begun(labels), np.where(labels // 10 == 21, 0, labels))
    assert statuses(cleared)["L2"] == "edited"
    assert review.record_of(cleared, "L2").mask is None


@pytest.mark.parametrize(("by", "names"), [(1, ["L2", "L3", "L5"]), (-1, ["T12", "L1", "L3"])])
def test_a_shift_renames_levels_and_keeps_masks_parts_and_decisions(
    labels: np.ndarray, by: int, names: list[str]
) -> None:
    case = review.accepted(review.begun(labels), "L1")
    after, relabelled = review.shifted(case, labels, by)
    assert list(statuses(after).items()) == [(names[0], "accepted"), (names[1], "to review"), (names[2], "to review")]
    assert np.array_equal(relabelled % 10, labels % 10)
    assert levels_in(relabelled) == names
    assert review.looked_at(after, relabelled) == after
    assert review.renamed_by_hand(after)
    back, original = review.shifted(after, relabelled, -by)
    assert back == case
    assert np.array_equal(original, labels)


def test_s1_follows_l5_and_has_nothing_below() -> None:
    labels = drawn(("L4", "L5"))
    case, labels = review.shifted(review.begun(labels), labels, 1)
    assert list(statuses(case)) == ["L5", "S1"]
    with pytest.raises(LabelMapError, match="S1 is the lowest"):
        review.shifted(case, labels, 1)
    thoracic = drawn(("T1",))
    with pytest.raises(LabelMapError, match="T1 is the highest"):
        review.shifted(review.begun(thoracic), thoracic, -1)


def test_a_review_comes_back_from_its_text(labels: np.ndarray) -> None:
    case = review.accepted(review.begun(labels), "L1")
    again = review.from_json(review.to_json(case))
    assert again == case
    assert again[0].status is Status.ACCEPTED


def test_a_fingerprint_knows_voxels_parts_and_place_but_not_the_name(labels: np.ndarray) -> None:
    digests = mask_digests(labels)
    assert list(digests) == ["L1", "L2", "L4"]
    assert len(set(digests.values())) == 3
    assert mask_digests(labels.astype(np.int32)) == digests
    _, relabelled = review.shifted(review.begun(labels), labels, 1)
    assert list(mask_digests(relabelled).values()) == list(digests.values())
