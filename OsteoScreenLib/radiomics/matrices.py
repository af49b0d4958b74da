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
    grid: np.ndarray, voxels: np.ndarray, steps: np.ndarray, levels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return co-occurrences, dependences, tone differences and links, in one walk over the 26 neighbours of each voxel.

    Co-occurrences (13, g, g) count pairs of ranks along each direction, one way. Dependences (g, 27) count voxels by
    rank and by how many neighbours share it. Tone differences (g,) sum |level - mean level of the neighbours| by rank.
    Links (n,) say which neighbours share a voxel's rank: bit d for the one in direction d that comes before it, bit
    13 + d for the one opposite. `levels` (1 + g,) holds the grey level of each rank and 0 for rank 0, the outside: so
    every neighbour counts alike, without a question that the processor would guess wrong.
    """
    g = len(levels)
    pairs = np.zeros((len(steps), g, g), np.int32)
    dependences = np.zeros((g, 2 * len(steps) + 1), np.int32)
    differences = np.zeros(g, np.float64)
    links = np.zeros(len(voxels), np.int32)
    for n in range(len(voxels)):
        voxel = voxels[n]
        rank = grid[voxel]
        count, alike, total, link = 0, 0, 0, 0
        for direction in range(13):
            before, after = grid[voxel - steps[direction]], grid[voxel + steps[direction]]
            pairs[direction, rank, before] += 1
            count += (before > 0) + (after > 0)
            total += levels[before] + levels[after]
            alike += (before == rank) + (after == rank)
            link |= (before == rank) << direction | (after == rank) << (13 + direction)
        links[n] = link
        dependences[rank, alike] += 1
        if count:
            differences[rank] += abs(levels[rank] - total / count)
    return pairs[:, 1:, 1:], dependences[1:], differences[1:], links


@_compiled
def runs(
    grid: np.ndarray, voxels: np.ndarray, steps: np.ndarray, links: np.ndarray, counts: np.ndarray, longest: int
) -> np.ndarray:
    """Return how many runs of each rank have each length, from the links of `neighbours`: (13, g, longest).

    Index 0 of the last axis is length 1. A voxel that no longer run takes in is a run of its own: of each rank's
    `counts` (g,) voxels only those of longer runs are taken off.
    """
    found = np.zeros((13, len(counts), longest), np.int32)
    found[:, :, 0] = counts
    for n in range(len(voxels)):
        begins = links[n] >> 13 & ~links[n]
        if not begins:
            continue
        rank = grid[voxels[n]]
        for direction in range(13):
            if begins >> direction & 1:
                step = steps[direction]
                end = voxels[n] + step
                length = 0
                while grid[end] == rank:
                    end += step
                    length += 1
                found[direction, rank - 1, length] += 1
                found[direction, rank - 1, 0] -= length + 1
    return found


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
