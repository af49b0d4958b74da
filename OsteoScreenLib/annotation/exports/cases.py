"""What every export starts from: the reviewed cases and where they belong, and a new folder to write into."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from OsteoScreenLib.annotation.dataset import Case, Dataset
from OsteoScreenLib.errors import InputError, OutputError
from OsteoScreenLib.image_file import write_image
from OsteoScreenLib.levels import BY_CODE, LEVELS, PARTS, label, levels_in
from OsteoScreenLib.output import new_folder
from OsteoScreenLib.progress import IsCancelled, Progress, stop_if
from OsteoScreenLib.volume import Volume


@dataclass(frozen=True)
class Exported:
    """What an export wrote, and how many cases it left out because nobody has reviewed them."""

    folder: Path
    cases: int
    left_out: int


@dataclass(frozen=True)
class LabelTable:
    """The labels of an export as consecutive numbers from 1, as most trainers want them: `codes` are ours, in order."""

    codes: tuple[int, ...]

    @property
    def names(self) -> dict[str, int]:
        """The number of each label by its name, such as ``L1_trabecular``; ``background`` is 0."""
        named = [f"{BY_CODE[code // 10].name}_{PARTS[code % 10].replace(' ', '_')}" for code in self.codes]
        return {"background": 0} | {name: number for number, name in enumerate(named, start=1)}

    def numbered(self, labels: Volume) -> Volume:
        """Return a label map in our coding as one of consecutive numbers (uint8)."""
        table = np.zeros(2**16, np.uint8)
        table[list(self.codes)] = np.arange(1, len(self.codes) + 1)
        return labels.with_voxels(table[labels.voxels])


def reviewed(dataset: Dataset) -> list[Case]:
    """Return the cases that may be learned from. Raises `InputError` where there is none, or one has no split."""
    cases = [case for case in dataset.cases if case.reviewed]
    if not cases:
        raise InputError(f"No case in {dataset.folder} has been reviewed yet; there is nothing to export.")
    waiting = {case.patient for case in cases if case.split is None}
    if waiting:
        raise InputError(
            f"{len(waiting)} patients have no split yet; run 'osteoscreen dataset split {dataset.folder}' first."
        )
    return cases


def label_table(cases: list[Case]) -> LabelTable:
    """Return the labels of all levels that any of the cases holds, head first."""
    there = {level for case in cases for level in levels_in(case.labels(case.grid).voxels)}
    return LabelTable(tuple(label(level.name, part) for level in LEVELS if level.name in there for part in PARTS))


@contextmanager
def export_folder(output: Path) -> Iterator[Path]:
    """Yield a folder that becomes `output`, whole or not at all. Raises `OutputError` where something is there."""
    if output.exists():
        raise OutputError(f"{output} is there already; choose a new folder to export to.")
    with new_folder(output) as staged:
        yield staged


def read_each(cases: list[Case], progress: Progress, cancelled: IsCancelled) -> Iterator[tuple[Case, Volume, Volume]]:
    """Yield each case with its CT and its labels."""
    for number, case in enumerate(cases):
        stop_if(cancelled)
        progress(number / len(cases), f"Exporting {case.id}")
        volume, labels = case.read()
        yield case, volume, labels
    progress(1.0, "Exported")


def write_nifti(volume: Volume, path: Path) -> None:
    """Write an image as NIfTI with nothing in its header but the image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(volume, path)
