"""The segments that a label map is shown, edited and stored as: per level its body, and the trabecular part within.

A body and its trabecular compartment overlap, so they lie in two layers, one for all bodies and one for all
trabecular compartments. Within a layer a segment's voxels hold its vertebra code (L1 = 20; `levels`).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from OsteoScreenLib.levels import BY_NAME, LEVELS, SHELL, TRABECULAR, Level, label, levels_in

LAYERS: tuple[str, ...] = ("body", "trabecular")
"""The layers, in order."""

Box = tuple[slice, ...]

TERMINOLOGY_CONTEXT = "Segmentation category and type - DICOM master list"
ANATOMIC_CONTEXT = "Anatomic codes - DICOM master list"


@dataclass(frozen=True)
class Segment:
    """One segment: a level and one of `LAYERS`."""

    level: Level
    part: str

    @property
    def id(self) -> str:
        """A name without spaces, unique within a case."""
        return f"{self.level.name}_{self.part}"

    @property
    def name(self) -> str:
        """The name that people see, such as ``L1 trabecular``."""
        return f"{self.level.name} {self.part}"

    @property
    def layer(self) -> int:
        """Index into `LAYERS` and into the layers of a segmentation."""
        return LAYERS.index(self.part)

    @property
    def color(self) -> tuple[float, float, float]:
        """RGB in [0, 1]: the level's colour, half way to white for the trabecular part."""
        if self.part == "body":
            return self.level.color
        return tuple((channel + 1) / 2 for channel in self.level.color)

    @property
    def terminology(self) -> str:
        """The segment's meaning as a 3D Slicer terminology entry, in SNOMED CT.

        A body is the Anatomical Structure of its vertebra (DICOM PS3.16 CID 7603); the trabecular part is the Tissue
        Bone (CID 7166) in the region of that vertebra.
        """
        vertebra = f"SCT^{self.level.snomed}^{self.level.name} vertebra"
        if self.part == "body":
            category, kind, region = "SCT^123037004^Anatomical Structure", vertebra, "^^"
        else:
            category, kind, region = "SCT^85756007^Tissue", "SCT^272673000^Bone", vertebra
        return f"{TERMINOLOGY_CONTEXT}~{category}~{kind}~^^~{ANATOMIC_CONTEXT}~{region}~^^"


def segments_of(labels: np.ndarray) -> list[Segment]:
    """Return the segments of a label map, level by level from head to foot, body before trabecular."""
    levels = [BY_NAME[name] for name in levels_in(labels)]
    return [Segment(level, part) for level in levels for part in LAYERS]


def segment_named(name: str) -> Segment | None:
    """Return the segment with a name such as ``L1 body``, or None if the name is not one of ours."""
    return _BY_NAME.get(name)


def layer_of(labels: np.ndarray, part: str) -> np.ndarray:
    """Return a label map's layer (uint8, same shape): the vertebra code where a level's body or trabecular part is."""
    codes = np.zeros(2**16, dtype=np.uint8)
    for level in LEVELS:
        values = slice(10 * level.code, 10 * level.code + 10) if part == "body" else label(level.name, TRABECULAR)
        codes[values] = level.code
    return codes[labels]


def labels_of(shape: tuple[int, ...], masks: Iterable[tuple[Segment, Box, np.ndarray]]) -> np.ndarray:
    """Return the label map (uint16) that holds segments, each a boolean mask inside a box of `shape`.

    The opposite of `layer_of`, whatever a hand has done to the segments since: trabecular voxels belong to the body
    even where its mask misses them, and where two levels overlap the lower one stays.
    """
    labels = np.zeros(shape, dtype=np.uint16)
    for segment, box, mask in sorted(masks, key=lambda one: (one[0].level.code, one[0].layer)):
        labels[box][mask] = label(segment.level.name, SHELL if segment.part == "body" else TRABECULAR)
    return labels


_BY_NAME = {segment.name: segment for segment in (Segment(level, part) for level in LEVELS for part in LAYERS)}
