"""Grey-level matrices of a region in 3D, counted by compiled loops that let go of the interpreter.

Each function takes the region as the `kernels` do: `grid`, `voxels` and `steps`, flat arrays.
"""

import numpy as np

from OsteoScreenLib.radiomics import kernels
from OsteoScreenLib.radiomics.compiled import compiled


def neighbours(
    grid: np.ndarray, voxels: np.ndarray, steps: np.ndarray, levels: np.ndarray, longest: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return co-occurrences, runs, dependences and tone differences.

    Co-occurrences (13, g, g) count pairs of ranks along each direction, one way. Runs (13, g, longest) count by rank
    and length, from length 1. Dependences (g, 27) count voxels by rank and by how many neighbours share it. Tone
    differences (g,) sum |level - mean level of the neighbours| by rank. `levels` (1 + g,) holds the grey level of each
    rank, and 0 for rank 0, the outside.
    """
    g, reach = len(levels), 1 << int(steps.max()).bit_length()
    pairs = np.zeros((13, g, g), np.int32)
    runs = np.zeros((13, g, longest + 1), np.int32)
    dependences = np.zeros((g, 27), np.int32)
    differences = np.zeros(g)
    compiled(kernels.neighbours)(
        grid, voxels, len(voxels), steps, 32 * levels + (levels > 0), g,
        longest + 1, np.zeros(reach * 13, np.int32), reach, pairs.reshape(-1),
        runs.reshape(-1), dependences.reshape(-1), differences,
    )  # fmt: skip
    return pairs[:, 1:, 1:], runs[:, 1:, 1:], dependences[1:], differences[1:]


def zones(grid: np.ndarray, voxels: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return the zones (z, 2) of 26-connected voxels of one rank, as rank and number of voxels."""
    found = np.zeros((len(voxels), 2), np.int64)
    compiled(kernels.zones)(grid.copy(), voxels, len(voxels), steps, np.empty_like(voxels), found.reshape(-1))
    return found[found[:, 0] > 0]
