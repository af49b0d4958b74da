"""Tiny CTs on an oblique grid with two bodies each, as what a dataset is tested with."""

import numpy as np

from OsteoScreenLib.levels import SHELL, TRABECULAR, label
from OsteoScreenLib.volume import Acquisition, Volume

OBLIQUE = np.array(
    [[-0.69, 0.05, 0.31, 40.125], [0.06, -0.68, 0.62, -80.0625], [0.11, 0.21, 2.4, 700.03125], [0, 0, 0, 1.0]]
)


def tiny_case(seed: int = 0) -> tuple[Volume, Volume]:
    """Return a tiny CT on an oblique grid with two bodies, and its labels."""
    rng = np.random.default_rng(seed)
    columns, _ = np.linalg.qr(OBLIQUE[:3, :3])
    matrix = OBLIQUE.copy()
    matrix[:3, :3] = columns * [0.7, 0.8, 2.5]
    labels = np.zeros((20, 18, 16), np.uint16)
    for n, level in enumerate(("L1", "L2")):
        top = 18 - 9 * n
        labels[top - 7 : top, 3:14, 3:13] = label(level, SHELL)
        labels[top - 6 : top - 1, 5:12, 5:11] = label(level, TRABECULAR)
    hu = np.where(labels > 0, 200, 30) + rng.integers(-20, 21, labels.shape)
    hu[:, :2] = -1000
    volume = Volume(hu.astype(np.int16), matrix, Acquisition(kvp=120.0, patient_age="067Y", patient_sex="F"), "tiny")
    return volume, volume.with_voxels(labels)


def grown(labels: Volume) -> Volume:
    """Return a label map with each body one voxel larger at its upper end."""
    voxels = labels.voxels.copy()
    voxels[1:][(voxels[1:] == 0) & (voxels[:-1] > 0)] = label("L1", SHELL)
    return labels.with_voxels(voxels)
