"""Loops that count what lies beside what in a region in 3D, written for `compiled`: flat arrays, whole numbers.

Each takes the region as `grid`, the ranks 1, 2, ... of the grey levels that occur, 0 outside and on a rim of one voxel
on every side; `voxels` are the `count` flat indices of the region in raster order, `steps` the flat distances to the 13
neighbours that come first in raster order. The other 13 lie opposite. What is counted is added to arrays of zeros.
"""

from ctypes import c_int64

from OsteoScreenLib.radiomics.compiled import FLOAT64, INT32, INT64, UINT16


def neighbours(
    grid: UINT16,
    voxels: INT64,
    count: c_int64,
    steps: INT64,
    tones: INT64,
    g: c_int64,
    longest: c_int64,
    lengths: INT32,
    reach: c_int64,
    pairs: INT32,
    runs: INT32,
    dependences: INT32,
    differences: FLOAT64,
) -> None:
    """Count co-occurrences, runs, dependences and tone differences, in one walk over the 26 neighbours of each voxel.

    `tones` (g,) holds 32 times the grey level of each rank, plus 1, and 0 for rank 0, the outside: their sum over up to
    26 neighbours holds both the sum of the levels and how many neighbours there are. `pairs` (13, g, g), `runs`
    (13, g, longest), `dependences` (g, 27) and `differences` (g,) are as `matrices.neighbours` returns them, with rank
    and length 0 besides.

    All is counted without a branch: a processor would guess wrong too often. `lengths` (reach, 13) holds how long the
    run is that has come as far as a voxel, in each direction, for the voxels that a step still reaches: `reach` is a
    power of two above the longest step.
    """
    for n in range(count):
        voxel = voxels[n]
        rank = grid[voxel]
        alike, around = 0, 0
        for direction in range(13):
            step = steps[direction]
            before, after = grid[voxel - step], grid[voxel + step]
            pairs[(direction * g + rank) * g + before] += 1
            around += tones[before] + tones[after]
            alike += (before == rank) + (after == rank)
            length = lengths[((voxel - step) & (reach - 1)) * 13 + direction] * (before == rank) + 1
            lengths[(voxel & (reach - 1)) * 13 + direction] = length
            runs[(direction * g + rank) * longest + length] += after != rank
        dependences[rank * 27 + alike] += 1
        if around:
            differences[rank] += abs((tones[rank] >> 5) - (around >> 5) / (around & 31))


def zones(grid: UINT16, voxels: INT64, count: c_int64, steps: INT64, stack: INT64, found: INT64) -> None:
    """Write the rank and the number of voxels of each zone into `found` (count, 2): 26-connected voxels of one rank.

    `grid` is 0 afterwards; `stack` (count,) is memory to work in.
    """
    zone = 0
    for n in range(count):
        rank = grid[voxels[n]]
        if not rank:
            continue
        grid[voxels[n]] = 0
        stack[0] = voxels[n]
        waiting, size = 1, 0
        while waiting:
            waiting -= 1
            size += 1
            here = stack[waiting]
            for direction in range(13):
                for there in (here - steps[direction], here + steps[direction]):
                    if grid[there] == rank:
                        grid[there] = 0
                        stack[waiting] = there
                        waiting += 1
        found[2 * zone], found[2 * zone + 1] = rank, size
        zone += 1
