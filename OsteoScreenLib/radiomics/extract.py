"""From a CT and its label map to a table of features."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from OsteoScreenLib import levels as table
from OsteoScreenLib.errors import LabelMapError
from OsteoScreenLib.radiomics.features import FIRST_ORDER, first_order
from OsteoScreenLib.volume import Volume, same_grid

if TYPE_CHECKING:
    import pandas as pd

ROIS = {"body": table.body_mask, "trabecular": table.trabecular_mask}


def extract(volume: Volume, labels: Volume, case: str, levels: Sequence[str] = table.SCREENED) -> "pd.DataFrame":
    """Return one row per level in the label map and ROI (``body, trabecular``), on HU as they are.

    Columns: ``case, level, roi``, then ``original_firstorder_...`` as pyradiomics names them.
    Raises `LabelMapError` if the label map does not lie on the CT's grid.
    """
    import pandas as pd
    from scipy import ndimage

    if not same_grid(volume, labels):
        raise LabelMapError("The label map does not lie on the CT's grid: resample it to the CT first.")
    boxes = ndimage.find_objects(labels.voxels // 10)
    rows = []
    for level in levels:
        code = table.BY_NAME[level].code
        box = boxes[code - 1] if code <= len(boxes) else None
        if box is None:
            continue
        hu, part = volume.voxels[box], labels.voxels[box]
        for roi, mask in ROIS.items():
            values = first_order(hu[mask(part, level)], volume.voxel_volume)
            named = {f"original_firstorder_{name}": value for name, value in values.items()}
            rows.append({"case": case, "level": level, "roi": roi, **named})
    return pd.DataFrame(
        rows, columns=["case", "level", "roi", *(f"original_firstorder_{name}" for name in FIRST_ORDER)]
    )
