"""Two label maps of one grid, label by label: overlap and surface distances, the average one both ways."""

from dataclasses import dataclass

import numpy as np

from OsteoScreenLib.evaluation.overlap import overlap
from OsteoScreenLib.levels import body_mask, in_our_coding, levels_in, trabecular_mask


@dataclass(frozen=True)
class MaskAgreement:
    """Dice (0 to 1) and distances in mm of one label: `asd` from the prediction's surface to the reference's,
    `asd_back` the other way, `assd` over both, `hd95` the 95th percentile of the Hausdorff distance."""

    name: str
    dice: float
    asd: float
    asd_back: float
    assd: float
    hd95: float


def compare_masks(
    prediction: np.ndarray, reference: np.ndarray, spacing: tuple[float, float, float]
) -> tuple[MaskAgreement, ...]:
    """Compare two label maps (k, j, i) of one grid with `spacing` mm along i, j, k.

    Both in our coding: body and trabecular compartment of each level that either holds. Else: each value that either
    holds. What only one of the two holds has a Dice of 0 and distances of NaN. Raises `LabelMapError` where shapes
    differ.
    """
    if in_our_coding(prediction) and in_our_coding(reference):
        found = {*levels_in(prediction), *levels_in(reference)}
        pairs = [
            (f"{level} {part}", mask(prediction, level), mask(reference, level))
            for level in sorted(found, key=lambda level: (level[0] != "T", level[0] != "L", len(level), level))
            for part, mask in (("body", body_mask), ("trabecular", trabecular_mask))
        ]
    else:
        values = sorted({*np.unique(prediction).tolist(), *np.unique(reference).tolist()} - {0})
        pairs = [(f"label {value}", prediction == value, reference == value) for value in values]
    rows = []
    for name, ours, theirs in pairs:
        if ours.any() or theirs.any():
            there, back = overlap(ours, theirs, spacing), overlap(theirs, ours, spacing)
            rows.append(MaskAgreement(name, there.dice, there.asd, back.asd, there.assd, there.hd95))
    return tuple(rows)
