"""The index of a dataset: a table for people and spreadsheets, made from the folders and nothing else."""

import csv
from pathlib import Path

from OsteoScreenLib.annotation.dataset import CASES, INDEX, MASKS, Case, Dataset, finished, open_dataset
from OsteoScreenLib.output import staged_file

COLUMNS = (
    "case", "patient", "split", "reviewed", "mask", "role", "reader", "masks", "trabecular_hu", "sex", "age", "kvp",
    "added",
)  # fmt: skip


def rows(dataset: Dataset) -> list[dict[str, object]]:
    """Return a row of `COLUMNS` for each case."""
    return [dict(zip(COLUMNS, _row(case), strict=True)) for case in dataset.cases]


def write_index(folder: Path) -> Dataset:
    """Write the index of what lies in the folders now, and return that. Raises as `open_dataset`, `OutputError`.

    Several processes may do so at once: each looks again after it has written, so that the last one leaves all.
    """
    while True:
        before = _there(folder)
        dataset = open_dataset(folder)
        with staged_file(folder / INDEX) as staged, staged.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, COLUMNS)
            table.writeheader()
            table.writerows(rows(dataset))
        if _there(folder) == before:
            return dataset


def read_index(folder: Path) -> list[dict[str, str]] | None:
    """Return the rows of the index as they are in the file, or None where there is none."""
    path = folder / INDEX
    if not path.is_file():
        return None
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        return list(csv.DictReader(file))


def as_text(row: dict[str, object]) -> dict[str, str]:
    """Return a row as `read_index` reads it."""
    return {key: "" if value is None else str(value) for key, value in row.items()}


def _there(folder: Path) -> list[list[Path]]:
    return [[case, *finished(case / MASKS)] for case in finished(folder / CASES)]


def _row(case: Case) -> tuple[object, ...]:
    record, mask = case.record, case.current.record
    return (
        case.id, case.patient, case.split, case.reviewed, mask.id, mask.role, mask.reader, len(case.masks),
        mask.trabecular_hu, record.sex, record.age, record.kvp, record.added.isoformat(timespec="seconds"),
    )  # fmt: skip
