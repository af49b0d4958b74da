import numpy as np
import pytest

from OsteoScreenLib.annotation import review
from OsteoScreenLib.annotation.against_proposal import against_proposal
from OsteoScreenLib.annotation.packed import pack, unpack
from OsteoScreenLib.annotation.review import Decision, Status
from OsteoScreenLib.annotation.stopwatch import PAUSE_S, Stopwatch
from OsteoScreenLib.evaluation.overlap import overlap
from OsteoScreenLib.levels import body_mask
from Testing.annotation.tiny_cases import grown, tiny_case

SIGNED = Decision("B", "2026-01-02T03:04:05+00:00", 12.5, "0.1.0", ("refine 0.4",))


def test_a_decision_is_signed_until_the_mask_changes_or_it_is_taken_back() -> None:
    labels = tiny_case()[1].voxels
    case = review.accepted(review.begun(labels), "L1", SIGNED)
    assert review.record_of(case, "L1").decision == SIGNED
    assert review.from_json(review.to_json(case)) == case
    assert not review.decided(case)
    assert review.decided(review.rejected(case, "L2", SIGNED))
    assert not review.decided(())
    assert review.record_of(review.reopened(case, "L1"), "L1").decision == Decision()
    changed = review.looked_at(case, grown(tiny_case()[1]).voxels)
    assert review.record_of(changed, "L1").decision == Decision()


def test_a_review_of_before_decisions_were_signed_can_be_read() -> None:
    text = '[{"level": "L1", "proposed_level": "L1", "proposed_mask": "a", "mask": "b", "status": "edited"}]'
    assert review.from_json(text) == (review.ReviewRecord("L1", "L1", "a", "b", Status.EDITED),)


def test_records_say_how_far_each_body_is_from_its_proposal() -> None:
    volume, proposal = tiny_case()
    labels = grown(proposal)
    renamed, shifted = review.shifted(review.begun(proposal.voxels), labels.voxels, 1)
    records = review.looked_at(renamed, shifted)
    found = against_proposal(records, shifted, proposal.voxels, volume.spacing)
    expected = overlap(body_mask(shifted, "L2"), body_mask(proposal.voxels, "L1"), volume.spacing)
    assert [one.level for one in found] == ["L2", "L3"]
    assert found[0].dice == pytest.approx(expected.dice, abs=1e-4)
    assert found[0].assd == pytest.approx(expected.assd, abs=1e-3)
    assert 0.8 < found[0].dice < 1
    assert (found[1].dice, found[1].assd) == (1.0, 0.0)


def test_added_and_removed_levels_have_no_figures() -> None:
    volume, proposal = tiny_case()
    only_l1 = np.where(body_mask(proposal.voxels, "L1"), proposal.voxels, 0)
    removed = review.looked_at(review.begun(proposal.voxels), only_l1)
    added = review.looked_at(review.begun(only_l1), proposal.voxels)
    for records, now, then in ((removed, only_l1, proposal.voxels), (added, proposal.voxels, only_l1)):
        one = review.record_of(against_proposal(records, now, then, volume.spacing), "L2")
        assert (one.dice, one.assd) == (None, None)


def test_a_label_map_comes_back_from_its_text() -> None:
    labels = tiny_case()[1].voxels
    np.testing.assert_array_equal(unpack(pack(labels)), labels)
    np.testing.assert_array_equal(unpack(pack(np.zeros_like(labels))), np.zeros_like(labels))
    assert len(pack(labels)) < 1000


def test_time_is_counted_per_level_without_long_pauses() -> None:
    now = [0.0]
    watch = Stopwatch(lambda: now[0])
    assert watch.seconds("L1") is None
    for level, until in (("L1", 10), ("L2", 40), ("L1", 45)):
        watch.turn_to(level)
        now[0] = until
    assert (watch.seconds("L1"), watch.seconds("L2")) == (15.0, 30.0)
    now[0] += 10 * PAUSE_S
    assert watch.seconds("L1") == 15.0 + PAUSE_S
    watch.turn_to(None)
    now[0] += 5
    assert watch.seconds("L1") == 15.0 + PAUSE_S
