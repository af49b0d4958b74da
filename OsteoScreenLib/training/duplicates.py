"""Copies among films: with the same pixels, or so alike that a person would take them for one."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.radiographs.film import names_of, read_film
from OsteoScreenLib.training.pictures import Picture

ALIKE_BITS = 6
"""Bits of 64 in which the perceptual hashes of two copies of one film may differ."""

ALIKE_DETAIL = 0.87
"""Least correlation of two copies' fine detail: hashes alone take two patients' knees in the same pose for one.

Of 240 drawn knees no two reach more than 0.84; half-sized copies of JPEG quality 20 keep 0.91.
"""

_BORDER, _SIDE, _COARSE = 0.05, 96, 1.5


@dataclass(frozen=True)
class Duplicates:
    """Groups of places in a list of films: `exact` have the same pixels, `alike` nearly the same hash and detail."""

    exact: tuple[tuple[int, ...], ...]
    alike: tuple[tuple[int, ...], ...]


def find_duplicates(pictures: Sequence[Picture]) -> Duplicates:
    """Return the films that are there more than once: with the same pixels, or re-encoded, resized or brightened.

    The latter by a perceptual hash (64 bits) and the correlation of what is finer than about a 50th of the film.
    """
    import imagehash
    from PIL import Image

    from OsteoScreenLib.radiographs.prepare import scaled

    by_pixels: dict[str, list[int]] = {}
    hashes, details = [], []
    for number, picture in enumerate(pictures):
        film = scaled(read_film(picture.path).pixels)
        by_pixels.setdefault(hashlib.sha256(film.tobytes() + str(film.shape).encode()).hexdigest(), []).append(number)
        hashes.append(imagehash.phash(Image.fromarray(np.rint(255 * film).astype(np.uint8))).hash.ravel())
        details.append(_detail(film))
    exact = tuple(tuple(group) for group in by_pixels.values() if len(group) > 1)
    return Duplicates(exact, _alike(np.array(hashes), np.array(details)))


def _detail(film: np.ndarray) -> np.ndarray:
    """Return what is fine in a film within its borders (9216,), with mean 0 and norm 1."""
    from scipy.ndimage import gaussian_filter

    from OsteoScreenLib.radiographs.prepare import resized, without_border

    small = resized(without_border(film, _BORDER), (_SIDE, _SIDE))
    fine = (small - gaussian_filter(small, _COARSE)).ravel()
    fine -= fine.mean()
    return fine / max(float(np.linalg.norm(fine)), 1e-9)


def _alike(hashes: np.ndarray, details: np.ndarray) -> tuple[tuple[int, ...], ...]:
    """Return groups of places that are linked by pairs with nearly the same hash (n, 64) and detail (n, 9216)."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    bits = hashes.astype(np.float32)
    differing = bits @ (1 - bits).T
    first, second = np.nonzero(differing + differing.T <= ALIKE_BITS)
    same = np.array([details[a] @ details[b] > ALIKE_DETAIL for a, b in zip(first, second, strict=True)])
    first, second = first[same], second[same]
    size = len(bits)
    _, group = connected_components(coo_matrix((np.ones(len(first)), (first, second)), (size, size)), directed=False)
    return tuple(tuple(np.flatnonzero(group == number).tolist()) for number in np.flatnonzero(np.bincount(group) > 1))


def without_duplicates(pictures: Sequence[Picture], drop_conflicting: bool = False) -> tuple[list[Picture], list[str]]:
    """Return the films with copies put under one patient, conflicting ones refused, and what was found, in words.

    Of films with the same pixels the first stays. Those that look alike are kept, but count as one patient, so that
    no split parts them. Copies with different labels raise `InputError`, or are left out with `drop_conflicting`.
    """
    duplicates = find_duplicates(pictures)
    alike = duplicates.alike
    conflicting = [group for group in alike if len({pictures[n].ill for n in group}) > 1]
    if conflicting and not drop_conflicting:
        names = " and ".join(names_of([pictures[n].path for n in conflicting[0][:2]]))
        raise InputError(
            f"{len(conflicting)} film(s) are there more than once with different labels, such as {names}; "
            "mend the labels, or leave these films out with --drop-conflicting."
        )
    copies = {n for group in duplicates.exact for n in group[1:]}
    doubtful = {n for group in conflicting for n in group}
    owner = {n: pictures[group[0]].patient for group in alike for n in group}
    leaks = [group for group in alike if len({pictures[n].patient for n in group}) > 1]
    kept = [
        replace(one, patient=owner.get(n, one.patient)) for n, one in enumerate(pictures) if n not in copies | doubtful
    ]
    together = [
        group for group in ([n for n in group if n not in copies | doubtful] for group in alike) if len(group) > 1
    ]
    said = []
    if copies:
        said.append(f"Exact copies left out: {len(copies)}.")
    if doubtful:
        said.append(f"Films with conflicting labels left out: {len(doubtful)}.")
    if together:
        said.append(
            f"Films that look alike, which no split parts: {sum(map(len, together))} in {len(together)} groups."
        )
    if leaks:
        said.append(
            f"Groups of copies under different patients, which a split by patient would have parted: {len(leaks)}."
        )
    return kept, said
