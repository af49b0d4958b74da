import json
import re
import struct
import zipfile
import zlib
from datetime import date
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid

from OsteoScreenLib.annotation.checking import check
from OsteoScreenLib.annotation.dataset import open_dataset
from OsteoScreenLib.annotation.deidentified import Pseudonyms, age_band
from OsteoScreenLib.annotation.index import write_index
from OsteoScreenLib.annotation.phi import identifying, telling
from OsteoScreenLib.annotation.submission import sources, submit
from OsteoScreenLib.image_file import write_image, write_labels
from OsteoScreenLib.levels import SHELL, TRABECULAR, label
from OsteoScreenLib.readers import read_volume
from Testing.annotation.tiny_cases import tiny_case
from Testing.readers.conftest import Series

WHO = {
    "PatientName": "Familyname^Givenname", "PatientID": "MRN-990817", "PatientBirthDate": "19480229",
    "OtherPatientIDs": "INS-55512345", "PatientAddress": "12 Homestreet", "PatientTelephoneNumbers": "555 010 99",
    "PatientComments": "niece of Relative", "AccessionNumber": "ACC778812", "StudyID": "ST4411",
    "InstitutionName": "Hospital Nowhere", "InstitutionAddress": "1 Hospitalroad",
    "InstitutionalDepartmentName": "Radiology Nowhere", "StationName": "STATION77X", "DeviceSerialNumber": "SN60023",
    "ReferringPhysicianName": "Referring^Doctor", "PerformingPhysicianName": "Performing^Doctor",
    "OperatorsName": "Operating^N",
    "RequestingPhysician": "Requesting^D", "StudyDescription": "Abdomen of Givenname",
    "SeriesDescription": "thin Givenname",
    "ProtocolName": "Relative protocol", "ImageComments": "for Dr Referring", "AdmissionID": "ADM31337",
    "StudyDate": "20230517", "SeriesDate": "20230517", "AcquisitionDate": "20230518", "ContentDate": "20230518",
    "StudyTime": "081523", "AcquisitionDateTime": "20230518081523.12", "CountryOfResidence": "Nowhereland",
    "Occupation": "innkeeper", "EthnicGroup": "Nowherian", "MedicalRecordLocator": "REC-77123",
    "ConvolutionKernel": "B30f Givenname", "ManufacturerModelName": "Scanner 1", "Manufacturer": "Maker",
    "PatientAge": "075Y", "PatientSex": "F", "ContrastBolusAgent": "Iohexol for Givenname",
}  # fmt: skip
KEPT = {"Scanner 1", "Maker", "075Y", "F"}


def written(folder: Path, study: str, day: str, rng: int = 7) -> tuple[Path, Path]:
    """Write a CT full of identifying text as DICOM into `folder`, and a label map of it beside."""
    series = Series(folder)
    series.study_uid = study

    def tell(header: pydicom.Dataset, k: int) -> None:
        for keyword, value in WHO.items():
            setattr(header, keyword, value)
        header.StudyDate = header.SeriesDate = day
        other = pydicom.Dataset()
        other.PatientID, other.IssuerOfPatientID = "SECOND-88231", "Nowhereland"
        header.OtherPatientIDsSequence = Sequence([other])
        header.private_block(0x0029, "VENDOR", create=True).add_new(0x01, "LO", "Givenname at Nowhere")

    hu = np.random.default_rng(rng).integers(-1000, 300, (12, 32, 40)).astype(np.int16)
    series(hu, change=tell)
    volume = read_volume(folder)
    labels = np.zeros(hu.shape, np.uint16)
    labels[3:9, 8:24, 8:30] = label("L2", SHELL)
    labels[4:8, 10:22, 10:28] = label("L2", TRABECULAR)
    path = folder.parent / f"{folder.name} FAMILYNAME 1948-02-29.nii.gz"
    write_labels(volume.with_voxels(labels), path)
    return folder, path


@pytest.fixture
def of_one_patient(tmp_path: Path) -> Path:
    """Return a dataset with two studies of one patient, whose headers tell all about her."""
    for n, day in enumerate(("20230517", "20230727")):
        paths = written(tmp_path / f"Familyname^Givenname {n}", generate_uid(), day, n)
        (source,) = sources(paths)
        submit(source, tmp_path / "dataset", reader="R1")
    write_index(tmp_path / "dataset")
    return tmp_path / "dataset"


def content(path: Path) -> bytes:
    """Return a file's bytes with all compressed data in it inflated, in lower case."""
    raw = path.read_bytes()
    streams = [raw]
    for place in (match.start() for match in re.finditer(b"\x1f\x8b\x08", raw)):
        streams.append(zlib.decompressobj(wbits=31).decompress(raw[place:]))
    return b"".join(streams).lower()


def test_nothing_of_a_dicom_header_that_identifies_is_in_any_byte_of_the_dataset(of_one_patient: Path) -> None:
    told = {part for value in WHO.values() if value not in KEPT for part in re.split(r"[\^ ]", value) if len(part) > 4}
    told |= {"SECOND-88231", "Nowhereland", "20230727", "2023-05-17", "2023-07-27", "Familyname", "B30f", "Iohexol"}
    files = [path for path in of_one_patient.rglob("*") if path.is_file()]
    assert len(files) == 11
    for path in files:
        assert not [text for text in told if text.lower().encode() in content(path)], path
        assert not [text for text in told if text.lower() in path.as_posix().lower().removeprefix(str(of_one_patient))]
    found = check(of_one_patient)
    assert found.problems == ()
    assert (found.cases, found.files) == (2, 10)


def test_what_the_work_needs_is_kept_and_dates_keep_their_distance(of_one_patient: Path) -> None:
    one, other = sorted(
        (case.record for case in open_dataset(of_one_patient).cases), key=lambda record: record.study_date
    )
    assert one.patient == other.patient
    assert (one.sex, one.age, one.kvp, one.contrast, one.manufacturer) == ("F", "70-79", 120.0, "given", "Maker")
    assert one.kernel is None
    assert (other.study_date - one.study_date).days == (date(2023, 7, 27) - date(2023, 5, 17)).days
    assert 1 <= (date(2023, 5, 17) - one.study_date).days <= 3650
    assert one.study_uid != other.study_uid
    assert one.study_uid.startswith("2.25.")


def test_pseudonyms_depend_on_the_secret_and_ages_come_in_bands() -> None:
    mine, yours = Pseudonyms(b"a" * 32), Pseudonyms(b"b" * 32)
    assert mine.patient("MRN 1") == mine.patient(" MRN  1 ") != yours.patient("MRN 1")
    assert mine.uid("1.2.3") == mine.uid("1.2.3") != mine.uid("1.2.4")
    assert mine.shifted(date(2020, 1, 1), "p1") != yours.shifted(date(2020, 1, 1), "p1")
    bands = [age_band(age) for age in ("000D", "011M", "030M", "059Y", "060Y", "093Y", "", "60", None)]
    assert bands == ["00-09", "00-09", "00-09", "50-59", "60-69", "90+", None, None, None]


def test_what_is_left_in_a_file_is_found_whatever_kind_it_is(tmp_path: Path) -> None:
    volume, labels = tiny_case()
    clean = tmp_path / "0123456789abcdef_0000.nii.gz"
    write_image(volume, clean)
    assert identifying(clean) == []
    write_labels(labels, tmp_path / "labels.seg.nrrd")
    assert identifying(tmp_path / "labels.seg.nrrd") == []

    plain = tmp_path / "a.nii"
    write_image(volume, plain)
    raw = bytearray(plain.read_bytes())
    struct.pack_into("80s", raw, 148, b"Familyname D.")
    plain.write_bytes(raw)
    assert "descrip" in identifying(plain)[0]

    write_image(volume, tmp_path / "b.nrrd")
    head, rest = (tmp_path / "b.nrrd").read_bytes().split(b"\n", 1)
    (tmp_path / "b.nrrd").write_bytes(head + b"\nDICOM_0010_0010:=Familyname\n# of Givenname\n" + rest)
    assert len(identifying(tmp_path / "b.nrrd")) == 2

    texts = {"c.json": json.dumps({"PatientName": "x", "who": "1948-02-29"}), "d.tsv": "a\tb\n1\tFamilyname^D\n"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        assert identifying(tmp_path / name), name
    assert len(identifying(tmp_path / "c.json")) == 2
    with zipfile.ZipFile(tmp_path / "e.mrb", "w") as scene:
        scene.writestr("Scene/Data/19480229 CT.nrrd", b"x")
        scene.writestr("Scene/scene.mrml", '<Volume name="Familyname^Givenname"/>')
    said = " ".join(identifying(tmp_path / "e.mrb"))
    assert "name holds a date" in said
    assert "scene.mrml holds a name" in said
    (tmp_path / "1948-02-29.txt").write_text("harmless")
    assert len(identifying(tmp_path / "1948-02-29.txt")) == 1
    (tmp_path / "f.bin").write_bytes(bytes(range(256)))
    assert "cannot be looked through" in identifying(tmp_path / "f.bin")[0]
    path, _ = written(tmp_path / "ct", generate_uid(), "20230517")
    assert any("PatientName" in text for text in identifying(next(path.iterdir())))


@pytest.mark.parametrize(
    "text",
    [
        "p0123456789ab",
        "2.25.3295",
        "0.1.0",
        "refine 0.4.0 0123456789abcdef",
        "locate 0.1.0 (03d104485907)",
        "-81.7500001",
    ],
)
def test_digests_uids_and_numbers_of_ours_tell_nothing(text: str) -> None:
    assert telling(text) == []


@pytest.mark.parametrize(
    "text", ["Doe^J", "19480229", "031044859071", "1948-02-29", "MRN990817", "1.2.840.113619.2.55", "d@nowhere.org"]
)
def test_names_dates_numbers_uids_and_addresses_tell(text: str) -> None:
    assert telling(f"see {text}, please")
