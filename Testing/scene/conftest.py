from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from OsteoScreenLib.levels import BY_NAME, SCREENED, SHELL, TRABECULAR
from OsteoScreenLib.measurement.hounsfield import AnteriorRoi
from OsteoScreenLib.result import Provenance, ScreeningResult, Segmentation, VertebraFinding
from OsteoScreenLib.volume import Volume

if TYPE_CHECKING:
    import slicer


def oblique(flipped: bool) -> np.ndarray:
    """ijk_to_ras of an oblique grid in LPS order; flipped: left-handed, as CT stacks from foot to head may be."""
    x, y = np.radians(20), np.radians(-12)
    about_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    matrix = np.eye(4)
    matrix[:3, :3] = about_x @ about_y @ np.diag([-0.9, -1.1, -2.5 if flipped else 2.5])
    matrix[:3, 3] = 31.7, -104.25, 812.6
    return matrix


@pytest.fixture(params=[False, True], ids=["right-handed", "left-handed"])
def result(request: pytest.FixtureRequest) -> ScreeningResult:
    """Four boxes L1-L4 in noise on an oblique 36 x 38 x 40 grid."""
    rng = np.random.default_rng(0)
    ct = Volume(rng.normal(40, 20, (40, 38, 36)).astype(np.int16), oblique(request.param), name="case 1")
    labels = np.zeros(ct.voxels.shape, dtype=np.uint16)
    findings, rois = [], {}
    for n, level in enumerate(SCREENED):
        k = 30 - 9 * n
        labels[k : k + 7, 12:26, 9:27] = 10 * BY_NAME[level].code + SHELL
        labels[k + 1 : k + 6, 14:24, 11 + n : 25] = 10 * BY_NAME[level].code + TRABECULAR
        centre = tuple(ct.to_ras(np.array([17.5, 18.5, k + 3.0])).tolist())
        axes = (ct.ijk_to_ras[:3, :2] / ct.spacing[:2]).T
        findings.append(VertebraFinding(level, 0.9, True, centre))
        rois[level] = AnteriorRoi(level, centre, tuple(-axes[0]), tuple(-axes[1]), (6.0, 3.5))
    measurements = pd.DataFrame(
        {"level": list(SCREENED), "trabecular_mean_hu": [151.25, 140.5, np.nan, 99.0], "complete": [True] * 3 + [False]}
    )
    features = pd.DataFrame({"case": "case 1", "level": list(SCREENED), "roi": "trabecular", "voxels": [1, 2, 3, 4]})
    return ScreeningResult(
        ct,
        Segmentation(ct.with_voxels(labels), tuple(findings), engine="boxes", device="cpu"),
        measurements,
        features,
        rois,
        Provenance("0", "case 1", "0" * 64, "2026-01-01T00:00:00", 1.0),
    )


@pytest.fixture
def scene() -> "Iterator[slicer.vtkMRMLScene]":
    """An empty scene with Slicer's module logics."""
    pytest.importorskip("trame_slicer", reason="slicer-core is not installed (extra 'viewer')")
    from OsteoScreenLib.scene.bundle import new_scene

    with new_scene() as scene:
        yield scene
