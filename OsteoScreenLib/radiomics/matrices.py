"""Grey-level matrices of a region in 3D, compiled by numba: they let go of the interpreter, so threads share the work.

Each kernel takes the region as `grid`, a flat array (n,) of the ranks 1, 2, ... of the grey levels that occur, 0
outside and on a rim of one voxel on every side; `voxels` are the flat indices of the region in raster order, `steps`
the flat distances to the 13 neighbours that come first in raster order. The other 13 lie opposite. Indices are
unsigned, which spares the kernels a check for negative ones.
"""

from collections.abc import Callable

import numpy as np
from numba import njit


def _compiled(kernel: Callable) -> Callable:
    """Compile a kernel at its first call; keep it beside this file or, if that is read-only, in the user's cache."""
    try:
        return njit(cache=True, nogil=True)(kernel)
    except RuntimeError:  # nowhere to keep it
        return njit(nogil=True)(kernel)


@_compiled
def neighbours(
    grid: np.ndarray, voxels: np.ndarray, steps: np.ndarray, levels: np.ndarray, longest: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return co-occurrences, runs, dependences and tone differences, in one walk over the 26 neighbours of each voxel.

    Co-occurrences (13, g, g) count pairs of ranks along each direction, one way. Runs (13, g, longest) count by rank
    and length, from length 1. Dependences (g, 27) count voxels by rank and by how many neighbours share it. Tone
    differences (g,) sum |level - mean level of the neighbours| by rank. `levels` (1 + g,) holds the grey level of each
    rank, and 0 for rank 0, the outside.

    All is counted without a branch: a processor would guess wrong too often. `lengths` holds how long the run is that
    has come as far as a voxel, in each direction, for the voxels that a step still reaches.
    """
    g = len(levels)
    pairs = np.zeros((13, g, g), np.int32)
    runs = np.zeros((13, g, longest + 1), np.int32)
    dependences = np.zeros((g, 27), np.int32)
    differences = np.zeros(g, np.float64)
    size = 1
    while size <= steps.max():
        size *= 2
    remainder = np.uint64(size - 1)
    lengths = np.zeros((size, 13), np.int32)
    for voxel in voxels:
        rank = grid[voxel]
        count, alike, total = 0, 0, 0
        for direction in range(13):
            behind = voxel - steps[direction]
            before, after = grid[behind], grid[voxel + steps[direction]]
            pairs[direction, rank, before] += 1
            count += (before > 0) + (after > 0)
            total += levels[before] + levels[after]
            alike += (before == rank) + (after == rank)
            length = lengths[behind & remainder, direction] * (before == rank) + 1
            lengths[voxel & remainder, direction] = length
            runs[direction, rank, length] += after != rank
        dependences[rank, alike] += 1
        if count:
            differences[rank] += abs(levels[rank] - total / count)
    return pairs[:, 1:, 1:], runs[:, 1:, 1:], dependences[1:], differences[1:]


@_compiled
def zones(grid: np.ndarray, voxels: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return the zones (z, 2) of 26-connected voxels of one rank, as rank and number of voxels."""
    left = grid.copy()
    found = np.empty((len(voxels), 2), np.int64)
    stack = np.empty(len(voxels), np.uint64)
    count = 0
    for voxel in voxels:
        rank = left[voxel]
        if not rank:
            continue
        left[voxel] = 0
        stack[0] = voxel
        waiting, size = 1, 0
        while waiting:
            waiting -= 1
            size += 1
            here = stack[waiting]
            for step in steps:
                for there in (here - step, here + step):
                    if left[there] == rank:
                        left[there] = 0
                        stack[waiting] = there
                        waiting += 1
        found[count, 0], found[count, 1] = rank, size
        count += 1
    return found[:count]
