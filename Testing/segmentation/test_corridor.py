"""The corridor: a bent spine comes to stand straight in the middle."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from OsteoScreenLib.segmentation.corridor import AIR_HU, straighten
from OsteoScreenLib.segmentation.networks import CORRIDOR_SIZE

WIDTH, DEPTH = CORRIDOR_SIZE
SHAPE = (5, 40, 50)


@given(st.lists(st.tuples(st.integers(0, 39), st.integers(0, 49)), min_size=5, max_size=5))
def test_the_line_runs_through_the_middle(columns: list[tuple[int, int]]) -> None:
    voxels = np.zeros(SHAPE, dtype=np.float32)
    for slice_, (j, i) in zip(voxels, columns, strict=True):
        slice_[j, i] = 100
    corridor = straighten(voxels, np.array(columns))
    assert corridor.shape == (5, DEPTH, WIDTH)
    assert (corridor[:, DEPTH // 2, WIDTH // 2] == 100).all()


def test_neighbours_stay_neighbours_and_air_is_beyond_the_image() -> None:
    voxels = np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE)
    corridor = straighten(voxels, np.full((5, 2), 3.2))
    assert np.array_equal(
        corridor[:, DEPTH // 2 - 3 :, WIDTH // 2 - 3 :], voxels[:, : DEPTH // 2 + 3, : WIDTH // 2 + 3]
    )
    assert (corridor[:, : DEPTH // 2 - 3] == AIR_HU).all()
