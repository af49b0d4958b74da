"""Every format that a dataset goes out in, by name."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from OsteoScreenLib.annotation.dataset import Dataset
from OsteoScreenLib.annotation.exports.bids import to_bids
from OsteoScreenLib.annotation.exports.cases import Exported
from OsteoScreenLib.annotation.exports.coco import to_coco
from OsteoScreenLib.annotation.exports.decathlon import to_decathlon
from OsteoScreenLib.annotation.exports.nnunet import to_nnunet
from OsteoScreenLib.progress import IsCancelled, Progress


@dataclass(frozen=True)
class Format:
    """A format: its title, what its folder is called where nobody says, and what writes that."""

    title: str
    folder: str
    write: Callable[[Dataset, Path, Progress, IsCancelled], Exported]


FORMATS: dict[str, Format] = {
    "nnunet": Format("nnU-Net v2", "Dataset100_Spine", to_nnunet),
    "monai": Format("MONAI (Decathlon)", "monai", to_decathlon),
    "coco": Format("COCO slices", "coco", to_coco),
    "bids": Format("BIDS", "bids", to_bids),
}
