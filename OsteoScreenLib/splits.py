"""Who is learned from and who is held out: by patient and stratified by label, or as the paper did."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import numpy as np

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.labelled_table import check_classes


def draw_folds(y: np.ndarray, folds: int, groups: np.ndarray | None = None, seed: int = 0) -> np.ndarray:
    """Return a fold number (from 0) for each row: labels spread evenly, and each group in one fold.

    Raises `InputError` where a class, or what it has of groups, does not reach for all folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    y = np.asarray(y, dtype=bool)
    check_classes(y, "The label")
    for found, name in ((y, "cases"), (~y, "controls")):
        units = int(found.sum()) if groups is None else len(np.unique(np.asarray(groups)[found]))
        if units < folds:
            whom = "rows" if groups is None else "patients"
            raise InputError(f"{units} {whom} with {name} cannot be spread over {folds} folds; ask for fewer folds.")
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    numbers = np.empty(len(y), dtype=int)
    with _silent():
        parts = kind(folds, shuffle=True, random_state=seed).split(np.zeros(len(y)), y, groups)
        for number, (_, held_out) in enumerate(parts):
            numbers[held_out] = number
    return numbers


def held_out(
    split: Literal["none", "patient", "paper"], y: np.ndarray, groups: np.ndarray | None, share: float, seed: int
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return which rows are the test set, and what is wrong with it: nobody, whole patients, or as the paper did."""
    if split == "none":
        return np.zeros(len(y), dtype=bool), ()
    groups = np.arange(len(y)) if groups is None else groups
    if split == "patient":
        return held_out_patients(y, groups, share, seed), ()
    test = held_out_rows(y, share, seed)
    both = on_both_sides(groups, test)
    warning = f"{both} patients have rows in both training and test set, which flatters the test result."
    return test, (warning,) if both else ()


def held_out_patients(y: np.ndarray, groups: np.ndarray, share: float = 0.3, seed: int = 0) -> np.ndarray:
    """Return which rows are the test set: about `share` of rows, in tenths or coarser; all of a patient's or none."""
    y, groups = np.asarray(y, dtype=bool), np.asarray(groups)
    fewest = min(len(set(groups[of].tolist())) for of in (y, ~y))
    parts = max(2, min(10, fewest))
    return draw_folds(y, parts, groups, seed) < max(1, round(share * parts))


def held_out_rows(y: np.ndarray, share: float = 0.3, seed: int = 0) -> np.ndarray:
    """Return which rows are the test set, stratified by label and blind to patients, as Liu et al. 2024 split.

    A patient with vertebrae on both sides makes the test set look better than new patients would: see `on_both_sides`.
    """
    from sklearn.model_selection import train_test_split

    check_classes(np.asarray(y, dtype=bool), "The label", least=2)
    _, test = train_test_split(np.arange(len(y)), test_size=share, stratify=y, random_state=seed)
    return np.isin(np.arange(len(y)), test)


def on_both_sides(groups: np.ndarray, test: np.ndarray) -> int:
    """Return how many groups have rows both in the test set and outside it."""
    groups = np.asarray(groups)
    return len(set(groups[test].tolist()) & set(groups[~test].tolist()))


@contextmanager
def _silent() -> Iterator[None]:
    """Let scikit-learn keep its advice on rare classes: what matters is checked and refused above."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield
