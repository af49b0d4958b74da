"""Films to learn from: a folder for each class, or a table of paths and labels."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.labelled_table import check_classes, column, labels, numbers, read_table
from OsteoScreenLib.radiographs.clinical import CLINICAL
from OsteoScreenLib.radiographs.systems import Grading, System

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Picture:
    """One film: where it is, whether its class is the ill one, whose it is, and what else is known of the patient."""

    path: Path
    ill: bool
    patient: str
    clinical: dict[str, float | None] = field(default_factory=dict)


def read_pictures(data: Path, system: System) -> tuple[list[Picture], tuple[str, ...]]:
    """Return the films of a folder with one subfolder for each class, or of a CSV table, and what is to be said of it.

    The table has the columns ``path`` (relative to it), ``label`` (1 is ill), ``patient`` and, if known, ``age``,
    ``sex`` (F or M) and ``bmi``. In place of ``label`` it may have the score of the system's `Grading`; films between
    its bounds are left out. In folders every film counts as a patient of its own. Raises `InputError`.
    """
    if not data.exists():
        raise InputError(f"There is no {data}.")
    found, said = (_of_folders(data, system), ()) if data.is_dir() else _of_table(data, system.grading)
    check_classes(np.array([one.ill for one in found]), data.name)
    return found, said


def _of_folders(data: Path, system: System) -> list[Picture]:
    folders = {folder.name.lower(): folder for folder in data.iterdir() if folder.is_dir()}
    missing = [name for name in system.classes if name not in folders]
    if missing:
        there = ", ".join(sorted(folders)) or "none"
        raise InputError(
            f"{data.name} needs a folder for each class, {' and '.join(system.classes)}; it has {there}. "
            "Or give a CSV table with the columns path, label and patient."
        )
    files = [
        (path, name == system.classes[1])
        for name in system.classes
        for path in sorted(folders[name].rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    ]
    return [Picture(path, ill, str(path.relative_to(data))) for path, ill in files]


def _of_table(path: Path, grading: Grading | None) -> tuple[list[Picture], tuple[str, ...]]:
    table, said = read_table(path), ()
    if grading and grading.column in table.columns and "label" not in table.columns:
        table, ill, said = _graded(table, grading)
    else:
        ill = labels(table, "label")
    clinical = [name for name in CLINICAL if name in table.columns]
    found = [
        Picture(
            path.parent / str(file),
            bool(is_ill),
            str(patient),
            {name: _known(name, value) for name, value in zip(clinical, row, strict=True)},
        )
        for file, is_ill, patient, row in zip(
            column(table, "path"), ill, column(table, "patient"), table[clinical].to_numpy(object), strict=True
        )
    ]
    return found, said


def _graded(table: "pd.DataFrame", grading: Grading) -> "tuple[pd.DataFrame, np.ndarray, tuple[str, ...]]":
    """Return the rows whose score is a class, whether it is the ill one (n,), and how many rows are neither."""
    score = numbers(table, [grading.column])[:, 0]
    ill = score <= grading.ill_up_to
    either = ill | (score >= grading.healthy_from)
    between = (
        f"{(~either).sum()} of {len(table)} films are left out: {grading.column.upper()} between "
        f"{grading.ill_up_to:g} and {grading.healthy_from:g}."
    )
    return table[either], ill[either], () if either.all() else (between,)


def _known(name: str, value: object) -> float | None:
    """Return a clinical quantity as a number, sex as 1 for female; None where the cell is empty."""
    text = str(value).strip().lower()
    if text in ("", "nan", "none"):
        return None
    if name == "sex" and text in ("f", "female", "m", "male"):
        return float(text.startswith("f"))
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"Column '{name}' holds '{value}' where a number is needed.") from error


def limited(pictures: list[Picture], count: int | None, seed: int) -> list[Picture]:
    """Return at most `count` films, drawn at random with the shares of both classes kept; all without a count."""
    if count is None or count >= len(pictures):
        return pictures
    order = np.random.default_rng([seed, 9]).permutation(len(pictures))
    ill = np.array([one.ill for one in pictures])[order]
    cases = max(1, min(count - 1, round(count * ill.mean())))
    chosen = np.concatenate([order[ill][:cases], order[~ill][: count - cases]])
    return [pictures[n] for n in np.sort(chosen)]
