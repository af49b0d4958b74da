"""Tables of a cohort as CSV: reading one, its labels, its patients and its numbers, each checked."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

YES, NO = {"1", "1.0", "true", "yes"}, {"0", "0.0", "false", "no"}


def read_table(path: Path) -> "pd.DataFrame":
    """Return a CSV file as a table. Raises `InputError` where it is missing, empty or not a CSV."""
    import pandas as pd

    try:
        table = pd.read_csv(path)
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror or error}.") from error
    except (ValueError, pd.errors.ParserError) as error:
        raise InputError(f"{path.name} is not a CSV table: {error}") from error
    if table.empty:
        raise InputError(f"{path.name} has no rows.")
    return table


def column(table: "pd.DataFrame", name: str) -> "pd.Series":
    """Return a column. Raises `InputError` that names those there are."""
    if name not in table.columns:
        known = ", ".join(map(str, table.columns[:12])) + (", …" if len(table.columns) > 12 else "")
        raise InputError(f"There is no column '{name}'; the table has {known}.")
    return table[name]


def labels(table: "pd.DataFrame", name: str) -> np.ndarray:
    """Return a column of labels as booleans: 1, true or yes against 0, false or no, in any case.

    Raises `InputError` for missing or other values, and where only one class is there.
    """
    values = column(table, name)
    words = values.map(lambda value: str(value).strip().lower())
    missing = values.isna() | (words == "")
    if missing.any():
        raise InputError(f"Column '{name}' has no label in {missing.sum()} of {len(values)} rows; remove those rows.")
    other = words[~words.isin(YES | NO)]
    if len(other):
        raise InputError(f"Column '{name}' holds '{values[other.index[0]]}'; labels are 1 and 0, or yes and no.")
    found = words.isin(YES).to_numpy()
    check_classes(found, f"Column '{name}'")
    return found


def check_classes(found: np.ndarray, what: str, least: int = 1) -> None:
    """Raise `InputError` where boolean labels hold fewer than `least` rows of either class."""
    cases, controls = int(found.sum()), int((~found).sum())
    if cases == 0 or controls == 0:
        present, absent = ("0", "1") if cases == 0 else ("1", "0")
        raise InputError(f"{what} holds {present} alone and no {absent}; both classes are needed.")
    if min(cases, controls) < least:
        raise InputError(f"{what} holds {cases} cases and {controls} controls; at least {least} of each are needed.")


def numbers(table: "pd.DataFrame", names: list[str]) -> np.ndarray:
    """Return columns as floats, shape (rows, columns). Raises `InputError` for text, and for missing or infinite."""
    import pandas as pd

    found = []
    for name in names:
        try:
            values = pd.to_numeric(column(table, name), errors="coerce")
        except OverflowError as error:
            raise InputError(f"Column '{name}' holds a number that is too large.") from error
        text = values.isna() & table[name].notna()
        if text.any():
            raise InputError(f"Column '{name}' holds '{table[name][text].iloc[0]}' where a number is needed.")
        found.append(values.to_numpy(float))
    matrix = np.column_stack(found) if found else np.empty((len(table), 0))
    bad = ~np.isfinite(matrix)
    if bad.any():
        worst = int(bad.sum(0).argmax())
        raise InputError(
            f"Column '{names[worst]}' has no finite number in {bad[:, worst].sum()} of {len(table)} rows; "
            "remove the rows or the column."
        )
    return matrix
