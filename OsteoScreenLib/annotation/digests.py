"""A fingerprint of each level's mask, by which to tell whether a number or a decision still belongs to it."""

import hashlib

import numpy as np

from OsteoScreenLib.levels import BY_CODE


def mask_digests(labels: np.ndarray) -> dict[str, str]:
    """Return a fingerprint of the mask of each level in a label map (k, j, i): its voxels, their parts, their place.

    The level's own name is no part of it, so that a mask which is only renamed keeps its fingerprint.
    """
    from scipy.ndimage import find_objects

    boxes: dict[int, list[tuple[slice, ...]]] = {}
    for value, box in enumerate(find_objects(labels), start=1):
        if box is not None and value // 10 in BY_CODE:
            boxes.setdefault(value // 10, []).append(box)
    found = {}
    for code, parts in boxes.items():
        place = [(min(s.start for s in axis), max(s.stop for s in axis)) for axis in zip(*parts, strict=True)]
        inside = labels[tuple(slice(*ends) for ends in place)]
        mask = np.where(inside // 10 == code, inside % 10, 0).astype(np.uint8)
        digest = hashlib.blake2b(repr(place).encode() + mask.tobytes(), digest_size=12)
        found[BY_CODE[code].name] = digest.hexdigest()
    return found
