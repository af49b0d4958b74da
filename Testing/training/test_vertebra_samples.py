"""Thick slices in training crops: means over what a slice covers, interpolated as the program interpolates them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from OsteoScreenLib.training.vertebra_samples import through_slices


@given(
    apart=st.floats(1, 6),
    overlap=st.floats(1, 1.3),
    phase=st.floats(0, 1, exclude_max=True),
)
def test_what_is_even_stays_and_a_ramp_keeps_its_place(apart: float, overlap: float, phase: float) -> None:
    """A voxel is one value all over, so that a ramp of voxels has steps, and its place is good to 0.15 voxels."""
    seen = through_slices(56, apart, apart * overlap, phase)
    assert (seen >= 0).all()
    assert seen.sum(1) == pytest.approx(np.ones(56))
    inner = slice(12, -12)
    assert (seen @ np.arange(56.0))[inner] == pytest.approx(np.arange(56.0)[inner], abs=0.15)


def test_slices_of_one_voxel_change_nothing() -> None:
    assert through_slices(20, 1, 1, 0) == pytest.approx(np.eye(20))


def test_a_slice_is_the_mean_of_what_it_covers_and_voxels_between_two_are_interpolated() -> None:
    """Slices of four voxels begin at 0: their middles lie between the second and the third voxel."""
    image = np.zeros(12)
    image[4:8] = 8.0
    assert through_slices(12, 4, 4, 0) @ image == pytest.approx([0, 0, 1, 3, 5, 7, 7, 5, 3, 1, 0, 0])


def test_slices_thicker_than_they_are_apart_see_their_neighbours() -> None:
    image = np.zeros(12)
    image[4:8] = 8.0
    thick = through_slices(12, 4, 6, 0) @ image
    assert thick.max() < 8 * 4 / 6
    assert thick[1] > 0
