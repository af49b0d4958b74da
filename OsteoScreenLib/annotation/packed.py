"""A label map as a short text: each level's box and voxels, compressed. A lumbar spine takes some ten kilobytes."""

import base64
import json
import zlib
from dataclasses import dataclass
from math import prod
from typing import Annotated

import numpy as np
from annotated_types import Ge

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.levels import BY_NAME, body_mask, levels_in
from OsteoScreenLib.plain_json import from_text

WHAT = "The proposal kept with a segmentation"
LARGEST = 2**34
"""Bytes of a label map that is unpacked, four times those of a CT of 1024 x 1024 x 2000 voxels."""


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
    """Return the label map that `pack` wrote. Raises `InputError` where the text is none."""
    from OsteoScreenLib.readers.sizes import check_size

    packed = from_text(text, _Packed, WHAT)
    check_size(WHAT, 2 * prod(packed.shape), LARGEST)
    labels = np.zeros(packed.shape, np.uint16)
    for level, one in packed.levels.items():
        if level not in BY_NAME or any(not 0 <= a < b <= n for (a, b), n in zip(one.box, packed.shape, strict=True)):
            raise InputError(f"{WHAT} has a level '{level[:20]}' that is not in it. Segment the CT again.")
        inside = labels[tuple(slice(*ends) for ends in one.box)]
        try:
            content = zlib.decompressobj().decompress(base64.b64decode(one.parts), inside.size + 1)
            parts = np.frombuffer(content, np.uint8).reshape(inside.shape)
        except (ValueError, zlib.error) as error:
            raise InputError(f"{WHAT} is damaged in {level}. Segment the CT again.") from error
        inside[parts > 0] = 10 * BY_NAME[level].code + parts[parts > 0].astype(np.uint16)
    return labels


@dataclass(frozen=True)
class _Level:
    box: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
    parts: str


@dataclass(frozen=True)
class _Packed:
    shape: tuple[Annotated[int, Ge(0)], Annotated[int, Ge(0)], Annotated[int, Ge(0)]]
    levels: dict[str, _Level]
