"""BIDS: one folder per subject and session, a JSON beside each image, the masks as a derivative dataset.

Names follow the Brain Imaging Data Structure 1.10. CT is not in it yet; ``ct/`` and ``_ct`` are those of its extension
proposal 24, and ``.bidsignore`` tells the validator so. A session is a CT, named by the case's id.
"""

import csv
import json
from collections.abc import Mapping
from pathlib import Path

from OsteoScreenLib import __version__
from OsteoScreenLib.annotation.dataset import Case, Dataset
from OsteoScreenLib.annotation.exports.cases import Exported, export_folder, read_each, reviewed, write_nifti
from OsteoScreenLib.levels import LEVELS, PARTS, label
from OsteoScreenLib.progress import IsCancelled, Progress, never, silent

BIDS_VERSION = "1.10.0"
PIPELINE = "osteoscreen"


def to_bids(dataset: Dataset, output: Path, progress: Progress = silent, cancelled: IsCancelled = never) -> Exported:
    """Write the reviewed cases as a BIDS dataset into a new folder; masks keep our coding, which a table explains.

    Raises `OutputError` where `output` is there, `InputError` as `cases.reviewed`.
    """
    cases = reviewed(dataset)
    with export_folder(output) as staged:
        masks = staged / "derivatives" / PIPELINE
        for case, volume, labels in read_each(cases, progress, cancelled):
            place = Path(f"sub-{case.patient}", f"ses-{case.id}", "ct")
            name = f"sub-{case.patient}_ses-{case.id}"
            write_nifti(volume, staged / place / f"{name}_ct.nii.gz")
            _write_json(staged / place / f"{name}_ct.json", _acquisition(case))
            write_nifti(labels, masks / place / f"{name}_desc-vertebrae_dseg.nii.gz")
            _write_json(masks / place / f"{name}_desc-vertebrae_dseg.json", _mask(case, place / f"{name}_ct.nii.gz"))
        _write_table(masks / "desc-vertebrae_dseg.tsv", _lookup())
        made_by = [{"Name": "OsteoScreen", "Version": __version__}]
        about = {"Name": "OsteoScreen cases", "BIDSVersion": BIDS_VERSION}
        _write_json(staged / "dataset_description.json", {**about, "DatasetType": "raw", "GeneratedBy": made_by})
        of_masks = {**about, "Name": "OsteoScreen masks", "DatasetType": "derivative", "GeneratedBy": made_by}
        _write_json(masks / "dataset_description.json", of_masks)
        _write_table(staged / "participants.tsv", _participants(cases))
        _write_json(staged / "participants.json", _PARTICIPANT_COLUMNS)
        (staged / ".bidsignore").write_text("**/ct/\n*_ct.*\n", encoding="utf-8")
        (staged / "README").write_text(_README, encoding="utf-8")
    return Exported(output, len(cases), len(dataset.cases) - len(cases))


_README = """CT of the spine, de-identified, with masks of vertebral bodies in derivatives/osteoscreen.
Subjects are pseudonyms; dates are shifted. Research use only.
"""

_PARTICIPANT_COLUMNS = {
    "sex": {"Description": "Sex", "Levels": {"F": "female", "M": "male", "O": "other"}},
    "age_band": {"Description": "Age at the first CT, in ten years; 90+ holds all who are older", "Units": "year"},
    "split": {"Description": "What the subject's cases are for", "Levels": {
        "train": "learning", "validation": "choosing settings", "test": "testing"}},
}  # fmt: skip


def _acquisition(case: Case) -> dict[str, object]:
    record = case.record
    known = {
        "Modality": "CT",
        "Manufacturer": record.manufacturer,
        "ManufacturersModelName": record.model,
        "ConvolutionKernel": record.kernel,
        "KVP": record.kvp,
        "SliceThickness": record.slice_thickness,
        "ContrastAgentGiven": True if record.contrast else None,
    }
    return {key: value for key, value in known.items() if value is not None}


def _mask(case: Case, ct: Path) -> dict[str, object]:
    mask = case.current.record
    return {
        "Sources": [f"bids::{ct.as_posix()}"],
        "SpatialReference": "orig",
        "Manual": mask.role != "proposal",
        "Resolution": "as the CT",
        "Description": "10 * vertebra + part; see desc-vertebrae_dseg.tsv",
        "Role": mask.role,
    }


def _lookup() -> list[dict[str, object]]:
    rows = []
    for level in LEVELS:
        for part, name in PARTS.items():
            color = "#" + "".join(f"{round(255 * channel):02x}" for channel in level.color)
            row = {"index": label(level.name, part), "name": f"{level.name} {name}", "abbreviation": level.name}
            rows.append({**row, "color": color})
    return rows


def _participants(cases: list[Case]) -> list[dict[str, object]]:
    first: dict[str, Case] = {}
    for case in sorted(cases, key=lambda case: (case.record.study_date is None, case.record.study_date or 0, case.id)):
        first.setdefault(case.patient, case)
    return [
        {
            "participant_id": f"sub-{patient}",
            "sex": case.record.sex or "n/a",
            "age_band": case.record.age or "n/a",
            "split": case.split or "n/a",
        }
        for patient, case in sorted(first.items())
    ]


def _write_table(path: Path, rows: list[dict[str, object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]), delimiter="\t", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def _write_json(path: Path, values: Mapping[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
