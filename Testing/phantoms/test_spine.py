"""Spines: how steep the sacrum stands follows from the lordosis that was asked for."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from OsteoScreenLib.phantoms.spine import USUAL_LORDOSIS, Spine, random_spine
from OsteoScreenLib.training.patients import LORDOSIS


def _lean(spine: Spine, level: str) -> float:
    """Return by how many degrees a body's cranial axis leans forward."""
    _, forward, up = spine.frames[level][:, 2]
    return float(np.degrees(np.arctan2(forward, up)))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.35, 1.8))
def test_the_sacrum_leans_as_much_as_asked_for(seed: int, share: float) -> None:
    spine = random_spine(np.random.default_rng(seed), (share, share))
    # each body stands off the curve by an SD of 1.5 degrees
    assert abs(_lean(spine, "S1") - 38 * share) < 8


def test_training_draws_steeper_sacra_than_the_usual_ones() -> None:
    leans = {
        lordosis: [_lean(random_spine(np.random.default_rng(seed), lordosis), "S1") for seed in range(200)]
        for lordosis in (USUAL_LORDOSIS, LORDOSIS)
    }
    assert max(leans[USUAL_LORDOSIS]) < 56
    assert np.percentile(leans[LORDOSIS], 90) > 58


def test_a_usual_spine_does_not_change_with_the_argument() -> None:
    plain, said = (random_spine(np.random.default_rng(3), *given) for given in ((), (USUAL_LORDOSIS,)))
    assert all(np.array_equal(plain.frames[level], said.frames[level]) for level in plain.frames)
    assert plain.sizes == said.sizes
