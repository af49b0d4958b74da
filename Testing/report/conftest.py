"""A scoliotic stack of five bodies on an oblique, flipped grid, and the case made of it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation

from OsteoScreenLib.levels import label
from OsteoScreenLib.measurement.acquisition import acquisition_findings
from OsteoScreenLib.measurement.gate import gated
from OsteoScreenLib.measurement.hounsfield import anterior_rois, measure
from OsteoScreenLib.result import ModelUse, Provenance, ScreeningResult, Segmentation, VertebraFinding
from OsteoScreenLib.volume import Acquisition, Volume

CENTRES = {
    "T12": (12.0, 4.0, 70.0),
    "L1": (2.0, 0.0, 35.0),
    "L2": (-8.0, 2.0, 0.0),
    "L3": (-2.0, 6.0, -35.0),
    "L4": (10.0, 2.0, -70.0),
}
WIDTH, DEPTH, HEIGHT = 44.0, 32.0, 26.0
MARKER_HU = 1000.0


@pytest.fixture(scope="session")
def spine() -> tuple[Volume, Volume]:
    """CT and labels; each body is an elliptic cylinder with two marker spheres of 1000 HU beside it.

    One lies 30 mm to the patient's left of the centre, one 26 mm in front of it.
    """
    spacing, size = np.array([1.5, 1.5, 2.5]), np.array([84, 80, 84])
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", (8, -6, 10), degrees=True).as_matrix() * (spacing * [-1, -1, 1])
    matrix[:3, 3] = -matrix[:3, :3] @ ((size - 1) / 2)
    ct = Volume(np.full(size[::-1], 40, np.int16), matrix, Acquisition(kvp=100.0), "synthetic")
    k, j, i = np.indices(size[::-1])
    points = ct.to_ras(np.stack([i, j, k], -1))
    labels = np.zeros(size[::-1], np.uint16)
    for level, centre in CENTRES.items():
        x, y, z = np.moveaxis(points - centre, -1, 0)
        for part, skin, hu in ((1, 0.0, 600), (2, 2.5, 130)):
            inside = (x / (WIDTH / 2 - skin)) ** 2 + (y / (DEPTH / 2 - skin)) ** 2 < 1
            inside &= np.abs(z) < HEIGHT / 2 - skin
            labels[inside], ct.voxels[inside] = label(level, part), hu
        for side in ((-30.0, 0.0, 0.0), (0.0, 26.0, 0.0)):
            ct.voxels[np.linalg.norm(points - centre - side, axis=-1) < 4] = MARKER_HU
    return ct, ct.with_voxels(labels)


@pytest.fixture(scope="session")
def case(spine: tuple[Volume, Volume]) -> ScreeningResult:
    ct, labels = spine
    rois = anterior_rois(labels)
    measurements = gated(measure(ct, labels, rois=rois), ())
    found = tuple(VertebraFinding(level, 0.97, True, centre) for level, centre in CENTRES.items())
    model = ModelUse("lumbar-test", "1.2.3", "a1" * 32, "synthetic data only")
    return ScreeningResult(
        volume=ct,
        segmentation=Segmentation(labels, found, "st-unet", "cpu", (model,), ("A note of the engine.",)),
        measurements=measurements,
        features=pd.DataFrame(),
        rois=rois,
        provenance=Provenance(
            "0.1.0", "a & b <i>.nii", "c3" * 32, "2024-05-06T07:08:09Z", 12.0, {"device": "auto", "series": None}
        ),
        quality=acquisition_findings(ct),
    )


@pytest.fixture
def with_hu(case: ScreeningResult) -> Callable[..., ScreeningResult]:
    """Return the case with other ellipse means, one HU per level from L1 on."""

    def change(*hu: float) -> ScreeningResult:
        return replace(case, measurements=case.measurements.assign(roi_mean_hu=list(hu)))

    return change
