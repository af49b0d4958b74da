"""A dataset of corrected cases: a folder that many people and machines add to, and how it is read.

``cases/<id>/`` holds one CT (``ct.nrrd``, ``case.json``) and, in ``masks/<id>/``, every mask that anybody ever made of
it (``labels.seg.nrrd``, ``mask.json``). Each such folder is written beside and renamed, and never changed again: that
is why no lock is needed, and why datasets are merged by copying one's cases into the other's. A case is named after
its voxels and a mask after its content, so that the same twice is there once. ``splits/<patient>`` says where a
patient belongs; ``doubts/`` keeps what a network thought of masks. ``index.csv`` is made from the folders and for
people; nothing reads it.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from OsteoScreenLib.annotation.review import ReviewRecord, Status, decided, without_rejected
from OsteoScreenLib.annotation.seg_nrrd import read_segmentation
from OsteoScreenLib.errors import InputError, LabelMapError, first_fault
from OsteoScreenLib.readers.files import read_image
from OsteoScreenLib.result import VertebraFinding
from OsteoScreenLib.volume import Acquisition, Volume, same_grid

CASES, MASKS, SPLITS, DOUBTS = "cases", "masks", "splits", "doubts"
MARK, SECRET, INDEX = "dataset.json", "secret", "index.csv"
CT, CASE = "ct.nrrd", "case.json"
LABELS, MASK = "labels.seg.nrrd", "mask.json"

Split = Literal["train", "validation", "test"]
Role = Literal["proposal", "reader", "adjudicated"]

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Id = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Uid = Annotated[str, Field(pattern=r"^2\.25\.[0-9]{1,39}$")]
Words = Annotated[str, Field(pattern=r"^[\w][\w .,:/+()-]{0,63}$")]
"""Short text of letters, digits and a few signs: what a scanner, a kernel or an engine is called."""


class Record(BaseModel):
    """What the records of cases and masks share."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    software: Literal["osteoscreen"] = "osteoscreen"
    format: Literal[1] = 1
    version: Words
    record_sha256: Sha256 | None = None

    @property
    def digest(self) -> str:
        """The SHA-256 of what the record says, by which a change of it is told."""
        said = self.model_dump_json(exclude_defaults=True, exclude={"record_sha256"})
        return hashlib.sha256(said.encode()).hexdigest()

    def text(self) -> str:
        """Return the record as the file's text, with its digest."""
        signed = self.model_copy(update={"record_sha256": self.digest})
        return signed.model_dump_json(indent=2, exclude_none=True) + "\n"


class CaseRecord(Record):
    """What ``case.json`` keeps of a CT, and all that it keeps: see `deidentified`.

    `shape` is (k, j, i); `study_date` is shifted, `age` a band such as ``60-69`` years; kV, mm.
    """

    id: Id
    patient: Annotated[str, Field(pattern=r"^p[0-9a-f]{12}$")]
    added: datetime
    ct_sha256: Sha256
    shape: tuple[int, int, int]
    ijk_to_ras: tuple[tuple[float, float, float, float], ...]
    study_uid: Uid | None = None
    series_uid: Uid | None = None
    study_date: date | None = None
    sex: Literal["F", "M", "O"] | None = None
    age: Annotated[str, Field(pattern=r"^([0-9]0-[0-9]9|90\+)$")] | None = None
    kvp: float | None = None
    slice_thickness: float | None = None
    kernel: Words | None = None
    contrast: Literal["given"] | None = None
    manufacturer: Words | None = None
    model: Words | None = None


class MaskRecord(Record):
    """What ``mask.json`` keeps of a mask: whose it is, what it was made from, and the review of its vertebrae.

    `made_from` are the ids of the masks that a correction or an adjudication started from. `findings` are the engine's,
    `detected` the overlap (intersection over union, 0 to 1) of a level's body with the box that a detector gave it.
    `trabecular_hu` is the mean over all its trabecular voxels.
    """

    id: Id
    role: Role
    reader: Words | None = None
    made: datetime
    made_from: tuple[Id, ...] = ()
    labels_sha256: Sha256
    engine: Words | None = None
    models: tuple[Words, ...] = ()
    review: tuple[ReviewRecord, ...] = ()
    findings: tuple[VertebraFinding, ...] = ()
    detected: dict[str, float] = {}
    trabecular_hu: float | None = None


Kind = TypeVar("Kind", bound=Record)


@dataclass(frozen=True)
class Mask:
    """One mask of a case."""

    folder: Path
    record: MaskRecord

    @property
    def id(self) -> str:
        """The name of its folder."""
        return self.record.id

    @property
    def reviewed(self) -> bool:
        """Whether a person stands behind it: a reader who made it, or decided about all of its vertebrae."""
        open_to_review = any(one.status in (Status.TO_REVIEW, Status.EDITED) for one in self.record.review)
        return decided(self.record.review) if self.record.role == "proposal" else not open_to_review


@dataclass(frozen=True)
class Case:
    """One CT of a dataset with its masks, the oldest first; `split` is None until its patient has been given one."""

    folder: Path
    record: CaseRecord
    masks: tuple[Mask, ...]
    split: Split | None = None

    @property
    def id(self) -> str:
        """The name of its folder: a digest of its voxels."""
        return self.record.id

    @property
    def patient(self) -> str:
        """Whose it is, as a pseudonym."""
        return self.record.patient

    @property
    def current(self) -> Mask:
        """The mask that counts: the newest adjudicated one, else the newest of a reader, else the newest proposal."""
        ranks: dict[Role, int] = {"proposal": 0, "reader": 1, "adjudicated": 2}
        return max(self.masks, key=lambda mask: (ranks[mask.record.role], mask.record.made, mask.id))

    @property
    def proposal(self) -> Mask | None:
        """The newest mask that an engine proposed, or None."""
        return next((mask for mask in reversed(self.masks) if mask.record.role == "proposal"), None)

    @property
    def reviewed(self) -> bool:
        """Whether its current mask may be learned from; else that is an engine's proposal, or waits for a decision."""
        return self.current.reviewed

    @property
    def readers(self) -> dict[str, Mask]:
        """The newest mask of each reader, by the reader's name."""
        return {mask.record.reader or "reader": mask for mask in self.masks if mask.record.role == "reader"}

    @property
    def grid(self) -> Volume:
        """The CT's grid without its voxels, which are all 0."""
        return Volume(np.broadcast_to(np.int16(0), self.record.shape), np.array(self.record.ijk_to_ras), name=self.id)

    def volume(self) -> Volume:
        """Read the CT (HU) with what is known of it. Raises `InputError` where the file is damaged or missing."""
        path, record = self.folder / CT, self.record
        if not path.is_file():
            raise InputError(f"{path} is missing; add the case again, or restore the file.")
        known = Acquisition(
            kvp=record.kvp,
            slice_thickness=record.slice_thickness,
            kernel=record.kernel,
            contrast_agent=record.contrast,
            manufacturer=record.manufacturer,
            model=record.model,
            patient_sex=record.sex,
        )
        return replace(read_image(path), acquisition=known, name=record.id)

    def labels(self, volume: Volume, mask: Mask | None = None) -> Volume:
        """Read a mask, `current` unless given, as a label map (uint16) on the CT's grid, without rejected levels.

        Raises `LabelMapError` where the file is damaged or missing, or lies on another grid.
        """
        mask = mask or self.current
        path = mask.folder / LABELS
        labels = read_segmentation(path)
        if not same_grid(volume, labels):
            raise LabelMapError(f"{path} does not lie on the grid of its CT; restore the file.")
        return replace(volume, voxels=without_rejected(mask.record.review, labels.voxels), acquisition=None)

    def read(self, mask: Mask | None = None) -> tuple[Volume, Volume]:
        """Read the CT and a mask of it, `current` unless given. Raises as `volume` and `labels`."""
        volume = self.volume()
        return volume, self.labels(volume, mask)


@dataclass(frozen=True)
class Dataset:
    """A folder of cases, by their ids."""

    folder: Path
    cases: tuple[Case, ...]

    @property
    def patients(self) -> dict[str, list[Case]]:
        """The cases of each patient."""
        found: dict[str, list[Case]] = {}
        for case in self.cases:
            found.setdefault(case.patient, []).append(case)
        return found


def open_dataset(folder: Path | str) -> Dataset:
    """Read what a dataset holds: every case that was added whole, from the folders themselves.

    Raises `InputError` where there is no dataset, or a record in it cannot be read.
    """
    folder = Path(folder)
    check_dataset(folder)
    return Dataset(folder, tuple(read_case(path) for path in finished(folder / CASES)))


def check_dataset(folder: Path) -> None:
    """Raise `InputError` unless there is a dataset of this version in a folder."""
    path = folder / MARK
    if not path.is_file():
        raise InputError(f"{folder} is no dataset of OsteoScreen; begin one with 'osteoscreen dataset add'.")
    if path.read_text(encoding="utf-8", errors="replace") != MARK_TEXT:
        raise InputError(f"{path} is damaged, or of another version of OsteoScreen; restore it from a copy.")


MARK_TEXT = '{"software": "osteoscreen", "dataset": 1}\n'
"""What `MARK` holds: that this is a dataset, and the version of its layout."""


def read_case(folder: Path) -> Case:
    """Read one case of a dataset. Raises `InputError` where its records are missing or damaged."""
    record = read_record(folder / CASE, CaseRecord)
    masks = [Mask(path, read_record(path / MASK, MaskRecord)) for path in finished(folder / MASKS)]
    if not masks:
        raise InputError(f"{folder} holds no mask; add the case again, or restore the folder.")
    masks.sort(key=lambda mask: (mask.record.made, mask.id))
    return Case(folder, record, tuple(masks), read_split(folder.parent.parent, record.patient))


def read_split(dataset: Path, patient: str) -> Split | None:
    """Return where a patient belongs, or None. Raises `InputError` where the file says something else."""
    path = dataset / SPLITS / patient
    if not path.is_file():
        return None
    said = path.read_text(encoding="utf-8", errors="replace").strip()
    if said not in ("train", "validation", "test"):
        raise InputError(f"{path} is damaged: it must say train, validation or test. Restore or remove it.")
    return said


def read_record(path: Path, kind: type[Kind]) -> Kind:
    """Read a record of a case or a mask. Raises `InputError` where it is missing or not as it was written."""
    try:
        record = kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}. Restore it, or add the case again.") from error
    except ValidationError as error:
        raise InputError(f"{path} is damaged: {first_fault(error)}. Restore it, or add the case again.") from error
    if record.record_sha256 != record.digest:
        raise InputError(f"{path} was changed since it was written; restore it, or add the case again.")
    return record


def finished(folder: Path) -> list[Path]:
    """Return the folders in a folder that were written to their end, in order; those begun have hidden names."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def case_id(volume: Volume) -> str:
    """Return the id of a CT: a digest of its voxels in the order R, A, S, whatever file and order they come in."""
    import SimpleITK as sitk

    voxels = sitk.GetArrayFromImage(sitk.DICOMOrient(volume.to_sitk(), "RAS"))
    with np.errstate(invalid="ignore"):
        whole = voxels.astype(np.int16)
    content = whole if np.array_equal(whole, voxels) else voxels.astype(np.float32)
    digest = hashlib.sha256(repr(content.shape).encode())
    digest.update(np.ascontiguousarray(content))
    return digest.hexdigest()[:16]
