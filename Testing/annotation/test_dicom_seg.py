"""DICOM SEG and structured report: on the slices of the source, read back by others, and without fault to dciodvfy."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes

from OsteoScreenLib.annotation.dicom_codes import term_of
from OsteoScreenLib.annotation.dicom_seg import read_dicom_seg, to_dicom_seg
from OsteoScreenLib.annotation.dicom_source import source_of
from OsteoScreenLib.annotation.dicom_sr import RadScores, to_dicom_sr
from OsteoScreenLib.errors import InputError, LabelMapError
from OsteoScreenLib.levels import LEVELS, SHELL, TRABECULAR, label
from OsteoScreenLib.measurement.hounsfield import measure
from OsteoScreenLib.readers import read_volume
from OsteoScreenLib.result import ModelUse
from OsteoScreenLib.volume import Volume
from Testing.readers.conftest import Series

MODEL = ModelUse("refine", "0.1.0", "ab" * 32, "Synthetic CT only")
OBLIQUE = ((0.96, 0.0, -0.28), (0.0, 1.0, 0.0))
REVERSED = ((1.0, 0.0, 0.0), (0.0, -1.0, 0.0))


def in_a_frame(header: pydicom.Dataset, k: int = 0) -> None:
    """Make a fixture's header one that other objects may refer to, and that is itself without fault."""
    header.FrameOfReferenceUID = f"{header.StudyInstanceUID[:-4]}.9"
    header.PatientBirthDate, header.StudyTime, header.StudyID, header.AccessionNumber = "", "", "", ""
    header.ReferringPhysicianName = ""


def bodies(volume: Volume) -> Volume:
    """Return two bodies in a corner of a volume, so that a flip or a shift of any axis would show."""
    labels = np.zeros(volume.voxels.shape, np.uint16)
    for k, level in ((1, "L2"), (5, "L1")):
        labels[k : k + 4, 4:20, 6:30] = label(level, SHELL)
        labels[k + 1 : k + 3, 6:18, 9 + k : 27] = label(level, TRABECULAR)
    return volume.with_voxels(labels)


def written(folder: Path, labels: Volume, output: Path) -> pydicom.Dataset:
    to_dicom_seg(labels, source_of(folder, None, labels), 9001, (MODEL,)).save_as(output)
    return pydicom.dcmread(output)


def at(header: pydicom.Dataset) -> tuple[float, ...]:
    return tuple(round(float(mm), 6) for mm in header.ImagePositionPatient)


def frames_by_position(seg: pydicom.Dataset, name: str) -> dict[tuple[float, ...], np.ndarray]:
    """Return the frames of a segment by the place of their first voxel, read without any of our code."""
    numbers = {item.SegmentLabel: item.SegmentNumber for item in seg.SegmentSequence}
    return {
        at(group.PlanePositionSequence[0]): frame
        for frame, group in zip(seg.pixel_array, seg.PerFrameFunctionalGroupsSequence, strict=True)
        if group.SegmentIdentificationSequence[0].ReferencedSegmentNumber == numbers[name]
    }


@pytest.fixture
def series(tmp_path: Path) -> Series:
    return Series(tmp_path / "ct")


@pytest.mark.parametrize(
    ("orientation", "step"),
    [(((1, 0, 0), (0, 1, 0)), None), (OBLIQUE, None), (REVERSED, None), (((1, 0, 0), (0, 1, 0)), (0.0, 0.0, -3.0))],
    ids=["axial", "oblique", "rows upward", "from head to foot"],
)
def test_every_voxel_comes_back_whatever_the_slices_direction(
    series: Series, tmp_path: Path, orientation: tuple, step: tuple | None
) -> None:
    series(orientation=orientation, step=step, change=in_a_frame)
    labels = bodies(read_volume(tmp_path / "ct"))
    written(tmp_path / "ct", labels, tmp_path / "seg.dcm")
    assert np.array_equal(read_dicom_seg(tmp_path / "seg.dcm", labels).voxels, labels.voxels)


@pytest.mark.parametrize("order", [None, [11, 3, 0, 7, 1, 2, 10, 9, 8, 4, 6, 5]], ids=["in order", "shuffled"])
def test_a_multi_frame_source_is_referred_to_frame_by_frame(
    series: Series, tmp_path: Path, order: list[int] | None
) -> None:
    series.enhanced(order=order)
    path = tmp_path / "ct" / "enhanced.dcm"
    header = pydicom.dcmread(path)
    in_a_frame(header)
    header.save_as(path)
    labels = bodies(read_volume(tmp_path / "ct"))
    seg = written(tmp_path / "ct", labels, tmp_path / "seg.dcm")
    assert np.array_equal(read_dicom_seg(tmp_path / "seg.dcm", labels).voxels, labels.voxels)
    for own in seg.PerFrameFunctionalGroupsSequence:
        image = own.DerivationImageSequence[0].SourceImageSequence[0]
        assert image.ReferencedSOPInstanceUID == header.SOPInstanceUID
        there = header.PerFrameFunctionalGroupsSequence[int(image.ReferencedFrameNumber) - 1]
        assert there.PlanePositionSequence[0].ImagePositionPatient == own.PlanePositionSequence[0].ImagePositionPatient


def test_pydicom_alone_finds_each_plane_on_its_slice(series: Series, tmp_path: Path) -> None:
    series(orientation=OBLIQUE, change=in_a_frame)
    labels = bodies(read_volume(tmp_path / "ct"))
    seg = written(tmp_path / "ct", labels, tmp_path / "seg.dcm")
    planes = frames_by_position(seg, "L1 trabecular")
    assert len(planes) == 2
    for file in (tmp_path / "ct").iterdir():
        header = pydicom.dcmread(file)
        k = round(labels.to_ijk(np.array(header.ImagePositionPatient, float) * [-1, -1, 1])[2])
        plane = planes.get(at(header))
        assert np.array_equal(np.zeros(header.pixel_array.shape) if plane is None else plane, labels.voxels[k] == 202)


def test_segments_say_what_they_are_and_what_made_them(series: Series, tmp_path: Path) -> None:
    series(change=in_a_frame)
    labels = bodies(read_volume(tmp_path / "ct"))
    seg = written(tmp_path / "ct", labels, tmp_path / "seg.dcm")
    assert [item.SegmentLabel for item in seg.SegmentSequence] == [
        "L1 body", "L1 trabecular", "L2 body", "L2 trabecular",
    ]  # fmt: skip
    body, trabecular = seg.SegmentSequence[:2]
    assert body.SegmentedPropertyTypeCodeSequence[0].CodeValue == codes.SCT.L1Vertebra.value
    assert trabecular.SegmentedPropertyTypeCodeSequence[0].CodeValue == codes.SCT.BoneTissue.value
    assert trabecular.AnatomicRegionSequence[0].CodeValue == codes.SCT.L1Vertebra.value
    assert body.SegmentAlgorithmType == "AUTOMATIC"
    assert MODEL.sha256 in body.SegmentationAlgorithmIdentificationSequence[0].AlgorithmParameters
    assert seg.StudyInstanceUID == series.study_uid
    source = pydicom.dcmread(next((tmp_path / "ct").iterdir()))
    assert seg.ReferencedSeriesSequence[0].SeriesInstanceUID == source.SeriesInstanceUID
    assert seg.FrameOfReferenceUID == source.FrameOfReferenceUID


def test_a_label_map_of_a_person_is_manual_and_an_edited_one_half(series: Series, tmp_path: Path) -> None:
    series(change=in_a_frame)
    labels = bodies(read_volume(tmp_path / "ct"))
    source = source_of(tmp_path / "ct", None, labels)
    assert {item.SegmentAlgorithmType for item in to_dicom_seg(labels, source, 1).SegmentSequence} == {"MANUAL"}
    edited = to_dicom_seg(labels, source, 1, (MODEL,), edited={"L2"})
    assert [item.SegmentAlgorithmType for item in edited.SegmentSequence] == 2 * ["AUTOMATIC"] + 2 * ["SEMIAUTOMATIC"]


def test_every_level_has_the_code_of_the_standards_dictionary() -> None:
    known = {level.name: getattr(codes.SCT, f"{level.name}Vertebra").value for level in LEVELS if level.name != "S1"}
    assert {level.name: level.snomed for level in LEVELS if level.name != "S1"} == known


def test_columns_become_standard_terms_where_there_are_some() -> None:
    mean, volume = term_of("body_mean_hu"), term_of("shell_volume_ml")
    assert (mean.region, mean.name, mean.statistic, mean.unit.value) == (
        "body", codes.DCM.AttenuationCoefficient, codes.SCT.Mean, "[hnsf'U]",
    )  # fmt: skip
    assert (volume.region, volume.name, volume.statistic, volume.unit.value) == ("shell", codes.SCT.Volume, None, "cm3")
    height = term_of("anterior_height_mm")
    assert (height.region, height.name.scheme_designator, height.unit.value) == ("", "99OSTEOSCREEN", "mm")
    low = term_of("trabecular_mean_hu_low")
    assert (low.region, low.name.meaning, low.unit.value) == (
        "trabecular", "trabecular mean hu, lower bound", "[hnsf'U]",
    )  # fmt: skip
    assert term_of("level") is None


def test_the_report_holds_every_number_beside_its_segment(series: Series, tmp_path: Path) -> None:
    import pandas as pd

    series(change=in_a_frame)
    volume = read_volume(tmp_path / "ct")
    labels = bodies(volume)
    source = source_of(tmp_path / "ct", None, labels)
    seg = to_dicom_seg(labels, source, 1, (MODEL,))
    table = measure(volume, labels).assign(anterior_height_mm=[21.5, np.nan])
    scores = pd.DataFrame({"level": ["L1", "L2"], "rad_score": [0.5, -1.0], "probability": [0.62, 0.27]})
    report = to_dicom_sr(table, seg, source.images, 2, (RadScores(scores, "trabecular", "mine"),))
    report.save_as(tmp_path / "sr.dcm")
    groups = read_groups(pydicom.dcmread(tmp_path / "sr.dcm"))
    for row in table.to_dict("records"):
        body = groups[(row["level"], "L1 body" if row["level"] == "L1" else "L2 body")]
        assert body[("Attenuation Coefficient", "Mean", "[hnsf'U]")] == pytest.approx(row["body_mean_hu"], rel=1e-9)
        assert body[("Attenuation Coefficient", "Standard Deviation", "[hnsf'U]")] == pytest.approx(row["body_sd_hu"])
        assert body[("Volume", None, "cm3")] == pytest.approx(row["body_volume_ml"])
    assert groups[("L1", "L1")] == {("anterior height mm", None, "mm"): pytest.approx(21.5)}
    assert ("L2", "L2") not in groups
    assert groups[("L1", "L1 trabecular")][("Rad-score (log odds)", None, "1")] == pytest.approx(0.5)


def read_groups(report: pydicom.Dataset) -> dict[tuple[str, str], dict[tuple, float]]:
    """Return the numbers of a report by site and tracking identifier, read without any of our code."""
    measured = next(item for item in report.ContentSequence if _name(item) == "Imaging Measurements")
    found: dict[tuple[str, str], dict[tuple, float]] = {}
    for group in measured.ContentSequence:
        items = {_name(item): item for item in group.ContentSequence}
        site = items["Finding Site"].ConceptCodeSequence[0].CodeMeaning.removesuffix(" vertebra")
        numbers = found.setdefault((site, items["Tracking Identifier"].TextValue), {})
        for item in group.ContentSequence:
            if item.ValueType == "NUM":
                how = [c.ConceptCodeSequence[0].CodeMeaning for c in item.get("ContentSequence", [])]
                value = item.MeasuredValueSequence[0]
                unit = value.MeasurementUnitsCodeSequence[0].CodeValue
                numbers[(_name(item), how[0] if how else None, unit)] = float(value.NumericValue)
    return found


def _name(item: pydicom.Dataset) -> str:
    return item.ConceptNameCodeSequence[0].CodeMeaning


def test_a_series_that_had_to_be_resampled_is_refused(series: Series, tmp_path: Path) -> None:
    series(step=np.array([0.0, 0.9, 3.0]), change=in_a_frame)
    labels = bodies(read_volume(tmp_path / "ct"))
    with pytest.raises(InputError, match="had to be resampled"):
        source_of(tmp_path / "ct", None, labels)


def test_another_series_is_refused(series: Series, tmp_path: Path) -> None:
    series(change=in_a_frame)
    labels = bodies(read_volume(tmp_path / "ct"))
    Series(tmp_path / "other")(origin=(-20.0, 15.0, -99.0), change=in_a_frame)
    with pytest.raises(InputError, match="another series"):
        source_of(tmp_path / "other", None, labels)


def test_a_source_that_nothing_can_refer_to_is_refused(series: Series, tmp_path: Path) -> None:
    series()
    labels = bodies(read_volume(tmp_path / "ct"))
    with pytest.raises(InputError, match="lacks FrameOfReferenceUID"):
        source_of(tmp_path / "ct", None, labels)


def test_a_seg_of_another_ct_is_refused(series: Series, tmp_path: Path) -> None:
    series(change=in_a_frame)
    labels = bodies(read_volume(tmp_path / "ct"))
    written(tmp_path / "ct", labels, tmp_path / "seg.dcm")
    moved = labels.ijk_to_ras.copy()
    moved[0, 3] += 0.4
    with pytest.raises(LabelMapError, match="does not lie on the voxel grid"):
        read_dicom_seg(tmp_path / "seg.dcm", Volume(labels.voxels, moved))


@pytest.fixture
def judge() -> Callable[[Path], set[str]]:
    """Return what dciodvfy finds wrong with a DICOM file."""
    program = shutil.which("dciodvfy")
    if program is None:
        pytest.skip("no dciodvfy: install dicom3tools")

    def errors(path: Path) -> set[str]:
        said = subprocess.run([program, str(path)], capture_output=True, text=True, check=False)
        return {line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")}

    return errors


def test_an_independent_judge_finds_no_fault(series: Series, tmp_path: Path, judge: Callable[[Path], set[str]]) -> None:
    series(change=in_a_frame)
    volume = read_volume(tmp_path / "ct")
    labels = bodies(volume)
    source = source_of(tmp_path / "ct", None, labels)
    seg = to_dicom_seg(labels, source, 1, (MODEL,))
    seg.save_as(tmp_path / "seg.dcm")
    to_dicom_sr(measure(volume, labels), seg, source.images, 2).save_as(tmp_path / "sr.dcm")
    assert judge(tmp_path / "seg.dcm") == set()
    assert judge(tmp_path / "sr.dcm") == set()
