"""The filtered images of a block, as pyradiomics defines them.

van Griethuysen et al., Computational Radiomics System (Cancer Research 2017; 77: e104).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from OsteoScreenLib.radiomics.images import Block, Box
from OsteoScreenLib.radiomics.separable import along, coiflet, gaussian
from OsteoScreenLib.radiomics.settings import Settings, log_name


@dataclass(frozen=True)
class Filter:
    """One filter: `run(block, inside)` gives its images by name; None where the block is too small for it.

    The filter sees the whole block, its images are of the part `inside` alone.
    """

    run: Callable[[Block, Box], Iterator[tuple[str, np.ndarray | None]]]


def plan(settings: Settings) -> list[Filter]:
    """Return the filters that make `settings.images`, in that order."""
    made: list[Filter] = []
    for kind in settings.image_types:
        if kind == "LoG":
            made += [Filter(partial(_laplacian, sigma=sigma)) for sigma in settings.sigma]
        elif kind == "Wavelet":
            made.append(Filter(_wavelets))
        elif kind == "Gradient":
            made.append(Filter(partial(_gradient, use_spacing=settings.gradient_use_spacing)))
        elif kind == "Original":
            made.append(Filter(_original))
        else:
            made.append(Filter(partial(_by_voxel, kind=kind)))
    return made


def _square(x: np.ndarray, highest: float) -> np.ndarray:
    return (x / np.sqrt(highest)) ** 2


def _square_root(x: np.ndarray, highest: float) -> np.ndarray:
    return np.sign(x) * np.sqrt(np.abs(x) * highest)


def _logarithm(x: np.ndarray, highest: float) -> np.ndarray:
    return np.sign(x) * np.log(np.abs(x) + 1) * (highest / np.log(highest + 1))


def _exponential(x: np.ndarray, highest: float) -> np.ndarray:
    return np.exp(np.log(highest) / highest * x)


_POINTWISE: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "Square": _square,
    "SquareRoot": _square_root,
    "Logarithm": _logarithm,
    "Exponential": _exponential,
}
"""Each keeps the largest magnitude of the block, `highest`."""


def _original(block: Block, inside: Box) -> Iterator[tuple[str, np.ndarray]]:
    yield "original", block.values[inside]


def _by_voxel(block: Block, inside: Box, kind: str) -> Iterator[tuple[str, np.ndarray]]:
    highest = np.float64(max(block.values.max(), -block.values.min().astype(np.float64)))
    yield kind.lower(), _POINTWISE[kind](block.values[inside].astype(np.float64), highest)


def _wavelets(block: Block, inside: Box) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the undecimated coiflet 1 decomposition, first level; an axis of odd length wraps by one voxel more."""
    values = np.pad(block.values.astype(np.float64, copy=False), [(0, n % 2) for n in block.values.shape], "wrap")
    bands = {"": values}
    for axis in (2, 1, 0):
        low, high = (passed[inside[axis]] for passed in coiflet(values.shape[axis]))
        bands = {f"{name}{letter}": along(band, axis, matrix)
                 for name, band in bands.items() for letter, matrix in (("L", low), ("H", high))}  # fmt: skip
    for name, band in bands.items():
        yield f"wavelet-{name}", band


def _gradient(block: Block, inside: Box, use_spacing: bool) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the magnitude of the central differences, per mm; the image goes on constant beyond its ends."""
    values = np.pad(block.values.astype(np.float64), 1, "edge")
    squares = 0.0
    for axis, step in enumerate(reversed(block.lattice.spacing)):
        middle = [slice(1, -1)] * 3
        ahead, behind = middle.copy(), middle.copy()
        ahead[axis], behind[axis] = slice(2, None), slice(None, -2)
        weight = 0.5 / step if use_spacing else 0.5
        squares = squares + (weight * values[tuple(ahead)] - weight * values[tuple(behind)]) ** 2
    yield "gradient", np.sqrt(squares).astype(np.float32)[inside]


def _laplacian(block: Block, inside: Box, sigma: float) -> Iterator[tuple[str, np.ndarray | None]]:
    """Yield the scale-normalised Laplacian of Gaussian of a width in mm; each pass is kept in float32, as ITK does."""
    shape = np.array(block.values.shape)
    spacing = block.lattice.spacing[::-1]
    if shape.min() < 4 or (shape < np.ceil(sigma / spacing) + 1).any():
        yield log_name(sigma), None
        return
    total = np.float32(0)
    for across in (2, 1, 0):
        passed = block.values.astype(np.float64, copy=False)
        for axis in (across, *sorted({0, 1, 2} - {across}, reverse=True)):
            matrix = gaussian(int(shape[axis]), float(sigma / spacing[axis]), sigma**2 if axis == across else None)
            passed = along(passed, axis, matrix[inside[axis]]).astype(np.float32)
        total = (total + passed * (1.0 / spacing[across] ** 2)).astype(np.float32)
    yield log_name(sigma), total
