"""A label map against a reference, level by level and part by part."""

from dataclasses import dataclass

import numpy as np

from OsteoScreenLib.errors import LabelMapError
from OsteoScreenLib.evaluation.overlap import Overlap, overlap
from OsteoScreenLib.levels import SCREENED, TOTALSEGMENTATOR, body_mask, in_our_coding, trabecular_mask

BODY, TRABECULAR_PART, WITHIN = "body", "trabecular", "body in vertebra"


@dataclass(frozen=True)
class Row:
    """How one part of one level agrees with the reference."""

    level: str
    part: str
    agreement: Overlap


@dataclass(frozen=True)
class Comparison:
    """The rows of a comparison, and what was not compared or compared one way only."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


def compare(labels: np.ndarray, reference: np.ndarray, spacing: tuple[float, float, float]) -> Comparison:
    """Compare L1-L4 of a label map (k, j, i) in our coding with a reference on the same grid of `spacing` mm (i, j, k).

    A reference in our coding is compared by body and, where it holds any, trabecular compartment. One in
    TotalSegmentator's numbering holds whole vertebrae: of the body only `inside` and `asd` mean anything then, the
    rest is NaN. Levels that only one of the two holds: missing ones have a Dice of 0, additional ones make a note.
    Raises `LabelMapError` for a reference in no known coding, or without any of L1-L4.
    """
    if in_our_coding(reference):
        return _by_parts(labels, reference, spacing)
    vertebrae = {level: reference == value for value, level in TOTALSEGMENTATOR.items() if level in SCREENED}
    vertebrae = {level: vertebrae[level] for level in SCREENED if vertebrae[level].any()}
    if not vertebrae:
        raise LabelMapError(
            "The reference holds none of L1-L4 in a known coding; use 10 * vertebra + part (L1 shell = 201, "
            "trabecular = 202; a body without parts all 201) or TotalSegmentator's numbering (L1 = 31)."
        )
    rows = tuple(
        Row(level, WITHIN, _one_way(overlap(body_mask(labels, level), mask, spacing)))
        for level, mask in vertebrae.items()
    )
    note = "The reference holds whole vertebrae: the body is compared one way, from its surface to the vertebra's."
    return Comparison(rows, (note, *_additional(labels, set(vertebrae))))


def _by_parts(labels: np.ndarray, reference: np.ndarray, spacing: tuple[float, float, float]) -> Comparison:
    levels = [level for level in SCREENED if body_mask(reference, level).any()]
    if not levels:
        raise LabelMapError("The reference holds none of L1-L4.")
    rows, without = [], []
    for level in levels:
        rows.append(Row(level, BODY, overlap(body_mask(labels, level), body_mask(reference, level), spacing)))
        inner = trabecular_mask(reference, level)
        if inner.any():
            rows.append(Row(level, TRABECULAR_PART, overlap(trabecular_mask(labels, level), inner, spacing)))
        else:
            without.append(level)
    notes = [f"The reference has no trabecular compartment in {', '.join(without)}."] if without else []
    return Comparison(tuple(rows), (*notes, *_additional(labels, set(levels))))


def _one_way(both: Overlap) -> Overlap:
    nan = float("nan")
    return Overlap(nan, both.asd, nan, nan, both.inside)


def _additional(labels: np.ndarray, compared: set[str]) -> list[str]:
    found = [level for level in SCREENED if level not in compared and body_mask(labels, level).any()]
    return [f"{level} is not in the reference." for level in found]
