"""What a detector sees, as tables and in COCO's format."""

from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib import RESEARCH_USE
from OsteoScreenLib.bone_status import NAMES
from OsteoScreenLib.detection.slices import Slices
from OsteoScreenLib.result import Detection
from OsteoScreenLib.volume import Volume

if TYPE_CHECKING:
    import pandas as pd


def vertebra_table(detection: Detection) -> "pd.DataFrame":
    """Return a row per vertebra: level, status, confidence, the share of each status, slices, and how many agree."""
    import pandas as pd

    return pd.DataFrame(
        {
            "level": one.level,
            "status": one.status,
            "confidence": one.confidence,
            **dict(zip(NAMES, one.shares, strict=True)),
            "slices": one.slices,
            "agreeing": one.agreeing,
        }
        for one in detection.vertebrae
    )


def box_table(detection: Detection, volume: Volume) -> "pd.DataFrame":
    """Return a row per box: slice, level, status, scores, its corners in RAS mm and the voxels (i, j, k) around it."""
    import pandas as pd

    rows = []
    for box in detection.boxes:
        low, high = np.array(box.low), np.array(box.high)
        corners = np.array([[x, y, low[2]] for x in (low[0], high[0]) for y in (low[1], high[1])])
        ijk = volume.to_ijk(corners)
        rows.append(
            {
                "slice": box.slice,
                "level": box.level,
                "status": box.status,
                "confidence": box.confidence,
                **dict(zip(NAMES, box.scores, strict=True)),
                **{f"{axis}_low_mm": value for axis, value in zip("ras", low, strict=True)},
                **{f"{axis}_high_mm": value for axis, value in zip("ras", high, strict=True)},
                **{f"{axis}_low": value for axis, value in zip("ijk", ijk.min(0), strict=True)},
                **{f"{axis}_high": value for axis, value in zip("ijk", ijk.max(0), strict=True)},
            }
        )
    return pd.DataFrame(rows).round(4)


def as_coco(detection: Detection, slices: Slices, name: str) -> dict:
    """Return the boxes in COCO's format, in pixels of the axial slices, each with its score and level."""
    rows, columns = slices.hu.shape[1:]
    annotations = []
    for number, box in enumerate(detection.boxes, start=1):
        x0, y0, x1, y1 = slices.corners_of(box).tolist()
        annotations.append(
            {
                "id": number,
                "image_id": box.slice + 1,
                "category_id": NAMES.index(box.status) + 1,
                "bbox": [round(value, 3) for value in (x0, y0, x1 - x0, y1 - y0)],
                "area": round((x1 - x0) * (y1 - y0), 3),
                "iscrowd": 0,
                "score": round(box.confidence, 4),
                "level": box.level,
            }
        )
    model = detection.model
    return {
        "info": {
            "description": f"{RESEARCH_USE} {model.name} {model.version}, trained on {model.trained_in_brief}",
            "pixel_mm": slices.pixel,
        },
        "images": [
            {"id": n + 1, "file_name": f"{name} axial z={z:.1f} mm", "width": columns, "height": rows, "patient": name}
            for n, z in enumerate(slices.z)
        ],
        "annotations": annotations,
        "categories": [{"id": n, "name": status} for n, status in enumerate(NAMES, start=1)],
    }
