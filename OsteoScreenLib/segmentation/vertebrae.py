"""Vertebrae that somebody else has found and named: what every foreign engine hands over."""

import re
from dataclasses import dataclass

import numpy as np

from OsteoScreenLib.findings import Finding, Findings, Measure, Severity
from OsteoScreenLib.levels import BY_NAME, SCREENED
from OsteoScreenLib.result import ModelUse
from OsteoScreenLib.volume import Volume, resample

TRANSITIONAL = ("T13", "L6")
"""Names of vertebrae that most spines do not have; where an engine sees one, its level names deserve a look."""

_NAME = re.compile(
    r"(?:vertebrae?|vert|vb)?[ _-]*(?P<level>[A-Z]\d{1,2})[ _-]*(?:vertebrae?)?[ _-]*(?:vertebral[ _-]*)?(?:body)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, eq=False)
class Vertebrae:
    """Named vertebrae, whole or their bodies alone.

    `voxels` (k, j, i) lies on the volume's grid and `levels` tells the level of its values; `engine` is the name for
    the report, `device` where it ran.
    """

    voxels: np.ndarray
    levels: dict[int, str]
    engine: str
    device: str
    models: tuple[ModelUse, ...] = ()
    notes: tuple[str, ...] = ()
    doubts: Findings = ()

    def screened(self) -> dict[str, np.ndarray]:
        """Return the boolean mask (k, j, i) of each of L1-L4 that is there."""
        masks = {level: self.voxels == value for value, level in self.levels.items() if level in SCREENED}
        return {level: mask for level, mask in masks.items() if mask.any()}


def level_of(name: str) -> str | None:
    """Return the level that a label's name means (``vertebrae_L1``, ``L1``, ``vertebra_L1_body`` ...), else None.

    Discs, ribs and everything else that only mentions a level are None; T13 and L6 are returned as such.
    """
    found = _NAME.fullmatch(name.strip())
    level = found["level"].upper() if found else None
    return level if level in BY_NAME or level in TRANSITIONAL else None


def levels_of(names: dict[int, str]) -> dict[int, str]:
    """Return the levels in a label table (value -> name), T13 and L6 left out; a sacrum is no S1."""
    levels = {value: level_of(name) for value, name in names.items()}
    return {value: level for value, level in levels.items() if level in BY_NAME}


def transitional_doubts(voxels: np.ndarray, names: dict[int, str]) -> Findings:
    """Return a finding for each vertebra in a label map that most spines do not have."""
    levels = {value: level_of(name) for value, name in names.items()}
    found = [level for value, level in levels.items() if level in TRANSITIONAL and (voxels == value).any()]
    texts = (f"The engine found a {level}: levels may be counted otherwise; check their names." for level in found)
    return tuple(Finding("level names", Severity.CAUTION, text, (Measure.NAMES,)) for text in texts)


def from_grid(found: Volume, names: dict[int, str], volume: Volume) -> np.ndarray:
    """Return L1-L4 of a label map on another grid, as uint8 (k, j, i) on the grid of `volume`.

    Values are those of `names`. Each level is interpolated by itself and cut at one half, so that a coarse grid
    leaves no staircase; of two levels the one with the larger share has the voxel.
    """
    best = np.full(volume.voxels.shape, 0.5, dtype=np.float32)
    voxels = np.zeros(volume.voxels.shape, dtype=np.uint8)
    for value, level in levels_of(names).items():
        mask = found.voxels == value
        if level not in SCREENED or not mask.any():
            continue
        share = resample(found.with_voxels(mask.astype(np.float32)), volume, outside=0.0).voxels
        closer = share > best
        voxels[closer], best[closer] = value, share[closer]
    return voxels


def thickest(volume: Volume, mask: np.ndarray) -> np.ndarray:
    """Return the point in RAS mm deepest inside a vertebra: its body is thicker than any process."""
    from scipy.ndimage import distance_transform_edt, find_objects

    box = find_objects(mask.astype(np.uint8))[0]
    depth = distance_transform_edt(np.pad(mask[box], 1), volume.spacing[::-1])[1:-1, 1:-1, 1:-1]
    deep = np.argwhere(depth > 0.9 * depth.max()) + [s.start for s in box]
    return volume.to_ras(deep.mean(0)[::-1])
