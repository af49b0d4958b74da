"""Agreement of readers who outlined the same cases: Dice and ASSD per vertebra, and the ICC over all vertebrae.

The intraclass correlation is that by which Liu et al. 2024 report the agreement of their raters; here of the volume and
the mean HU of body and trabecular compartment.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import nan
from typing import TypeVar

import numpy as np

from OsteoScreenLib.annotation.dataset import Case, Dataset
from OsteoScreenLib.errors import InputError
from OsteoScreenLib.evaluation.agreement import BlandAltman, Icc, bland_altman, icc
from OsteoScreenLib.evaluation.overlap import overlap
from OsteoScreenLib.levels import BY_NAME, body_mask, levels_in, trabecular_mask
from OsteoScreenLib.progress import IsCancelled, Progress, never, silent, stop_if

PARTS = {"body": body_mask, "trabecular": trabecular_mask}
MEASURES = ("volume_ml", "mean_hu")

Found = TypeVar("Found")


@dataclass(frozen=True)
class Reading:
    """One part of one vertebra as two readers outlined it; of what one of them lacks the distances are NaN."""

    case: str
    level: str
    part: str
    first: str
    second: str
    dice: float
    assd_mm: float
    hd95_mm: float
    first_volume_ml: float
    second_volume_ml: float
    first_mean_hu: float
    second_mean_hu: float


@dataclass(frozen=True)
class Agreement:
    """How readers agree: each reading, the ICC and Bland-Altman's limits of each (part, measure) over vertebrae.

    `icc` holds ICC(2,1) and ICC(3,1) of all readers on the `vertebrae` that all of them outlined; `limits` is of the
    first two. Both lack what too few or all too equal vertebrae cannot tell.
    """

    readers: tuple[str, ...]
    cases: int
    vertebrae: int
    readings: tuple[Reading, ...]
    icc: dict[tuple[str, str], dict[str, Icc]]
    limits: dict[tuple[str, str], BlandAltman]

    def mean(self, part: str, measure: str) -> float:
        """Return the mean ``dice``, ``assd_mm`` or ``hd95_mm`` of a part, over the vertebrae that both outlined."""
        values = [getattr(one, measure) for one in self.readings if one.part == part and np.isfinite(one.assd_mm)]
        return float(np.mean(values)) if values else nan


def interrater(
    dataset: Dataset,
    readers: Sequence[str] | None = None,
    progress: Progress = silent,
    cancelled: IsCancelled = never,
) -> Agreement:
    """Compare what readers outlined in the cases that all of them have; the only two there are unless named.

    Raises `InputError` where fewer than two readers, or no case of all of them, are there.
    """
    names = tuple(dict.fromkeys(readers or sorted({name for case in dataset.cases for name in case.readers})))
    if len(names) != 2 and not readers:
        there = ", ".join(names) or "none"
        raise InputError(f"The dataset has {len(names)} readers ({there}); name those to compare: --readers A,B.")
    if len(names) < 2:
        raise InputError("Agreement is between at least two readers; name them with commas between: --readers A,B.")
    cases = [case for case in dataset.cases if set(names) <= set(case.readers)]
    if not cases:
        raise InputError(f"No case has masks of all of {', '.join(names)}.")
    readings: list[Reading] = []
    rated: dict[tuple[str, str], list[list[float]]] = {(part, measure): [] for part in PARTS for measure in MEASURES}
    for number, case in enumerate(cases):
        stop_if(cancelled)
        progress(number / len(cases), f"Comparing the masks of {case.id}")
        found = _outlined(case, names)
        readings += _readings(case, names, found)
        for key, rows in rated.items():
            rows += [list(values) for values in zip(*_by_level(found, names, *key), strict=True)]
    ratings = {key: np.array(rows) for key, rows in rated.items()}
    progress(1.0, "Compared")
    return Agreement(
        readers=names,
        cases=len(cases),
        vertebrae=len(ratings["body", "volume_ml"]),
        readings=tuple(readings),
        icc={key: found for key, rows in ratings.items() if (found := _or_none(icc, rows)) is not None},
        limits={
            key: found
            for key, rows in ratings.items()
            if len(rows) and (found := _or_none(bland_altman, rows[:, 0], rows[:, 1])) is not None
        },
    )


@dataclass(frozen=True, eq=False)
class _Outline:
    """One reader's mask of one part of a vertebra."""

    mask: np.ndarray
    volume_ml: float
    mean_hu: float


def _outlined(case: Case, names: Sequence[str]) -> dict[tuple[str, str, str], _Outline]:
    """Return the outlines in a case by reader, level and part."""
    volume, found = case.volume(), {}
    for name in names:
        labels = case.labels(volume, case.readers[name]).voxels
        for level in levels_in(labels):
            for part, mask_of in PARTS.items():
                mask = mask_of(labels, level)
                if mask.any():
                    ml = float(mask.sum()) * volume.voxel_volume / 1000
                    found[name, level, part] = _Outline(mask, ml, float(volume.voxels[mask].mean()))
    return found


def _readings(case: Case, names: Sequence[str], found: dict[tuple[str, str, str], _Outline]) -> list[Reading]:
    rows = []
    spacing, nothing = case.grid.spacing, _Outline(np.zeros(case.record.shape, bool), 0.0, nan)
    there = sorted({(level, part) for _, level, part in found}, key=lambda key: (BY_NAME[key[0]].code, key[1]))
    for first, second in combinations(names, 2):
        for level, part in there:
            one, other = (found.get((name, level, part), nothing) for name in (first, second))
            if one is nothing and other is nothing:
                continue
            agreed = overlap(one.mask, other.mask, spacing)
            sizes = one.volume_ml, other.volume_ml, one.mean_hu, other.mean_hu
            rows.append(Reading(case.id, level, part, first, second, agreed.dice, agreed.assd, agreed.hd95, *sizes))
    return rows


def _by_level(
    found: dict[tuple[str, str, str], _Outline], names: Sequence[str], part: str, measure: str
) -> list[list[float]]:
    """Return for each reader the values of a measure over the vertebrae of which all readers outlined the part."""
    levels = {level for _, level, _ in found}
    shared = sorted(level for level in levels if all((name, level, part) in found for name in names))
    return [[getattr(found[name, level, part], measure) for level in shared] for name in names]


def _or_none(function: Callable[..., Found], *ratings: np.ndarray) -> Found | None:
    """Return what a function makes of ratings, None where they are too few or too equal for it."""
    try:
        return function(*ratings)
    except InputError:
        return None
