"""Which case to review next: those whose proposal is in doubt most, and why, in words (active learning).

Three doubts are weighed, each from 0 to 1: how blurred the network's outlines are over image and mirror image, and how
far they are from the mask that is there (`segmentation.second_look`); how far a detector's box is from a body's; how
unsure the names of the levels are. A case's score is the chance that at least one of them is right to doubt:
1 - (1 - a)(1 - b)(1 - c).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from pydantic import BaseModel, ValidationError

from OsteoScreenLib.annotation.dataset import DOUBTS, Case, Dataset
from OsteoScreenLib.model_choice import in_use
from OsteoScreenLib.models import find, read_card
from OsteoScreenLib.output import staged_file
from OsteoScreenLib.progress import IsCancelled, Progress, never, part, silent, stop_if
from OsteoScreenLib.segmentation.second_look import SecondLook, look_twice

SURE_ENTROPY, LOST_ENTROPY = 0.3, 1.0
"""Bits per voxel of a body that speak for nothing, and from which it is as good as guessed.

Of the true masks of L3 in three phantoms of 2 mm, two of them with disease and faults of the scan, the network's were
0.20 to 0.27, with a Dice of 0.92 to 0.94.
"""

SURE_DICE, LOST_DICE = 0.9, 0.5
SURE_OVERLAP, LOST_OVERLAP = 0.6, 0.1
SURE_NAME, LOST_NAME = 1.0, 0.5


@dataclass(frozen=True)
class Waiting:
    """A case that nobody has reviewed: its score in [0, 1], and why, the strongest reason first."""

    case: Case
    score: float
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class _Doubt:
    weight: float
    reason: str


class _Looks(BaseModel):
    """A second look at a mask as it is kept: which model looked, and what it made of each level."""

    model: str
    levels: dict[str, SecondLook]


def queue(dataset: Dataset, looks: Mapping[str, Mapping[str, SecondLook]] | None = None) -> tuple[Waiting, ...]:
    """Return the unreviewed cases, the most doubtful first; `looks` are the second looks by case and level."""
    waiting = [_weighed(case, (looks or {}).get(case.id, {})) for case in dataset.cases if not case.reviewed]
    return tuple(sorted(waiting, key=lambda one: (-one.score, one.case.record.added, one.case.id)))


def look_at_all(
    dataset: Dataset, device: str = "auto", progress: Progress = silent, cancelled: IsCancelled = never
) -> dict[str, dict[str, SecondLook]]:
    """Return a second look at the mask of every unreviewed case; what was looked at before is read from the dataset.

    Raises `ModelError` where the network cannot be loaded, `OutputError` where a look cannot be kept.
    """
    cases = [case for case in dataset.cases if not case.reviewed]
    found = {}
    for number, case in enumerate(cases):
        stop_if(cancelled)
        share = part(progress, number / len(cases), (number + 1) / len(cases))
        share(0.0, f"Looking at {case.id} again")
        found[case.id] = _kept(dataset.folder, case) or _looked(dataset.folder, case, device, share, cancelled)
    return found


def _looked(folder: Path, case: Case, device: str, progress: Progress, cancelled: IsCancelled) -> dict[str, SecondLook]:
    looks, use = look_twice(*case.read(), device, progress, cancelled)
    text = _Looks(model=f"{use.name} {use.version} {use.sha256}", levels=looks).model_dump_json(indent=2)
    with staged_file(_place(folder, case)) as staged:
        staged.write_text(text + "\n", encoding="utf-8")
    return looks


def _kept(folder: Path, case: Case) -> dict[str, SecondLook] | None:
    """Return the look that was kept if the same model took it; a damaged file is as good as none."""
    try:
        kept = _Looks.model_validate_json(_place(folder, case).read_bytes())
    except (OSError, ValidationError):
        return None
    card = read_card(find(in_use("refine")))
    return kept.levels if kept.model == f"{card.name} {card.version} {card.sha256}" else None


def _place(folder: Path, case: Case) -> Path:
    return folder / DOUBTS / f"{case.id}-{case.current.id}.json"


def _weighed(case: Case, looks: Mapping[str, SecondLook]) -> Waiting:
    doubts = [_of_names(case), _of_boxes(case), _of_looks(looks)]
    strong = sorted((one for one in doubts if one is not None and one.weight > 0), key=lambda one: -one.weight)
    score = 1 - prod(1 - one.weight for one in strong)
    nothing = "nothing speaks against its masks" if looks else "nothing is known against its masks; nobody looked again"
    return Waiting(case, round(score, 3), tuple(one.reason for one in strong) or (nothing,))


def _of_names(case: Case) -> _Doubt | None:
    found = case.current.record.findings
    if not found:
        return None
    least = min(found, key=lambda one: one.confidence)
    weight = _between(least.confidence, SURE_NAME, LOST_NAME)
    return _Doubt(weight, f"the names of its levels are uncertain ({least.level}: {least.confidence:.0%} sure)")


def _of_boxes(case: Case) -> _Doubt | None:
    found = case.current.record.detected
    if not found:
        return None
    level = min(found, key=found.__getitem__)
    weight = _between(found[level], SURE_OVERLAP, LOST_OVERLAP)
    if found[level] == 0:
        return _Doubt(weight, f"{level} is outlined, but the detector saw no such vertebra")
    return _Doubt(weight, f"the detector's box of {level} and its outline share {found[level]:.0%} of their space only")


def _of_looks(looks: Mapping[str, SecondLook]) -> _Doubt | None:
    if not looks:
        return None
    blurred = max(looks, key=lambda level: looks[level].entropy)
    off = min(looks, key=lambda level: looks[level].dice)
    by_entropy = _between(looks[blurred].entropy, SURE_ENTROPY, LOST_ENTROPY)
    by_dice = _between(looks[off].dice, SURE_DICE, LOST_DICE)
    if by_entropy >= by_dice:
        bits = looks[blurred].entropy
        return _Doubt(by_entropy, f"the outline of {blurred} is blurred (entropy {bits:.2f} bit a voxel when flipped)")
    return _Doubt(by_dice, f"the network outlines {off} differently now (Dice {looks[off].dice:.2f})")


def _between(value: float, sure: float, lost: float) -> float:
    """Return 0 at a value that is sure, 1 at one that is lost, in between in proportion."""
    return min(1.0, max(0.0, (value - sure) / (lost - sure)))
