"""Can these masks be vertebral bodies? Volume, height, connectedness and HU against wide bounds and the neighbours."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from OsteoScreenLib import levels as table
from OsteoScreenLib.findings import DENSITY, EVERYTHING, SHAPE, Finding, Findings, Measure, Severity
from OsteoScreenLib.measurement.frame import Frame, boxes, crop
from OsteoScreenLib.measurement.hounsfield import over
from OsteoScreenLib.measurement.limits import LIMITS
from OsteoScreenLib.volume import Volume


@dataclass(frozen=True)
class BodyFacts:
    """What a mask amounts to: volume in ml, height in mm, the largest piece's share, HU and the share of air in it."""

    volume_ml: float
    height_mm: float
    largest_piece: float
    trabecular_hu: float
    air_share: float


def body_facts(volume: Volume, labels: Volume, frames: Mapping[str, Frame]) -> dict[str, BodyFacts]:
    """Return the facts of each body that has a frame."""
    from scipy.ndimage import label

    facts = {}
    for level, box in boxes(labels).items():
        if level not in frames:
            continue
        part = crop(labels, box, margin=0)
        body, hu = table.body_mask(part.voxels, level), over(volume, part)
        pieces, count = label(body)
        sizes = np.bincount(pieces.ravel())[1:] if count else np.zeros(1)
        inner = hu[table.trabecular_mask(part.voxels, level)]
        facts[level] = BodyFacts(
            float(body.sum() * part.voxel_volume / 1000),
            float(frames[level].size_mm[2]),
            float(sizes.max() / max(sizes.sum(), 1)),
            float(np.median(inner)) if inner.size else float("nan"),
            float((hu[body] < -200).mean()) if body.any() else 0.0,
        )
    return facts


def mask_findings(facts: Mapping[str, BodyFacts]) -> Findings:
    """Return a finding for each way in which masks cannot be, or hardly are, vertebral bodies."""
    checks = (
        (
            Severity.CLOSED, EVERYTHING[:-1], lambda one: one.air_share > LIMITS["mask_air_share"],
            "The outline holds air or fat: it is not that of a vertebral body.",
        ),
        (
            Severity.CLOSED, EVERYTHING[:-1],
            lambda one: not LIMITS["body_smallest_ml"] <= one.volume_ml <= LIMITS["body_largest_ml"],
            f"The outlined volume is none that an adult lumbar body has ({LIMITS['body_smallest_ml']:g} to "
            f"{LIMITS['body_largest_ml']:g} ml).",
        ),
        (
            Severity.CAUTION, (*SHAPE, *DENSITY), lambda one: one.largest_piece < LIMITS["largest_piece"],
            "The outline falls into pieces.",
        ),
        (
            Severity.CAUTION, DENSITY,
            lambda one: not LIMITS["trabecular_lowest_hu"] <= one.trabecular_hu <= LIMITS["trabecular_highest_hu"],
            "Trabecular HU are outside of what bone has: look at outline and image.",
        ),
    )  # fmt: skip
    found = []
    for severity, measures, wrong, text in checks:
        levels = tuple(level for level, one in facts.items() if wrong(one))
        if levels:
            found.append(Finding("outline", severity, text, measures, levels))
    return (*found, *_unlike_neighbours(facts))


def _unlike_neighbours(facts: Mapping[str, BodyFacts]) -> Findings:
    names = [level.name for level in table.LEVELS if level.name in facts]
    small, other = [], []
    for n, level in enumerate(names):
        beside = [facts[names[m]] for m in (n - 1, n + 1) if 0 <= m < len(names)]
        rest = [one for name, one in facts.items() if name != level]
        if beside:
            ratio = facts[level].volume_ml / np.mean([one.volume_ml for one in beside])
            if not LIMITS["volume_ratio_low"] <= ratio <= LIMITS["volume_ratio_high"]:
                small.append(level)
        if len(rest) >= 2:
            usual = float(np.nanmedian([one.trabecular_hu for one in rest]))
            if abs(facts[level].trabecular_hu - usual) > max(LIMITS["odd_hu"], 0.5 * abs(usual)):
                other.append(level)
    found = []
    if small:
        text = "The volume does not fit that of the neighbouring bodies: a wrong outline, or a collapsed vertebra."
        found.append(Finding("outline", Severity.CAUTION, text, (*SHAPE, *DENSITY, Measure.NAMES), tuple(small)))
    if other:
        text = (
            "Trabecular HU differ much from those of the other levels: fracture, metastasis, haemangioma or sclerosis? "
            "Such a vertebra does not speak for the skeleton."
        )
        found.append(Finding("odd vertebra", Severity.CAUTION, text, DENSITY, tuple(other)))
    return tuple(found)
