"""A screened case as a folder: what its files are called, and how a result goes in and comes out again."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from OsteoScreenLib import RESEARCH_USE
from OsteoScreenLib.annotation.review import Review
from OsteoScreenLib.annotation.seg_nrrd import read_segmentation, write_segmentation
from OsteoScreenLib.annotation.segments import segments_of
from OsteoScreenLib.errors import InputError, LabelMapError, OutputError
from OsteoScreenLib.file_digest import file_sha256
from OsteoScreenLib.findings import Findings
from OsteoScreenLib.measurement.calibration import Calibration
from OsteoScreenLib.measurement.heights import SixPoints
from OsteoScreenLib.measurement.hounsfield import AnteriorRoi
from OsteoScreenLib.measurement.morphometry import Angles
from OsteoScreenLib.output import staged_folder
from OsteoScreenLib.result import Detection, ModelUse, Provenance, ScreeningResult, Segmentation, VertebraFinding
from OsteoScreenLib.volume import Acquisition, Volume, same_grid

if TYPE_CHECKING:
    import pandas as pd

SEGMENTATION = "segmentation.seg.nrrd"
PROPOSAL = "proposal.seg.nrrd"
"""What the masks were before a person corrected them; of a case that nobody has reviewed there is none."""
MEASUREMENTS = "measurements.csv"
FEATURES = "features.csv"
REPORT = "report.html"
SCENE = "scene.mrb"
RECORD = "result.json"
FILES: tuple[str, ...] = (SEGMENTATION, MEASUREMENTS, FEATURES, REPORT, SCENE, RECORD)
OWNED: tuple[str, ...] = (*FILES, PROPOSAL)
"""What a result may consist of: its files, and those that a review adds."""


class Record(BaseModel):
    """What ``result.json`` holds: everything of a result but its images and features.

    `files` has the SHA-256 of each other file of the folder, as it was written.
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="null")

    software: Literal["osteoscreen"] = "osteoscreen"
    format: Literal[1] = 1
    research_use: str = RESEARCH_USE
    provenance: Provenance
    acquisition: Acquisition | None
    engine: str
    device: str
    models: tuple[ModelUse, ...]
    notes: tuple[str, ...]
    findings: tuple[VertebraFinding, ...]
    review: Review = ()
    measurements: tuple[dict[str, str | float | None], ...]
    rois: dict[str, AnteriorRoi]
    doubts: Findings = ()
    quality: Findings = ()
    detection: Detection | None = None
    calibration: Calibration | None = None
    six_points: dict[str, SixPoints] = {}
    angles: Angles | None = None
    files: dict[str, str]


def save_result(result: ScreeningResult, folder: Path) -> Record:
    """Write label map, tables and record into `folder`, and list there what else of `OWNED` lies in it already.

    Raises `OutputError` where the folder cannot be written.
    """
    segmentation = result.segmentation
    with staged_folder(folder) as staged:
        write_segmentation(segmentation.labels, staged / SEGMENTATION)
        if segmentation.proposal is not None and segments_of(segmentation.proposal.voxels):
            write_segmentation(segmentation.proposal, staged / PROPOSAL)
        result.measurements.to_csv(staged / MEASUREMENTS, index=False)
        result.features.to_csv(staged / FEATURES, index=False)
        found = {name: place / name for name in OWNED for place in (folder, staged) if (place / name).is_file()}
        record = Record(
            provenance=result.provenance,
            acquisition=result.volume.acquisition,
            engine=segmentation.engine,
            device=segmentation.device,
            models=segmentation.models,
            notes=segmentation.notes,
            findings=segmentation.findings,
            review=segmentation.review,
            measurements=tuple(result.measurements.to_dict("records")),
            rois=result.rois,
            doubts=segmentation.doubts,
            quality=result.quality,
            detection=result.detection,
            calibration=result.calibration,
            six_points=result.six_points,
            angles=result.angles,
            files={name: file_sha256(path) for name, path in found.items() if name != RECORD},
        )
        (staged / RECORD).write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return record


def load_record(folder: Path) -> Record:
    """Read ``result.json``; raises `InputError` where the folder holds no result of this version."""
    path = folder / RECORD
    try:
        return Record.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(
            f"{folder} holds no OsteoScreen result: {RECORD} cannot be read ({error.strerror})."
        ) from error
    except ValidationError as error:
        raise InputError(f"{path} is not a result of this version of OsteoScreen; screen the CT again.") from error


def load_result(folder: Path, volume: Volume) -> ScreeningResult:
    """Read a result that `save_result` wrote, on the CT that it was made from.

    Raises `InputError` where there is none, `LabelMapError` where its label map does not lie on the CT's grid.
    """
    record = load_record(folder)
    labels = read_segmentation(folder / SEGMENTATION)
    if not same_grid(volume, labels):
        raise LabelMapError(f"The result in {folder} was made from another CT: its label map is on another grid.")
    return ScreeningResult(
        volume=volume,
        segmentation=Segmentation(
            labels=replace(volume, voxels=labels.voxels, acquisition=None, name=labels.name),
            findings=record.findings,
            engine=record.engine,
            device=record.device,
            models=record.models,
            notes=record.notes,
            doubts=record.doubts,
            review=record.review,
            proposal=_proposal(folder, volume),
        ),
        measurements=_table(folder / MEASUREMENTS),
        features=_table(folder / FEATURES),
        rois=record.rois,
        provenance=record.provenance,
        quality=record.quality,
        detection=record.detection,
        calibration=record.calibration,
        six_points=record.six_points,
        angles=record.angles,
    )


def _table(path: Path) -> "pd.DataFrame":
    import pandas as pd

    try:
        return pd.read_csv(path, float_precision="round_trip", dtype={"case": str})
    except (OSError, ValueError) as error:  # pandas' own errors are ValueErrors
        raise InputError(f"{path} is no table that can be read; screen the CT again.") from error


def _proposal(folder: Path, volume: Volume) -> Volume | None:
    if not (folder / PROPOSAL).is_file():
        return None
    proposal = read_segmentation(folder / PROPOSAL)
    if not same_grid(volume, proposal):
        raise LabelMapError(f"The {PROPOSAL} in {folder} is on another grid than the CT; screen the CT again.")
    return replace(volume, voxels=proposal.voxels, acquisition=None, name=PROPOSAL)


def copy_result(folder: Path, output: Path) -> None:
    """Copy a result's folder to `output`, whole or not at all, in place of a former result there.

    Raises `OutputError` where that cannot be, and where a file there was changed by hand.
    """
    refuse_foreign_files(output)
    with staged_folder(output, owned=OWNED) as staged:
        for file in folder.iterdir():
            shutil.copyfile(file, staged / file.name)


def refuse_foreign_files(folder: Path) -> None:
    """Raise `OutputError` if a file with one of our names is not as a former run left it there: manual work stays."""
    present = [name for name in OWNED if name != RECORD and (folder / name).exists()]
    try:
        written = load_record(folder).files if (folder / RECORD).exists() else {}
    except InputError as error:
        raise OutputError(
            f"{folder / RECORD} is not a result of this version; choose another output folder."
        ) from error
    for name in present:
        path = folder / name
        if not path.is_file() or file_sha256(path) != written.get(name):
            raise OutputError(
                f"{path} was changed, or not written by OsteoScreen, and is not replaced; choose another output folder."
            )
