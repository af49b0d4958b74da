"""How a CT was made, from its DICOM headers; never who the patient is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from OsteoScreenLib.volume import Acquisition

if TYPE_CHECKING:
    from pydicom import Dataset

_FACTS = {
    "kvp": "KVP",
    "slice_thickness": "SliceThickness",
    "kernel": "ConvolutionKernel",
    "contrast_agent": "ContrastBolusAgent",
    "manufacturer": "Manufacturer",
    "model": "ManufacturerModelName",
    "patient_sex": "PatientSex",
    "patient_age": "PatientAge",
    "study_date": "StudyDate",
    "series_description": "SeriesDescription",
}
_NUMBERS = ("kvp", "slice_thickness")
_FUNCTIONAL_GROUPS = {
    "KVP": "CTXRayDetailsSequence",
    "SliceThickness": "PixelMeasuresSequence",
    "ConvolutionKernel": "CTReconstructionSequence",
}

FACT_TAGS = (*_FACTS.values(), "ContrastBolusAgentSequence")
"""The header elements that this file reads, besides the functional groups of multi-frame images."""


def acquisition_from(headers: "Sequence[Dataset]", notes: tuple[str, ...] = ()) -> Acquisition:
    """Return the facts on which all of a series' headers agree; those on which they differ are None and noted."""
    facts: dict[str, float | str | None] = {}
    for fact, keyword in _FACTS.items():
        values = {_value(header, keyword) for header in headers}
        if len(values) > 1:
            notes += (f"{keyword} differs between the slices and counts as unknown.",)
        facts[fact] = values.pop() if len(values) == 1 else None
    for fact in _NUMBERS:
        facts[fact] = _number(facts[fact])
    return Acquisition(**facts, notes=notes)


def _value(header: "Dataset", keyword: str) -> str | None:
    from pydicom.multival import MultiValue

    try:
        value = header.get(keyword)
        if value in (None, "") and keyword in _FUNCTIONAL_GROUPS:
            value = _grouped(header, _FUNCTIONAL_GROUPS[keyword], keyword)
        if value in (None, "") and keyword == "ContrastBolusAgent":
            agents = header.get("ContrastBolusAgentSequence") or []
            value = [agent.get("CodeMeaning", "") for agent in agents]
    except (ValueError, TypeError):  # an element that breaks the standard is as good as missing
        return None
    if isinstance(value, list | MultiValue):
        value = "/".join(str(part).strip() for part in value)
    text = "" if value is None else " ".join(str(value).split())
    return text or None


def _grouped(header: "Dataset", sequence: str, keyword: str) -> object:
    for groups in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for group in (header.get(groups) or [])[:1]:
            for item in (group.get(sequence) or [])[:1]:
                return item.get(keyword)
    return None


def _number(text: float | str | None) -> float | None:
    try:
        number = float(text) if text is not None else 0.0
    except ValueError:
        return None
    return number if number > 0 else None
