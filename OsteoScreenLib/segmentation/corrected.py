"""A segmentation after a hand has edited its masks or renamed its levels: still the engine's work, and said to be."""

from dataclasses import replace

import numpy as np

from OsteoScreenLib.findings import Measure
from OsteoScreenLib.levels import levels_in
from OsteoScreenLib.result import Segmentation
from OsteoScreenLib.segmentation.engines import describe
from OsteoScreenLib.volume import Volume


def corrected(
    segmentation: Segmentation, volume: Volume, labels: np.ndarray, named_by_hand: bool, notes: tuple[str, ...]
) -> Segmentation:
    """Return a segmentation with other masks (label map, axes k, j, i), described anew; engine and models stay.

    The confidence in a level's name is the engine's, and 1 where a person has named it: `named_by_hand` for all of
    them, else those that the engine did not find. `notes` come after the engine's own.
    What the engine doubted about
    names is gone where a hand has named them. Raises `AnatomyError` where the masks hold none of L1-L4.
    """
    confidence = {} if named_by_hand else {one.level: one.confidence for one in segmentation.findings}
    gone = [] if named_by_hand else [one.level for one in segmentation.findings if one.level not in levels_in(labels)]
    removed = tuple(f"{level} was removed by hand." for level in gone)
    described = describe(
        volume,
        labels,
        confidence,
        segmentation.engine,
        segmentation.device,
        segmentation.models,
        (*segmentation.notes, *notes, *removed),
    )
    kept = tuple(one for one in segmentation.doubts if one.measures != (Measure.NAMES,))
    return replace(described, doubts=kept if named_by_hand else segmentation.doubts)
