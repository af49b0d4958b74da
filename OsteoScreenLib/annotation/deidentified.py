"""De-identification: what a dataset may keep of a CT, and the pseudonyms, dates and UIDs it gives in place of others.

What is kept is a list of what is allowed, not of what is forbidden: how the CT was made, sex, age in tens of years.
Names, numbers, free text, times, UIDs, and what the files were called are not kept. Pseudonyms, shifts of dates and
new UIDs are keyed hashes (HMAC-SHA256) with the secret of the dataset: the same patient gets the same ones whenever and
by whomever a case is added, and without the secret nobody can compute them. In the spirit of DICOM PS3.15 annex E,
basic profile with the options to retain patient characteristics and longitudinal dates, modified.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from OsteoScreenLib.annotation.dataset import SECRET, Words
from OsteoScreenLib.errors import InputError
from OsteoScreenLib.output import write_once
from OsteoScreenLib.volume import Acquisition

if TYPE_CHECKING:
    from pydicom import DataElement, Dataset

IDENTIFYING = frozenset((
    "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientBirthTime", "PatientBirthName",
    "OtherPatientIDs", "OtherPatientNames", "PatientAddress", "PatientTelephoneNumbers", "PatientMotherBirthName",
    "PatientComments", "AdditionalPatientHistory", "MedicalRecordLocator", "MilitaryRank", "EthnicGroup", "Occupation",
    "CountryOfResidence", "RegionOfResidence", "PatientReligiousPreference", "PatientInsurancePlanCodeSequence",
    "AccessionNumber", "StudyID", "StudyDescription", "SeriesDescription", "ProtocolName", "ImageComments",
    "InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName", "StationName", "DeviceSerialNumber",
    "ReferringPhysicianName", "ReferringPhysicianAddress", "ReferringPhysicianTelephoneNumbers",
    "PerformingPhysicianName", "NameOfPhysiciansReadingStudy", "OperatorsName", "PhysiciansOfRecord",
    "RequestingPhysician", "RequestingService", "RequestedProcedureDescription", "RequestedProcedureID",
    "PerformedProcedureStepDescription", "PerformedProcedureStepID", "AdmissionID", "CurrentPatientLocation",
    "StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate", "InstanceCreationDate", "AcquisitionDateTime",
    "StudyTime", "SeriesTime", "AcquisitionTime", "ContentTime", "PerformedProcedureStepStartDate",
    "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID",
))  # fmt: skip
"""Header elements that tell who a patient is, or from which others could find out (DICOM PS3.15, table E.1-1)."""

_OF_THE_IMAGE = frozenset((
    "StudyDescription", "SeriesDescription", "ProtocolName", "ImageComments", "RequestedProcedureDescription",
    "PerformedProcedureStepDescription", "StudyID", "PerformedProcedureStepID", "RequestedProcedureID",
))  # fmt: skip
"""Of these, the ones that name kernel and scanner as well: they are not kept, but their words may stand elsewhere."""

_MAX_SHIFT_DAYS = 3650
_WORDS = TypeAdapter(Words)


@dataclass(frozen=True)
class Identity:
    """Who a CT is of, as its DICOM header says; for the time of adding alone, and never written.

    `texts` are all texts in the header that could identify, in lower case.
    """

    patient_id: str | None = None
    study_uid: str | None = None
    series_uid: str | None = None
    texts: frozenset[str] = frozenset()


def identity_of(header: "Dataset") -> Identity:
    """Return who a DICOM header says it is of."""
    issuer, number = (_text(header.get(name)) for name in ("IssuerOfPatientID", "PatientID"))
    return Identity(
        patient_id=f"{issuer}/{number}" if issuer and number else number or None,
        study_uid=_text(header.get("StudyInstanceUID")) or None,
        series_uid=_text(header.get("SeriesInstanceUID")) or None,
        texts=frozenset(text for element in _identifying(header) for text in _parts(element)),
    )


@dataclass(frozen=True)
class Pseudonyms:
    """What stands for patients, UIDs and dates in the dataset with this secret."""

    secret: bytes

    def patient(self, said: str) -> str:
        """Return a patient's pseudonym: ``p`` and 12 hex digits."""
        return f"p{self._keyed('patient', ' '.join(said.split())).hex()[:12]}"

    def uid(self, uid: str) -> str:
        """Return what stands for a UID: one below 2.25, DICOM's root for numbers from nowhere."""
        return f"2.25.{int.from_bytes(self._keyed('uid', uid)[:16], 'big')}"

    def shifted(self, day: date, patient: str) -> date:
        """Return a day, 1 to 3650 days earlier: the same number for all days of a patient (pseudonym)."""
        days = 1 + int.from_bytes(self._keyed("date", patient)[:8], "big") % _MAX_SHIFT_DAYS
        return day - timedelta(days=days)

    def _keyed(self, kind: str, text: str) -> bytes:
        return hmac.new(self.secret, f"{kind}:{text}".encode(), hashlib.sha256).digest()


def open_pseudonyms(folder: Path) -> Pseudonyms:
    """Return the pseudonyms of the dataset in a folder, whose secret is drawn when it is first needed.

    Raises `InputError` where the secret is damaged or may not be read, `OutputError` where it cannot be written.
    """
    path = folder / SECRET
    if not path.exists():
        write_once(path, secrets.token_hex(32) + "\n", mode=0o640)
    try:
        text = path.read_text(encoding="ascii", errors="replace").strip()
    except OSError as error:
        raise InputError(f"The dataset's secret {path} cannot be read: {error.strerror or error}.") from error
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise InputError(f"{path} is damaged: it must hold 64 hex digits. Restore it from a copy of the dataset.")
    return Pseudonyms(bytes.fromhex(text))


def kept_facts(
    acquisition: Acquisition | None, patient: str, identity: Identity, pseudonyms: Pseudonyms
) -> dict[str, Any]:
    """Return what a `CaseRecord` keeps of a CT besides its voxels; `patient` is the pseudonym.

    Text in which one of the identifying texts of the header occurs is dropped, wherever it stands.
    """
    known = acquisition or Acquisition()
    day = _day(known.study_date)
    return {
        "study_uid": pseudonyms.uid(identity.study_uid) if identity.study_uid else None,
        "series_uid": pseudonyms.uid(identity.series_uid) if identity.series_uid else None,
        "study_date": pseudonyms.shifted(day, patient) if day else None,
        "sex": known.patient_sex if known.patient_sex in ("F", "M", "O") else None,
        "age": age_band(known.patient_age),
        "kvp": known.kvp,
        "slice_thickness": known.slice_thickness,
        "kernel": _harmless(known.kernel, identity),
        "contrast": "given" if known.contrast_agent else None,
        "manufacturer": _harmless(known.manufacturer, identity),
        "model": _harmless(known.model, identity),
    }


def age_band(age: str | None) -> str | None:
    """Return the ten years that an age in DICOM's form (``067Y``) lies in; all from 90 on are one band."""
    found = re.fullmatch(r"([0-9]{3})([DWMY])", age or "")
    if not found:
        return None
    years = int(found[1]) if found[2] == "Y" else 0 if found[2] in "DW" else int(found[1]) // 12
    return "90+" if years >= 90 else f"{years // 10}0-{years // 10}9"


def _identifying(header: "Dataset") -> "Iterator[DataElement]":
    for element in header.iterall():
        if element.VR == "PN" or element.keyword in IDENTIFYING - _OF_THE_IMAGE:
            yield element


def _parts(element: "DataElement") -> Iterator[str]:
    """Yield the texts of an element, and of a name its parts, in lower case; none shorter than three characters."""
    for value in element.value if element.VM > 1 else [element.value]:
        whole = str(value).strip().lower()
        yield from (part for part in {whole, *re.split(r"[\^=\s]+", whole)} if len(part) >= 3)


def _harmless(text: str | None, identity: Identity) -> str | None:
    """Return a text if it is short and plain, and nothing that identifies occurs in it; else None."""
    try:
        plain = None if text is None else _WORDS.validate_python(text)
    except ValidationError:
        return None
    return None if plain is None or any(part in plain.lower() for part in identity.texts) else plain


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text and re.fullmatch("[0-9]{8}", text) else None
    except ValueError:
        return None


def _text(value: object) -> str:
    return "" if value is None else " ".join(str(value).split())
