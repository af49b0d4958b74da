"""A label map as a short text: each level's box and voxels, compressed. A lumbar spine takes some ten kilobytes."""

import base64
import json
import zlib

import numpy as np

from OsteoScreenLib.levels import BY_NAME, body_mask, levels_in


def pack(labels: np.ndarray) -> str:
    """Return a label map (uint16, k, j, i, coding of `levels`) as JSON; `unpack` reads it."""
    from scipy.ndimage import find_objects

    found: dict[str, object] = {}
    for level in levels_in(labels):
        box = find_objects(body_mask(labels, level).astype(np.uint8))[0]
        inside = labels[box]
        parts = np.where(inside // 10 == BY_NAME[level].code, inside % 10, 0).astype(np.uint8)
        text = base64.b64encode(zlib.compress(parts.tobytes(), 9)).decode("ascii")
        found[level] = {"box": [[s.start, s.stop] for s in box], "parts": text}
    return json.dumps({"shape": labels.shape, "levels": found})


def unpack(text: str) -> np.ndarray:
    """Return the label map that `pack` wrote."""
    packed = json.loads(text)
    labels = np.zeros(packed["shape"], np.uint16)
    for level, one in packed["levels"].items():
        inside = labels[tuple(slice(*ends) for ends in one["box"])]
        parts = np.frombuffer(zlib.decompress(base64.b64decode(one["parts"])), np.uint8).reshape(inside.shape)
        inside[parts > 0] = 10 * BY_NAME[level].code + parts[parts > 0]
    return labels
