"""What tests of several rooms share."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from OsteoScreenLib.image_file import write_image, write_labels
from OsteoScreenLib.levels import SCREENED, SHELL, TRABECULAR, label
from OsteoScreenLib.volume import Acquisition, Volume

TRABECULAR_HU = {level: 200.0 - 30 * n for n, level in enumerate(SCREENED)}
SHELL_HU = 400.0


@dataclass(frozen=True, eq=False)
class BoxCase:
    """A CT of four box-shaped bodies in water, its label map, and both as files."""

    volume: Volume
    labels: Volume
    ct_path: Path
    labels_path: Path


@pytest.fixture(scope="session", autouse=True)
def shipped_models_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let no model that the person at this machine has chosen take part."""
    os.environ["OSTEOSCREEN_HOME"] = str(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def box_case(tmp_path_factory: pytest.TempPathFactory) -> BoxCase:
    """L1 to L4 as boxes of 44 x 32 x 26 mm with a 2 mm shell, of `TRABECULAR_HU` and `SHELL_HU`, on a grid of 2 mm."""
    labels = np.zeros((76, 40, 44), np.uint16)
    for n, level in enumerate(SCREENED):
        top = 72 - 18 * n
        labels[top - 13 : top, 16:32, 11:33] = label(level, SHELL)
        labels[top - 12 : top - 1, 17:31, 12:32] = label(level, TRABECULAR)
    hu = np.full(labels.shape, -1000.0)
    hu[:, 4:36, 4:40] = 40
    for level in SCREENED:
        hu[labels == label(level, SHELL)] = SHELL_HU
        hu[labels == label(level, TRABECULAR)] = TRABECULAR_HU[level]
    matrix = np.diag([2.0, 2.0, 2.0, 1.0])
    matrix[:3, 3] = -44, -60, -300
    volume = Volume(hu.astype(np.int16), matrix, Acquisition(kvp=120.0), name="boxes")
    folder = tmp_path_factory.mktemp("boxes")
    case = BoxCase(volume, volume.with_voxels(labels), folder / "boxes.nii.gz", folder / "labels.nii.gz")
    write_image(case.volume, case.ct_path)
    write_labels(case.labels, case.labels_path)
    return case


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real CT, which is no part of the project; the test is skipped where it is absent."""
    folder = Path(os.environ.get("OSTEOSCREEN_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no real CT: set OSTEOSCREEN_DATA to its folder")
    return folder
