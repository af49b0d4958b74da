"""Engines: what can make the label map of a case. Ours, other people's networks, or a label map that is there."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.device import choose, run_with_fallback
from OsteoScreenLib.errors import AnatomyError, LabelMapError
from OsteoScreenLib.levels import BY_NAME, SCREENED, TOTALSEGMENTATOR, body_mask, in_our_coding, levels_in
from OsteoScreenLib.models import ModelCard, load_weights
from OsteoScreenLib.progress import IsCancelled, Progress, never, part, silent, stop_if
from OsteoScreenLib.readers import read_labels
from OsteoScreenLib.result import ModelUse, Segmentation, VertebraFinding
from OsteoScreenLib.segmentation.count import count_levels
from OsteoScreenLib.segmentation.locate import spine_line
from OsteoScreenLib.segmentation.monai_bundle import by_monai
from OsteoScreenLib.segmentation.naming import Candidate, name_levels
from OsteoScreenLib.segmentation.networks import COUNTED, build
from OsteoScreenLib.segmentation.nnunet_folder import by_nnunet
from OsteoScreenLib.segmentation.refine import STEP_MM, find_bodies, outline, paint
from OsteoScreenLib.segmentation.totalsegmentator import by_totalsegmentator
from OsteoScreenLib.segmentation.vertebrae import Vertebrae, thickest
from OsteoScreenLib.volume import Volume

if TYPE_CHECKING:
    from torch.nn import Module

UNET = "unet"
"""The name of our own engine."""

SEARCHED = (-1.7, 4.7)
"""Heights, in levels below L1, between which bodies are looked for: T12 to L5 and what the height may be off."""


SHORT_MM = 200.0
"""Length of spine in mm below which its levels cannot be told reliably."""


def segment(
    volume: Volume,
    engine: str | Path = UNET,
    device: str = "auto",
    progress: Progress = silent,
    cancelled: IsCancelled = never,
) -> Segmentation:
    """Segment the bodies of L1-L4 and their trabecular compartments.

    `engine` is ``"unet"`` (ours, trained on synthetic CT), ``"totalsegmentator"``, ``"nnunet:FOLDER"``,
    ``"monai:FOLDER"``, or the path of a label map on the volume's grid. A label map in our coding is taken as it is;
    of everybody else's vertebrae our network separates the body from the arch and the shell from the trabecular bone.
    Raises `AnatomyError` where none of L1-L4 is in the image, `LabelMapError` for a label map in no known coding,
    `ModelError` where an engine is not installed or its model cannot be used.
    """
    device = choose(device)
    if str(engine) == UNET:
        return _by_network(volume, device, progress, cancelled)
    whole = _by_others(volume, str(engine), device, part(progress, 0.0, 0.8), cancelled)
    if whole is not None:
        return _by_vertebrae(volume, whole, part(progress, 0.8, 1.0), cancelled)
    labels = read_labels(Path(engine), volume)
    name = Path(engine).name
    if in_our_coding(labels.voxels):
        return _finished(volume, labels.voxels, {}, name, "none", (), [])
    if np.isin(labels.voxels, list(TOTALSEGMENTATOR)).any():
        whole = Vertebrae(labels.voxels, TOTALSEGMENTATOR, name, device)
        return _by_vertebrae(volume, whole, progress, cancelled)
    raise LabelMapError(
        f"{name} holds no vertebra in a known coding; use 10 * vertebra + part (L1 shell = 201, "
        "trabecular = 202) or TotalSegmentator's numbering (L1 = 31)."
    )


def _by_network(volume: Volume, device: str, progress: Progress, cancelled: IsCancelled) -> Segmentation:
    """Find the spine, the bodies along its lumbar part, and their names."""
    progress(0.0, "Finding the spine")
    locating, survey = _load("locate")
    rough, device, notes = run_with_fallback(lambda d: spine_line(volume, survey.to(d), d), device)
    stop_if(cancelled)
    progress(0.05, "Counting the levels")
    counting, counter = _load("count")
    count, device, more = run_with_fallback(lambda d: count_levels(volume, rough, counter.to(d), d), device)
    notes, line = [*notes, *more], count.line
    points = line.between(*SEARCHED, STEP_MM)
    if not len(points):
        raise AnatomyError(
            f"The image shows the spine from {_near(line.heights.min())} to {_near(line.heights.max())} only; "
            "choose a CT that shows L1-L4."
        )
    refining, network = _load("refine")
    bodies, device, more = run_with_fallback(
        lambda d: find_bodies(volume, points, network.to(d), d, part(progress, 0.1, 0.95), cancelled), device
    )
    named = name_levels([Candidate(body.centre, count.levels_at(body.centre)) for body in bodies])
    wanted = {name.level: bodies[name.index] for name in named if name.level in SCREENED}
    if not wanted:
        raise AnatomyError("No vertebral body of L1-L4 was found; choose a CT that shows the lumbar spine.")
    confidence = {name.level: name.confidence for name in named}
    missing = [level for level in SCREENED if level not in wanted]
    if rough.length < SHORT_MM:
        notes = [
            *notes,
            f"Only {rough.length:.0f} mm of the spine are in the image: the level names are no more than a guess.",
        ]
    notes = [*notes, *more, *(f"{level} was not found." for level in missing)]
    models = (_use(locating), _use(counting), _use(refining))
    return _finished(volume, paint(volume, wanted), confidence, UNET, device, models, notes)


def _by_others(
    volume: Volume, engine: str, device: str, progress: Progress, cancelled: IsCancelled
) -> Vertebrae | None:
    """Return what another engine finds, or None where `engine` names none and so is a label map."""
    kind, _, folder = engine.partition(":")
    if engine == "totalsegmentator":
        return by_totalsegmentator(volume, device, progress, cancelled)
    if kind == "nnunet":
        return by_nnunet(volume, Path(folder), device, progress, cancelled)
    if kind == "monai":
        return by_monai(volume, Path(folder), device, progress, cancelled)
    return None


def _by_vertebrae(volume: Volume, whole: Vertebrae, progress: Progress, cancelled: IsCancelled) -> Segmentation:
    """Segment the bodies inside vertebrae that someone else has named, whole or cut down to their bodies."""
    masks = whole.screened()
    if not masks:
        raise AnatomyError(f"{whole.engine} holds none of L1-L4.")
    centres = {level: thickest(volume, mask) for level, mask in masks.items()}
    card, network = _load("refine")
    bodies, device, notes = run_with_fallback(
        lambda d: outline(volume, centres, network.to(d), d, progress, cancelled), whole.device
    )
    labels = paint(volume, bodies)
    for level in bodies:
        labels[body_mask(labels, level) & ~masks[level]] = 0
    missing = [level for level in centres if level not in bodies]
    missed = [f"{level} is in {whole.engine} but its body could not be outlined." for level in missing]
    models = (*whole.models, _use(card))
    return _finished(volume, labels, {}, whole.engine, device, models, [*whole.notes, *notes, *missed])


def _near(height: float) -> str:
    """Return the name of the level nearest to a height."""
    return COUNTED[int(np.clip(round(height) + COUNTED.index("L1"), 0, len(COUNTED) - 1))]


def _load(name: str) -> "tuple[ModelCard, Module]":
    card, weights = load_weights(name)
    network = build(card.architecture, card.parameters)
    network.load_state_dict({key: tensor.float() for key, tensor in weights.items()})
    return card, network.eval()


def _use(card: ModelCard) -> ModelUse:
    return ModelUse(card.name, card.version, card.sha256, card.trained_on)


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
