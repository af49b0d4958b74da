"""Is a dataset what it says it is? Damage, geometry, copies, patients in two splits, and whose it still tells."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np

from OsteoScreenLib.annotation.dataset import (
    CASE,
    CASES,
    CT,
    DOUBTS,
    INDEX,
    LABELS,
    MARK,
    MASK,
    MASKS,
    SECRET,
    SPLITS,
    Case,
    Dataset,
    case_id,
    check_dataset,
    finished,
    read_case,
)  # fmt: skip
from OsteoScreenLib.annotation.index import as_text, read_index, rows
from OsteoScreenLib.annotation.phi import identifying
from OsteoScreenLib.errors import OsteoScreenError
from OsteoScreenLib.file_digest import file_sha256
from OsteoScreenLib.progress import IsCancelled, Progress, never, silent, stop_if
from OsteoScreenLib.volume import Volume, same_grid

ALIKE = 0.9995
"""From which correlation of their coarse pictures on two CTs are taken for one patient's."""

_COARSE = 24


@dataclass(frozen=True)
class Problem:
    """What is wrong, and with what: a case, a file of it, or the dataset."""

    kind: Literal["damage", "stranger", "geometry", "duplicate", "split", "identity", "index", "leftover"]
    place: str
    text: str


@dataclass(frozen=True)
class Checked:
    """What a check found; `cases` were looked at, `files` looked through for what could identify."""

    problems: tuple[Problem, ...]
    cases: int
    files: int


def check(folder: Path, progress: Progress = silent, cancelled: IsCancelled = never) -> Checked:
    """Look at every file of a dataset. Raises `InputError` where there is none."""
    check_dataset(folder)
    problems: list[Problem] = []
    whole: list[tuple[Case, np.ndarray]] = []
    places = finished(folder / CASES)
    for number, place in enumerate(places):
        stop_if(cancelled)
        progress(number / max(1, len(places)), f"Checking {place.name}")
        try:
            case = read_case(place)
            problems += _strangers(case)
            volume = case.volume()
        except OsteoScreenError as error:
            problems.append(Problem("damage", place.name, str(error)))
            continue
        found = list(_wrong_with(case, volume))
        problems += found
        if not any(one.kind in ("damage", "geometry") for one in found):
            whole.append((case, _coarse(volume)))
    problems += _copies(whole)
    if not any(one.kind == "damage" for one in problems):
        problems += _index(folder, tuple(case for case, _ in whole))
    problems += _strangers_beside(folder)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path != folder / SECRET]
    problems += [
        Problem("identity", str(path.relative_to(folder)), text) for path in files for text in identifying(path)
    ]
    progress(1.0, "Checked")
    return Checked(tuple(problems), len(places), len(files))


def _wrong_with(case: Case, volume: Volume) -> Iterator[Problem]:
    """Yield what is wrong with the files of a case whose records can be read."""
    ct = f"{case.id}/{CT}"
    if case.folder.name != case.id:
        yield Problem("damage", case.folder.name, f"is the folder of case {case.id}; rename it so")
    if file_sha256(case.folder / CT) != case.record.ct_sha256:
        yield Problem("damage", ct, "is not the file that was added (SHA-256 differs); restore it")
    if not same_grid(volume, case.grid, 1e-3):
        yield Problem("geometry", ct, "lies on another grid than its record says; restore it")
    elif case_id(volume) != case.id:
        yield Problem("damage", ct, "holds other voxels than those the case is named after; restore it")
    for mask in case.masks:
        labels = f"{case.id}/{MASKS}/{mask.folder.name}/{LABELS}"
        if mask.folder.name != mask.id:
            yield Problem("damage", labels, f"is in the folder of another mask than its record's, {mask.id}; rename it")
        try:
            if file_sha256(mask.folder / LABELS) != mask.record.labels_sha256:
                yield Problem("damage", labels, "is not the file that was added (SHA-256 differs); restore it")
            case.labels(case.grid, mask)
        except FileNotFoundError:
            yield Problem("damage", labels, "is missing; restore it")
        except OsteoScreenError as error:
            yield Problem("geometry" if "grid" in str(error) else "damage", labels, str(error))
        unknown = set(mask.record.made_from) - {one.id for one in case.masks}
        if unknown:
            yield Problem("damage", labels, f"was made from a mask that is missing ({', '.join(sorted(unknown))})")


def _copies(whole: list[tuple[Case, np.ndarray]]) -> Iterator[Problem]:
    """Yield pairs of cases that show one patient and go by two names, which a split may part."""
    for (one, picture), (other, other_picture) in combinations(whole, 2):
        likeness = float(picture @ other_picture)
        same_study = one.record.study_uid is not None and one.record.study_uid == other.record.study_uid
        if one.patient == other.patient or not (likeness >= ALIKE or same_study):
            continue
        why = "are of one study" if same_study else f"look alike (correlation {likeness:.4f})"
        apart = one.split is not None and other.split is not None and one.split != other.split
        where = f", and are in {one.split} and {other.split}" if apart else ""
        yield Problem("split" if apart else "duplicate", f"{one.id} {other.id}", f"{why} but go as two patients{where}")


def _coarse(volume: Volume) -> np.ndarray:
    """Return a CT's coarse picture, flat, with a mean of 0 and a length of 1, whatever its voxels and their order."""
    import SimpleITK as sitk

    image = sitk.DICOMOrient(sitk.Cast(volume.to_sitk(), sitk.sitkFloat32), "RAS")
    voxels = np.clip(sitk.GetArrayFromImage(image), -1000, 1000)
    for axis in range(3):
        edges = np.linspace(0, voxels.shape[axis], min(_COARSE, voxels.shape[axis]) + 1).astype(int)
        sums = np.add.reduceat(voxels, edges[:-1], axis)
        counts = np.diff(edges).reshape([-1 if n == axis else 1 for n in range(3)])
        repeats = -(-_COARSE // sums.shape[axis])
        voxels = np.repeat(sums / counts, repeats, axis).take(range(_COARSE), axis)
    flat = (voxels - voxels.mean()).ravel()
    return flat / max(float(np.linalg.norm(flat)), 1e-6)


def _index(folder: Path, cases: tuple[Case, ...]) -> Iterator[Problem]:
    expected = [as_text(row) for row in rows(Dataset(folder, cases))]
    if read_index(folder) != expected:
        yield Problem("index", INDEX, "is missing or behind the folders; run 'osteoscreen dataset rebuild'")


def _strangers(case: Case) -> Iterator[Problem]:
    """Yield files in a case's folder that no one of ours has put there."""
    allowed = {CT, CASE, *(f"{MASKS}/{mask.folder.name}/{name}" for mask in case.masks for name in (LABELS, MASK))}
    for path in sorted(case.folder.rglob("*")):
        name = path.relative_to(case.folder).as_posix()
        if path.is_file() and name not in allowed and "/." not in f"/{name}":
            yield Problem("stranger", f"{case.id}/{name}", "is not of the dataset; take it away")


def _strangers_beside(folder: Path) -> Iterator[Problem]:
    for path in sorted(folder.iterdir()):
        if path.name not in (CASES, SPLITS, DOUBTS, MARK, SECRET, INDEX) and not path.name.startswith("."):
            yield Problem("stranger", path.name, "is not of the dataset; take it away")
    for path in sorted(folder.rglob(".*")):
        yield Problem(
            "leftover", str(path.relative_to(folder)), "is half written; remove it unless someone is adding just now"
        )
