"""Which cases a cohort has: from a table, or from what lies in a folder."""

import csv
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.models import NAME
from OsteoScreenLib.readers.files import is_image_file, reachable, stem

CASE, INPUT, SERIES = "case", "input", "series"
RESERVED = ("status", "worst", "findings", "sha256", "key", "seconds", "memory_mb", "message", "same_image_as")
"""Columns of ``cases.csv`` that a manifest's own columns must not be called."""
LONGEST = 100
LARGEST = 256 * 2**20
"""Bytes of a manifest: a million cases with long paths fit."""
COHORT_MARK = "cohort.json"
"""A folder with such a file holds results, which are no input."""


@dataclass(frozen=True)
class CohortCase:
    """One case: the name of its folder of results, its file or DICOM folder, and what else its row says."""

    name: str
    source: Path
    series: str | None = None
    facts: tuple[tuple[str, str], ...] = ()


def read_cohort(path: Path) -> tuple[CohortCase, ...]:
    """Return the cases of a manifest (CSV) or, of a folder, the images and DICOM folders anywhere in it.

    A manifest has the column ``input`` (a file or DICOM folder, relative to the manifest), if need be ``case`` (the
    name of its folder of results; else made from the input's) and ``series``; other columns go on to ``cases.csv``. In
    a folder every image file is a case and every folder with DICOM files is one; links to folders are not followed, and
    hidden folders and results are passed over. Whether an input can be read is found out when its turn comes.
    Raises `InputError` where there is no case, or two would write into one folder.
    """
    path = reachable(path)
    cases = tuple(_from_folder(path)) if path.is_dir() else read_manifest(path)
    if not cases:
        raise InputError(f"{path.name or path} holds no image file and no DICOM folder. Give a folder of CTs.")
    return cases


def read_manifest(path: Path) -> tuple[CohortCase, ...]:
    """Return the cases of a manifest, as `read_cohort` does. Raises `InputError`."""
    if path.stat().st_size > LARGEST:
        raise InputError(f"{path.name} is larger than {LARGEST // 2**20} MiB. Split the cohort.")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file, restkey="", strict=True)
            _check_head(table.fieldnames, path.name)
            cases = tuple(_row(row, number, path) for number, row in enumerate(table, start=2))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path.name} is not a table (CSV, UTF-8): {error}.") from None
    if not cases:
        raise InputError(f"{path.name} has no rows. Give one per case, with the column '{INPUT}'.")
    again = [name for name, count in Counter(one.name.lower() for one in cases).items() if count > 1]
    if again:
        raise InputError(f"{path.name} has several cases named '{again[0]}'. Give each its own name in '{CASE}'.")
    return cases


def _check_head(head: list[str] | None, name: str) -> None:
    if not head or INPUT not in head:
        raise InputError(f"{name} has no column '{INPUT}'. Give one with the file or DICOM folder of each case.")
    again = [one for one, count in Counter(head).items() if count > 1]
    if again:
        raise InputError(f"{name} has several columns '{again[0]}'. Rename all but one.")
    taken = [one for one in head if one in RESERVED or not one.strip()]
    if taken:
        raise InputError(f"{name} has a column '{taken[0]}', which the results use or nothing can. Rename it.")


def _row(row: dict[str, str | None], number: int, path: Path) -> CohortCase:
    where = f"{path.name}, line {number}"
    if "" in row or None in row.values():
        raise InputError(f"{where}: there are more or fewer fields than columns.")
    given = (row[INPUT] or "").strip()
    if not given or "\0" in given:
        raise InputError(f"{where}: '{INPUT}' is empty. Give the file or DICOM folder of the case.")
    source = path.parent / Path(given).expanduser() if not given.startswith("~") else Path(given).expanduser()
    name = (row.get(CASE) or "").strip() or _name(stem_of(given))
    if not re.fullmatch(NAME, name) or len(name) > LONGEST:
        raise InputError(
            f"{where}: '{name[:40]}' cannot be the name of a folder. "
            f"Use letters, digits, dots, dashes and underscores, at most {LONGEST}."
        )
    facts = tuple((key, value) for key, value in row.items() if key not in (CASE, INPUT, SERIES))
    return CohortCase(name, source, (row.get(SERIES) or "").strip() or None, facts)


def stem_of(given: str) -> str:
    """Return the last part of a path without its extensions, whether or not there is such a file."""
    last = Path(given).name
    return re.sub(r"(\.seg)?\.(nii\.gz|nii|nrrd|nhdr|mha|mhd|dcm)$", "", last, flags=re.IGNORECASE)


def _from_folder(root: Path) -> Iterator[CohortCase]:
    taken: set[str] = set()
    for source in _inputs(root):
        whole = ".".join((*source.relative_to(root).parent.parts, stem(source))) or root.name
        name, number = _name(whole), 1
        while name.lower() in taken:
            number += 1
            name = f"{_name(whole)}-{number}"
        taken.add(name.lower())
        yield CohortCase(name, source)


def _inputs(root: Path) -> Iterator[Path]:
    for folder, below, files in os.walk(root):
        here = Path(folder)
        if COHORT_MARK in files and here != root:
            below.clear()
            continue
        below[:] = sorted(one for one in below if not one.startswith("."))
        shown = sorted(one for one in files if not one.startswith("."))
        images = [here / one for one in shown if is_image_file(here / one) and ".seg." not in one.lower()]
        yield from images
        if not images and any(_is_dicom(here / one) for one in shown):
            yield here


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return path.is_file() and file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _name(text: str) -> str:
    """Return a text as the name of a folder: other characters become underscores."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._-")[:LONGEST] or "case"
