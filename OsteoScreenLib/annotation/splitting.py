"""Who of a dataset is learned from and who is held out: by patient, stratified, and once and for all.

Where a patient belongs is written once, in a file of the patient's own (``splits/<patient>``), and never changed: what
was a test case stays one, however many cases are added, and two machines that split at once agree.
"""

import hashlib
from collections import Counter

from OsteoScreenLib.annotation.dataset import SPLITS, Case, Dataset, Split, read_split
from OsteoScreenLib.errors import InputError
from OsteoScreenLib.output import write_once

_BAND_HU = 50
_HIGHEST_HU = 250


def planned_splits(dataset: Dataset, validation: float = 0.15, test: float = 0.15) -> dict[str, Split]:
    """Return the split of every patient: those that are written, and for all others what `assign_splits` would write.

    Patients are taken in an order that depends on their pseudonyms alone. Each goes where the share of its stratum (sex
    and density: trabecular HU in steps of 50) and of the whole falls short most. Raises `InputError` for shares that
    leave nothing to learn from.
    """
    if min(validation, test) < 0 or validation + test >= 1:
        raise InputError(f"Shares of {validation:g} for validation and {test:g} for test leave nothing to learn from.")
    shares: dict[Split, float] = {"train": 1 - validation - test, "validation": validation, "test": test}
    strata = {patient: _stratum(cases) for patient, cases in dataset.patients.items()}
    known = {case.patient: case.split for case in dataset.cases}
    found: dict[str, Split] = {}
    there: Counter[tuple[object, str]] = Counter()

    def count(patient: str, split: Split) -> None:
        found[patient] = split
        for group in ("all", strata[patient]):
            there[group, split] += 1
            there[group, "sum"] += 1

    def lacking(patient: str, split: Split) -> float:
        return sum(
            shares[split] * (there[group, "sum"] + 1) - there[group, split] for group in ("all", strata[patient])
        )

    for patient, split in known.items():
        if split is not None:
            count(patient, split)
    waiting = [patient for patient, split in known.items() if split is None]
    for patient in sorted(waiting, key=lambda one: hashlib.sha256(one.encode()).digest()):
        count(patient, max(shares, key=lambda split: lacking(patient, split)))
    return dict(sorted(found.items()))


def assign_splits(dataset: Dataset, validation: float = 0.15, test: float = 0.15) -> dict[str, Split]:
    """Write a split for every patient that has none, and return all of them. Raises as `planned_splits`, `OutputError`.

    Where another process was faster, its word counts.
    """
    planned = planned_splits(dataset, validation, test)
    for patient, split in planned.items():
        write_once(dataset.folder / SPLITS / patient, f"{split}\n")
    return {patient: read_split(dataset.folder, patient) or split for patient, split in planned.items()}


def _stratum(cases: list[Case]) -> tuple[object, ...]:
    """Return sex and band of density of a patient, from the case that was added first."""
    first = min(cases, key=lambda case: (case.record.added, case.id))
    hu = first.current.record.trabecular_hu
    return first.record.sex, None if hu is None else int(min(max(hu, 0), _HIGHEST_HU) // _BAND_HU)
