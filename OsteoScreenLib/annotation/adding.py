"""Adding to a dataset: a CT that is new to it, and one more mask of a CT that it has."""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from OsteoScreenLib import __version__
from OsteoScreenLib.annotation import review as reviews
from OsteoScreenLib.annotation.dataset import (
    CASE,
    CASES,
    CT,
    LABELS,
    MARK,
    MARK_TEXT,
    MASK,
    MASKS,
    Case,
    CaseRecord,
    MaskRecord,
    Record,
    Role,
    case_id,
    check_dataset,
    read_case,
)  # fmt: skip
from OsteoScreenLib.annotation.deidentified import Identity, Pseudonyms, kept_facts, open_pseudonyms
from OsteoScreenLib.annotation.review import Review
from OsteoScreenLib.annotation.seg_nrrd import write_segmentation
from OsteoScreenLib.errors import InputError, LabelMapError, OutputError, first_fault
from OsteoScreenLib.file_digest import file_sha256
from OsteoScreenLib.image_file import write_image
from OsteoScreenLib.levels import TRABECULAR, in_our_coding
from OsteoScreenLib.output import new_folder, staged_file
from OsteoScreenLib.readers.labels import onto_grid
from OsteoScreenLib.result import VertebraFinding
from OsteoScreenLib.volume import Volume


@dataclass(frozen=True)
class NewMask:
    """A mask to be added: `labels` (uint16, our coding) on the CT's grid, and what is known of it (`MaskRecord`)."""

    labels: Volume
    role: Role = "reader"
    reader: str | None = None
    made_from: tuple[str, ...] = ()
    engine: str | None = None
    models: tuple[str, ...] = ()
    review: Review = ()
    findings: tuple[VertebraFinding, ...] = ()
    detected: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Added:
    """The case as it is now, whether its CT and the mask are new, and the mask's id."""

    case: Case
    new_case: bool
    new_mask: bool
    mask_id: str


def add_case(
    folder: Path | str,
    volume: Volume,
    mask: NewMask,
    *,
    proposal: NewMask | None = None,
    patient: str | None = None,
    identity: Identity | None = None,
) -> Added:
    """Add a CT (HU) and a mask of it to the dataset in `folder`, which is begun where there is none.

    What is known is not added again. `proposal` is the mask that `mask` was corrected from. `patient` says who it is
    where the DICOM header (`identity`) does not, or in its stead; where nobody says, each CT counts as a patient of its
    own. An adjudicated mask is made from those of all readers unless it says otherwise. Any number of processes may
    add at the same time. Raises `InputError` where the folder holds something else or has this CT as another
    patient's, `LabelMapError` for masks in another coding or off the grid, `OutputError`.
    """
    folder = Path(folder)
    begin_dataset(folder)
    masks = [one for one in (proposal, mask) if one is not None]
    if not all(in_our_coding(one.labels.voxels) for one in masks):
        raise LabelMapError(
            "A dataset takes masks in the coding 10 * vertebra + part (L1 shell = 201, trabecular = 202); "
            "segment with this label map as the engine to get them."
        )
    number = case_id(volume)
    pseudonyms = open_pseudonyms(folder)
    identity = identity or Identity()
    said = patient or identity.patient_id
    owner = pseudonyms.patient(f"image:{number}" if said is None else said)
    place = folder / CASES / number
    new_case = not place.is_dir()
    if new_case:
        with new_folder(place) as staged:
            _write_case(staged, number, owner, volume, identity, pseudonyms)
            _write_masks(staged / MASKS, volume, volume, masks)
    before = read_case(place)
    if said is not None and before.patient != owner:
        raise InputError(f"This CT is in the dataset as case {number} of another patient; give --patient as then.")
    if mask.role == "adjudicated" and not mask.made_from:
        settled = tuple(sorted(known.id for known in before.readers.values()))
        masks[-1] = replace(mask, made_from=settled)
    ids = _write_masks(place / MASKS, before.grid, volume, masks)
    new_mask = new_case or ids[-1] not in {known.id for known in before.masks}
    return Added(read_case(place), new_case, new_mask, ids[-1])


def begin_dataset(folder: Path) -> None:
    """Make `folder` a dataset, empty at first. Raises `InputError` where it holds something else, `OutputError`."""
    if not (folder / MARK).is_file():
        try:
            strangers = [path for path in folder.iterdir() if not path.name.startswith(".")] if folder.exists() else []
        except OSError as error:
            raise OutputError(f"{folder} cannot hold a dataset: {error.strerror or error}.") from error
        if any(path.name != CASES for path in strangers):
            raise InputError(f"{folder} holds other files and is no dataset; give a new or empty folder.")
        with staged_file(folder / MARK) as staged:
            staged.write_text(MARK_TEXT, encoding="utf-8")
    check_dataset(folder)
    try:
        (folder / CASES).mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"Cannot write to {folder}: {error.strerror or error}. Choose another place.") from error


def _write_case(
    staged: Path, number: str, owner: str, volume: Volume, identity: Identity, pseudonyms: Pseudonyms
) -> None:
    plain = replace(volume, voxels=_plain(volume.voxels), acquisition=None, name=number)
    write_image(plain, staged / CT)
    record = {
        "version": __version__,
        "id": number,
        "patient": owner,
        "added": datetime.now(UTC),
        "ct_sha256": file_sha256(staged / CT),
        "shape": volume.voxels.shape,
        "ijk_to_ras": volume.ijk_to_ras.tolist(),
        **kept_facts(volume.acquisition, owner, identity, pseudonyms),
    }
    _write_record(staged / CASE, CaseRecord, record)


def _write_masks(folder: Path, grid: Volume, volume: Volume, masks: list[NewMask]) -> list[str]:
    """Write into `folder` the masks that are not there yet, the later made from the one before; return their ids.

    `grid` is the CT's as the dataset has it, `volume` the CT as it is given now, which may be turned.
    """
    ids: list[str] = []
    for mask in masks:
        labels = replace(grid, voxels=onto_grid(mask.labels, grid, "The label map"), acquisition=None, name="mask")
        number = _id(mask, labels.voxels)
        if not (folder / number).is_dir():
            with new_folder(folder / number) as staged:
                write_segmentation(labels, staged / LABELS)
                inside = volume.voxels[onto_grid(mask.labels, volume, "The label map") % 10 == TRABECULAR]
                mean_hu = round(float(inside.mean()), 1) if inside.size else None
                record = {
                    "version": __version__,
                    "id": number,
                    "role": mask.role,
                    "reader": mask.reader,
                    "made": datetime.now(UTC),
                    "made_from": mask.made_from or tuple(ids),
                    "labels_sha256": file_sha256(staged / LABELS),
                    "engine": mask.engine,
                    "models": mask.models,
                    "review": mask.review,
                    "findings": mask.findings,
                    "detected": dict(mask.detected),
                    "trabecular_hu": mean_hu,
                }
                _write_record(staged / MASK, MaskRecord, record)
        ids.append(number)
    return ids


def _write_record(path: Path, kind: type[Record], facts: dict[str, Any]) -> None:
    try:
        record = kind(**facts)
    except ValidationError as error:
        raise InputError(f"This cannot be kept in a dataset: {first_fault(error)}.") from error
    path.write_text(record.text(), encoding="utf-8")


def _id(mask: NewMask, voxels: np.ndarray) -> str:
    """Return the id of a mask on its CT's grid: a digest of its voxels, of whose it is and of what was decided."""
    said = repr((mask.role, mask.reader, reviews.to_json(mask.review))).encode()
    return hashlib.sha256(said + np.ascontiguousarray(voxels).tobytes()).hexdigest()[:16]


def _plain(voxels: np.ndarray) -> np.ndarray:
    """Return HU as int16 or float32, which every reader of images knows."""
    return voxels if voxels.dtype in (np.int16, np.float32) else voxels.astype(np.float32)
