"""A fingerprint of each level's mask, by which to tell whether a number or a decision still belongs to it."""

import hashlib

import numpy as np

from OsteoScreenLib.levels import BY_CODE


def mask_digests(labels: np.ndarray) -> dict[str, str]:
    """Return a fingerprint of the mask of each level in a label map (k, j, i): its voxels, their parts, their place.

    The level's own name is no part of it, so that a mask which is only renamed keeps its fingerprint.
    """
    from scipy.ndimage import find_objects

    found = {}
    for code, box in enumerate(find_objects(labels // 10), start=1):
        if box is not None and code in BY_CODE:
            inside = labels[box]
            parts = np.where(inside // 10 == code, inside % 10, 0).astype(np.uint8)
            place = repr([(axis.start, axis.stop) for axis in box]).encode()
            found[BY_CODE[code].name] = hashlib.blake2b(place + parts.tobytes(), digest_size=12).hexdigest()
    return found
