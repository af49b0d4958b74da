"""How sure the network is of bodies that are outlined already: it looks again, at each and at its mirror image."""

from dataclasses import dataclass

import numpy as np

from OsteoScreenLib.device import choose, run_with_fallback
from OsteoScreenLib.evaluation.overlap import overlap
from OsteoScreenLib.levels import body_mask, levels_in
from OsteoScreenLib.progress import IsCancelled, Progress, never, silent
from OsteoScreenLib.result import ModelUse
from OsteoScreenLib.segmentation.networks import FINE_SPACING, load_network
from OsteoScreenLib.segmentation.refine import Body, look
from OsteoScreenLib.volume import Volume, band_limited, resample


@dataclass(frozen=True)
class SecondLook:
    """What the network makes of one body now: its doubt, and the Dice (0 to 1) of its outline with the one there is.

    `entropy` is that of the probability averaged over the image and its mirror image, in bits, summed over the crop and
    divided by the body's voxels: 0 where every voxel is certain, about the share of voxels that are not.
    """

    entropy: float
    dice: float


def look_twice(
    volume: Volume,
    labels: Volume,
    device: str = "auto",
    progress: Progress = silent,
    cancelled: IsCancelled = never,
) -> tuple[dict[str, SecondLook], ModelUse]:
    """Return a second look at each level of a label map (uint16, coding of `levels`) on its CT, and the model's name.

    Raises `ModelError` where the network cannot be loaded.
    """
    use, network = load_network("refine")
    masks = {level: body_mask(labels.voxels, level) for level in levels_in(labels.voxels)}
    centres = [labels.to_ras(np.argwhere(mask).mean(0)[::-1]) for mask in masks.values()]
    source = band_limited(volume, FINE_SPACING)
    bodies, _, _ = run_with_fallback(
        lambda d: look(source, centres, network.to(d), d, progress, cancelled, flips=True), choose(device)
    )
    return {
        level: SecondLook(_entropy(body), _dice(body, labels.with_voxels(mask.astype(np.uint8))))
        for (level, mask), body in zip(masks.items(), bodies, strict=True)
    }, use


def _entropy(body: Body) -> float:
    p = np.clip(body.probability.voxels, 1e-6, 1 - 1e-6)
    bits = -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
    return round(float(bits.sum() / max(int(body.mask.sum()), 1)), 3)


def _dice(body: Body, mask: Volume) -> float:
    there = resample(mask, body.probability, nearest=True, outside=0).voxels > 0
    return round(overlap(body.mask, there, body.probability.spacing).dice, 3)
