"""A CT of four boxes with its outlines, for the self-test: no file, no download."""

import numpy as np

from OsteoScreenLib.levels import SCREENED, SHELL, TRABECULAR, label
from OsteoScreenLib.result import Segmentation
from OsteoScreenLib.scene.volumes import add_volume
from OsteoScreenLib.scene.working_case import add_segmented
from OsteoScreenLib.volume import Volume


def add_synthetic_case(scene):
    """Add a CT and outlines of L1 to L4; return volume node, segmentation node and the trabecular HU by level."""
    truth = {level: 200.0 - 30 * n for n, level in enumerate(SCREENED)}
    labels = np.zeros((76, 40, 44), np.uint16)
    for n, level in enumerate(SCREENED):
        top = 72 - 18 * n
        labels[top - 13 : top, 16:32, 11:33] = label(level, SHELL)
        labels[top - 12 : top - 1, 17:31, 12:32] = label(level, TRABECULAR)
    hu = np.full(labels.shape, -1000, np.int16)
    hu[:, 4:36, 4:40] = 40
    for level, value in truth.items():
        hu[labels == label(level, SHELL)] = 400
        hu[labels == label(level, TRABECULAR)] = value
    ct = Volume(hu, np.diag([2.0, 2.0, 2.0, 1.0]), name="Synthetic")
    node = add_volume(scene, ct)
    return node, add_segmented(scene, Segmentation(ct.with_voxels(labels), (), "boxes", "none"), node), truth
