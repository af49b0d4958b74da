"""Engines: what can make the label map of a case. Ours, other people's networks, or a label map that is there."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from OsteoScreenLib.device import choose, run_with_fallback
from OsteoScreenLib.errors import AnatomyError, LabelMapError
from OsteoScreenLib.levels import BY_NAME, SCREENED, TOTALSEGMENTATOR, body_mask, in_our_coding, levels_in
from OsteoScreenLib.progress import IsCancelled, Progress, never, part, silent
from OsteoScreenLib.readers import read_labels
from OsteoScreenLib.result import ModelUse, Segmentation, VertebraFinding
from OsteoScreenLib.segmentation.automatic import find_vertebrae
from OsteoScreenLib.segmentation.monai_bundle import by_monai
from OsteoScreenLib.segmentation.networks import load_network
from OsteoScreenLib.segmentation.nnunet_folder import by_nnunet
from OsteoScreenLib.segmentation.refine import outline, paint, paint_looks
from OsteoScreenLib.segmentation.totalsegmentator import by_totalsegmentator
from OsteoScreenLib.segmentation.vertebrae import Vertebrae, thickest
from OsteoScreenLib.volume import Volume, resample

ST_UNET = "st-unet"
"""The name of our own engine."""


def segment(
    volume: Volume,
    engine: str | Path = ST_UNET,
    device: str = "auto",
    progress: Progress = silent,
    cancelled: IsCancelled = never,
    *,
    flips: bool = False,
) -> Segmentation:
    """Segment the bodies of L1-L4 and their trabecular compartments.

    `engine` is ``"st-unet"`` (ours, trained on synthetic CT), ``"totalsegmentator"``, ``"nnunet:FOLDER"``,
    ``"monai:FOLDER"``, or the path of a label map on the volume's grid. A label map in our coding is taken as it is and
    needs no PyTorch; of everybody else's vertebrae our network separates the body from the arch and the shell from the
    trabecular bone. With `flips` each body is outlined on its mirror image, too, and the mean taken: twice the time.
    Raises `AnatomyError` where none of L1-L4 is in the image, `LabelMapError` for a label map in no known coding,
    `ModelError` where an engine is not installed or its model cannot be used.
    """
    if str(engine) == ST_UNET:
        found = find_vertebrae(volume, choose(device), progress, cancelled, flips)
        labels = paint(volume, found.bodies)
        described = describe(volume, labels, found.confidence, ST_UNET, found.device, found.models, found.notes)
        return replace(described, doubts=found.doubts, looks=paint_looks(volume, found.bodies))
    whole = _by_others(volume, str(engine), device, part(progress, 0.0, 0.8), cancelled)
    if whole is not None:
        return _by_vertebrae(volume, whole, part(progress, 0.8, 1.0), cancelled, flips)
    labels = read_labels(Path(engine), volume)
    name = Path(engine).name
    if in_our_coding(labels.voxels):
        return describe(volume, labels.voxels, {}, name, "none", (), ())
    if np.isin(labels.voxels, list(TOTALSEGMENTATOR)).any():
        whole = Vertebrae(labels.voxels, TOTALSEGMENTATOR, name, choose(device))
        return _by_vertebrae(volume, whole, progress, cancelled, flips)
    raise LabelMapError(
        f"{name} holds no vertebra in a known coding; use 10 * vertebra + part (L1 shell = 201, "
        "trabecular = 202) or TotalSegmentator's numbering (L1 = 31)."
    )


def _by_others(
    volume: Volume, engine: str, device: str, progress: Progress, cancelled: IsCancelled
) -> Vertebrae | None:
    """Return what another engine finds, or None where `engine` names none and so is a label map."""
    kind, _, folder = engine.partition(":")
    if engine == "totalsegmentator":
        return by_totalsegmentator(volume, choose(device), progress, cancelled)
    if kind == "nnunet":
        return by_nnunet(volume, Path(folder), choose(device), progress, cancelled)
    if kind == "monai":
        return by_monai(volume, Path(folder), choose(device), progress, cancelled)
    return None


def _by_vertebrae(
    volume: Volume, whole: Vertebrae, progress: Progress, cancelled: IsCancelled, flips: bool
) -> Segmentation:
    """Segment the bodies inside vertebrae that someone else has named, whole or cut down to their bodies."""
    masks = whole.screened()
    if not masks:
        raise AnatomyError(f"{whole.engine} holds none of L1-L4.")
    centres = {level: thickest(volume, mask) for level, mask in masks.items()}
    use, network = load_network("refine")
    outlined, device, notes = run_with_fallback(
        lambda d: outline(volume, list(centres.values()), network.to(d), d, progress, cancelled, flips), whole.device
    )
    bodies = {level: body for level, body in zip(centres, outlined, strict=True) if body}
    labels = paint(volume, bodies)
    looks = paint_looks(volume, bodies)
    for level in bodies:
        labels[body_mask(labels, level) & ~masks[level]] = 0
        for look in looks:
            named = resample(volume.with_voxels(masks[level].astype(np.uint8)), look, nearest=True, outside=0).voxels
            look.voxels[body_mask(look.voxels, level) & (named == 0)] = 0
    missing = [level for level in centres if level not in bodies]
    missed = [f"{level} is in {whole.engine} but its body could not be outlined." for level in missing]
    notes = (*whole.notes, *notes, *missed)
    described = describe(volume, labels, {}, whole.engine, device, (*whole.models, use), notes)
    return replace(described, doubts=whole.doubts, looks=looks)


def describe(
    volume: Volume,
    labels: np.ndarray,
    confidence: dict[str, float],
    engine: str,
    device: str,
    models: tuple[ModelUse, ...],
    notes: tuple[str, ...],
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
    return Segmentation(volume.with_voxels(labels), tuple(findings), engine, device, models, notes)


def _cut(volume: Volume, mask: np.ndarray) -> bool:
    """Tell whether a body reaches the edge of the image, or of the field of view inside of it."""
    from scipy.ndimage import binary_dilation, find_objects

    box = find_objects(mask.astype(np.uint8))[0]
    if any(s.start == 0 or s.stop == n for s, n in zip(box, mask.shape, strict=True)):
        return True
    around = tuple(slice(s.start - 1, s.stop + 1) for s in box)
    return bool((binary_dilation(mask[around]) & (volume.voxels[around] <= -1000)).sum() > 20)
