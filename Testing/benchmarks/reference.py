"""Cases with a reference label map: the real CT that lies beside the project where somebody has put it."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from OsteoScreenLib.levels import SCREENED, SHELL, TOTALSEGMENTATOR, TRABECULAR, label
from OsteoScreenLib.readers import read_volume
from OsteoScreenLib.volume import Volume


@dataclass(frozen=True, eq=False)
class Case:
    """A CT and the label map, in our coding, that is taken for its truth."""

    name: str
    volume: Volume
    labels: Volume


def data_folder() -> Path:
    """Return the folder of real CT: ``OSTEOSCREEN_DATA``, or ``shared/data`` beside the project."""
    return Path(os.environ.get("OSTEOSCREEN_DATA", Path(__file__).parents[3] / "shared" / "data"))


def totalsegmentator_case(data: Path) -> Case:
    """Return the TotalSegmentator test CT with that model's own bodies, all of them coded as trabecular."""
    import SimpleITK as sitk

    folder = data / "ct_totalsegmentator"
    volume = read_volume(folder / "ct.nii.gz")
    vertebrae, bodies = (
        sitk.GetArrayFromImage(sitk.ReadImage(str(folder / f"{name}.nii.gz"))) for name in ("vertebrae", "bodies")
    )
    labels = np.zeros(volume.voxels.shape, np.uint16)
    for code, level in TOTALSEGMENTATOR.items():
        if level in SCREENED:
            labels[(vertebrae == code) & (bodies == 1)] = label(level, TRABECULAR)
    return Case("ct_totalsegmentator", volume, volume.with_voxels(labels))


def tptbox_case(data: Path) -> Case:
    """Return the crop around one L3 with a person's compartments: border (49) as shell, body (50) as trabecular."""
    import SimpleITK as sitk

    folder = data / "vertebra_l3_tptbox"
    volume = read_volume(folder / "sub-ct_label-22_ct.nii.gz")
    vertebrae, parts = (
        Volume.from_sitk(sitk.ReadImage(str(folder / f"sub-ct_seg-{name}_label-22_msk.nii.gz"))).voxels
        for name in ("vert", "subreg")
    )
    labels = np.zeros(volume.voxels.shape, np.uint16)
    for code, part in ((49, SHELL), (50, TRABECULAR)):
        labels[(vertebrae == 22) & (parts == code)] = label("L3", part)
    return Case("vertebra_l3_tptbox", volume, volume.with_voxels(labels))
