"""Engines: what can make the label map of a case. Ours, or a label map that the user already has."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.device import choose, run_with_fallback
from OsteoScreenLib.errors import AnatomyError, LabelMapError
from OsteoScreenLib.levels import BY_CODE, BY_NAME, PARTS, SCREENED, body_mask, levels_in
from OsteoScreenLib.models import ModelCard, load_weights
from OsteoScreenLib.progress import IsCancelled, Progress, never, part, silent, stop_if
from OsteoScreenLib.readers import read_labels
from OsteoScreenLib.result import ModelUse, Segmentation, VertebraFinding
from OsteoScreenLib.segmentation.locate import locate
from OsteoScreenLib.segmentation.networks import build
from OsteoScreenLib.segmentation.refine import refine
from OsteoScreenLib.volume import Volume

if TYPE_CHECKING:
    from torch.nn import Module

UNET = "unet"
"""The name of our own engine."""

TOTALSEGMENTATOR: dict[int, str] = {
    26: "S1",
    **{32 - n: f"L{n}" for n in range(1, 6)},
    **{44 - n: f"T{n}" for n in range(1, 13)},
}
"""Whole vertebrae as TotalSegmentator's task `total` (version 2) numbers them: 26 S1, 27 L5 ... 31 L1, 32 T12 ..."""


def segment(
    volume: Volume,
    engine: str | Path = UNET,
    device: str = "auto",
    progress: Progress = silent,
    cancelled: IsCancelled = never,
) -> Segmentation:
    """Segment the bodies of L1-L4 and their trabecular compartments.

    `engine` is ``"unet"`` (ours, trained on synthetic CT) or the path of a label map on the volume's grid: in our
    coding it is taken as it is; in TotalSegmentator's numbering our network separates the body from the arch. Raises
    `AnatomyError` where none of L1-L4 is in the image, `LabelMapError` for a label map in no known coding.
    """
    device = choose(device)
    if str(engine) == UNET:
        return _by_network(volume, device, progress, cancelled)
    labels = read_labels(Path(engine), volume)
    values = set(np.unique(labels.voxels).tolist()) - {0}
    if values and all(value // 10 in BY_CODE and value % 10 in PARTS for value in values):
        return _finished(volume, labels.voxels, {}, str(Path(engine).name), "none", (), [])
    if values & TOTALSEGMENTATOR.keys():
        return _by_vertebrae(volume, labels.voxels, Path(engine).name, device, progress, cancelled)
    raise LabelMapError(
        f"{Path(engine).name} holds no vertebra in a known coding; use 10 * vertebra + part (L1 shell = 201, "
        "trabecular = 202) or TotalSegmentator's numbering (L1 = 31)."
    )


def _by_network(volume: Volume, device: str, progress: Progress, cancelled: IsCancelled) -> Segmentation:
    progress(0.0, "Finding the spine")
    card, network = _load("locate")
    located, device, notes = run_with_fallback(lambda d: locate(volume, network.to(d), d), device)
    stop_if(cancelled)
    centres = {body.level: body.centre for body in located if body.level in SCREENED}
    if not centres:
        seen = f"{located[0].level}-{located[-1].level}"
        raise AnatomyError(f"None of L1-L4 was found (only {seen}); choose a CT that shows the lumbar spine.")
    labels, doubtful, device, more, fine = _outline(volume, centres, device, part(progress, 0.3, 1.0), cancelled)
    confidence = {body.level: body.confidence for body in located}
    notes = [*notes, *more, *(f"{level} was found but its body could not be outlined." for level in doubtful)]
    return _finished(volume, labels, confidence, UNET, device, (_use(card), fine), notes)


def _by_vertebrae(
    volume: Volume, whole: np.ndarray, name: str, device: str, progress: Progress, cancelled: IsCancelled
) -> Segmentation:
    """Segment the bodies inside whole vertebrae that someone else has named."""
    masks = {level: whole == code for code, level in TOTALSEGMENTATOR.items() if level in SCREENED}
    centres = {level: _thickest(volume, mask) for level, mask in masks.items() if mask.any()}
    if not centres:
        raise AnatomyError(f"{name} holds none of L1-L4.")
    labels, doubtful, device, notes, fine = _outline(volume, dict(sorted(centres.items())), device, progress, cancelled)
    for level in centres:
        labels[body_mask(labels, level) & ~masks[level]] = 0
    notes = [*notes, *(f"{level} is in {name} but its body could not be outlined." for level in doubtful)]
    return _finished(volume, labels, {}, name, device, (fine,), notes)


def _outline(
    volume: Volume, centres: dict[str, np.ndarray], device: str, progress: Progress, cancelled: IsCancelled
) -> tuple[np.ndarray, list[str], str, tuple[str, ...], ModelUse]:
    """Return label map, levels without a body, device, notes and the model that was used."""
    card, network = _load("refine")
    (labels, doubtful), device, notes = run_with_fallback(
        lambda d: refine(volume, centres, network.to(d), d, progress, cancelled), device
    )
    return labels, doubtful, device, notes, _use(card)


def _load(name: str) -> "tuple[ModelCard, Module]":
    card, weights = load_weights(name)
    network = build(card.architecture, card.parameters)
    network.load_state_dict({key: tensor.float() for key, tensor in weights.items()})
    return card, network.eval()


def _use(card: ModelCard) -> ModelUse:
    return ModelUse(card.name, card.version, card.sha256, card.trained_on)


def _thickest(volume: Volume, mask: np.ndarray) -> np.ndarray:
    """Return the point in RAS mm deepest inside a vertebra: its body is thicker than any process."""
    from scipy.ndimage import distance_transform_edt, find_objects

    box = find_objects(mask.astype(np.uint8))[0]
    depth = distance_transform_edt(np.pad(mask[box], 1), volume.spacing[::-1])[1:-1, 1:-1, 1:-1]
    deep = np.argwhere(depth > 0.9 * depth.max()) + [s.start for s in box]
    return volume.to_ras(deep.mean(0)[::-1])


def _finished(
    volume: Volume,
    labels: np.ndarray,
    confidence: dict[str, float],
    engine: str,
    device: str,
    models: tuple[ModelUse, ...],
    notes: list[str],
) -> Segmentation:
    """Describe what a label map holds; a level that somebody else named has the confidence 1."""
    findings = []
    for level in levels_in(labels):
        mask = body_mask(labels, level)
        centre = volume.to_ras(np.argwhere(mask).mean(0)[::-1])
        findings.append(
            VertebraFinding(level, confidence.get(level, 1.0), not _cut(volume, mask), tuple(centre.tolist()))
        )
    if not any(finding.level in SCREENED for finding in findings):
        raise AnatomyError("None of L1-L4 could be outlined; choose a CT that shows the lumbar spine whole.")
    findings.sort(key=lambda finding: BY_NAME[finding.level].code)
    return Segmentation(volume.with_voxels(labels), tuple(findings), engine, device, models, tuple(notes))


def _cut(volume: Volume, mask: np.ndarray) -> bool:
    """Tell whether a body reaches the edge of the image, or of the field of view inside of it."""
    from scipy.ndimage import binary_dilation, find_objects

    box = find_objects(mask.astype(np.uint8))[0]
    if any(s.start == 0 or s.stop == n for s, n in zip(box, mask.shape, strict=True)):
        return True
    around = tuple(slice(s.start - 1, s.stop + 1) for s in box)
    return bool((binary_dilation(mask[around]) & (volume.voxels[around] <= -1000)).sum() > 20)
