"""What a signature is learned from: features and labels of rows, whose rows they are, and of which scanner."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.labelled_table import column, labels, read_table

if TYPE_CHECKING:
    import pandas as pd

RADIOMICS = re.compile(r"(firstorder|glcm|glrlm|glszm|gldm|ngtdm|shape|shape2D)_\w+$")
IDENTITY = {"case", "patient", "level", "roi", "log", "set"}
PATIENT_COLUMNS = ("patient", "case")


@dataclass(frozen=True, eq=False)
class LabelledFeatures:
    """Rows to learn from: features `X` (rows, names), and of each row label, patient and scanner where known."""

    names: tuple[str, ...]
    X: np.ndarray
    y: np.ndarray
    groups: np.ndarray | None = None
    batches: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.y)

    def rows(self, which: np.ndarray) -> "LabelledFeatures":
        """Return some rows, by a mask or by their numbers."""
        groups, batches = (None if of is None else of[which] for of in (self.groups, self.batches))
        return LabelledFeatures(self.names, self.X[which], self.y[which], groups, batches)

    def blind_to_patients(self) -> "LabelledFeatures":
        """Return the rows as if each were of a patient of its own."""
        return replace(self, groups=None)


@dataclass(frozen=True, eq=False)
class Taken:
    """Labelled features as read, the columns of the table that are no features, and what was left out."""

    data: LabelledFeatures
    others: "pd.DataFrame"
    notes: tuple[str, ...]


def read_rows(path: Path, roi: str | None = None) -> "pd.DataFrame":
    """Return a table's rows of one region. Raises `InputError` for none, and for several where `roi` names none."""
    table = read_table(path)
    if "roi" not in table and roi is None:
        return table
    found = column(table, "roi").map(str)
    if roi is None and found.nunique() > 1:
        raise InputError(
            f"{path.name} has rows of several regions ({', '.join(sorted(set(found)))}); choose with --roi."
        )
    if roi is None:
        return table
    if not (found == roi).any():
        raise InputError(f"{path.name} has no rows of the region '{roi}', but of {', '.join(sorted(set(found)))}.")
    return table[found == roi].reset_index(drop=True)


def take_features(
    table: "pd.DataFrame",
    label: str,
    *,
    group: str | None = None,
    batch: str | None = None,
    exclude: tuple[str, ...] = (),
) -> Taken:
    """Take features and labels from a table such as ``osteoscreen features`` writes.

    Features are the columns with a radiomics name where there are any, else all columns of numbers but those that say
    which row it is; `label`, `group`, `batch` and `exclude` never are. Patients are in the column `group`, else
    ``patient``, else ``case``. Features that a row lacks are left out, with a note. Raises `InputError` where nothing
    is left, for rows without any feature, and for labels as `labelled_table.labels` does.
    """
    from pandas.api.types import is_numeric_dtype

    y = labels(table, label)
    patients = group or next((name for name in PATIENT_COLUMNS if name in table), None)
    apart = {label, patients, batch, *exclude}
    names = [name for name in table if RADIOMICS.search(str(name)) and name not in apart]
    if not names:
        names = [name for name in table if is_numeric_dtype(table[name]) and name not in apart | IDENTITY]
    if not names:
        raise InputError("The table has no columns of features.")
    X = _numbers(table, names)
    bad = ~np.isfinite(X)
    empty = np.flatnonzero(bad.all(1))
    if len(empty):
        raise InputError(
            f"Row {empty[0] + 2} has no feature at all, as have {len(empty) - 1} others; remove such rows."
        )
    whole = ~bad.any(0)
    if not whole.any():
        raise InputError("Every feature is missing or infinite in some row; remove those rows.")
    notes = []
    if not whole.all():
        notes.append(f"{(~whole).sum()} of {len(names)} features are missing or infinite in some row and left out.")
    if patients is None:
        notes.append("No column says whose rows these are (--group): each counts as a patient of its own.")
    data = LabelledFeatures(
        tuple(name for name, ok in zip(names, whole, strict=True) if ok),
        X[:, whole],
        y,
        identities(table, patients) if patients else None,
        identities(table, batch) if batch else None,
    )
    return Taken(data, table.drop(columns=names), tuple(notes))


def join_labels(table: "pd.DataFrame", more: "pd.DataFrame") -> "pd.DataFrame":
    """Return a table with the columns of another, joined by those that both have.

    Raises `InputError` where they share none, where the other says two things of one row, or nothing.
    """
    import pandas as pd

    shared = [name for name in more.columns if name in table.columns]
    if not shared:
        raise InputError(f"The table of labels shares no column with the features; it has {', '.join(more.columns)}.")
    keys = ", ".join(shared)
    if more.duplicated(shared).any():
        raise InputError(f"The table of labels has two rows of the same {keys}.")
    as_text = dict.fromkeys(shared, str)
    found = table[shared].astype(as_text).merge(more.astype(as_text), on=shared, how="left", indicator="found")
    missing = int((found["found"] == "left_only").sum())
    if missing:
        raise InputError(f"The table of labels has no row for {missing} of {len(table)} rows of features (by {keys}).")
    return pd.concat([table.reset_index(drop=True), found.drop(columns=[*shared, "found"])], axis=1)


def identities(table: "pd.DataFrame", name: str) -> np.ndarray:
    """Return a column that says who or which, as text. Raises `InputError` where it is empty in some row."""
    values = column(table, name)
    if values.isna().any():
        raise InputError(f"Column '{name}' is empty in {values.isna().sum()} of {len(values)} rows.")
    return values.astype(str).to_numpy(object)


def _numbers(table: "pd.DataFrame", names: list[str]) -> np.ndarray:
    try:
        return table[names].to_numpy(float)
    except ValueError as error:
        raise InputError(f"A feature holds text where a number is needed: {error}.") from error
