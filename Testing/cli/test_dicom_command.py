"""``osteoscreen dicom``: a case back into its study, and one line for what cannot go there."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest

from OsteoScreenLib.annotation.review import begun, rejected
from OsteoScreenLib.annotation.seg_nrrd import read_segmentation
from OsteoScreenLib.cli import main
from OsteoScreenLib.image_file import write_labels
from OsteoScreenLib.readers import read_labels, read_volume
from OsteoScreenLib.result_folder import load_result, save_result
from OsteoScreenLib.signature import rad_score
from Testing.annotation.test_dicom_seg import MODEL, in_a_frame, read_groups
from Testing.conftest import BoxCase
from Testing.readers.conftest import Series


@dataclass(frozen=True)
class DicomCase:
    source: Path
    case: Path


@pytest.fixture(scope="module")
def screened(box_case: BoxCase, tmp_path_factory: pytest.TempPathFactory) -> DicomCase:
    """Return the boxes as a DICOM series and as the case that was screened from it, with their true labels."""
    folder = tmp_path_factory.mktemp("dicom")
    Series(folder / "ct")(box_case.volume.voxels, change=in_a_frame)
    labels = read_volume(folder / "ct").with_voxels(box_case.labels.voxels)
    write_labels(labels, folder / "labels.nii.gz")
    return DicomCase(folder / "ct", folder / "case")


@pytest.fixture
def case(screened: DicomCase) -> DicomCase:
    if not screened.case.exists():
        labels = screened.source.parent / "labels.nii.gz"
        assert (
            main(["screen", str(screened.source), "-o", str(screened.case), "--engine", str(labels), "--ungated"]) == 0
        )
    return screened


def export(case: DicomCase, output: Path, *more: str) -> int:
    return main(["dicom", str(case.case), "--source", str(case.source), "-o", str(output), *more])


def test_a_case_goes_into_its_study_and_its_masks_come_back(
    case: DicomCase, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    capfd.readouterr()
    assert export(case, tmp_path / "out") == 0
    said = capfd.readouterr()
    assert said.err == ""
    assert (
        said.out
        == f"L1, L2, L3, L4: {tmp_path / 'out' / 'segmentation.dcm'}, {tmp_path / 'out' / 'measurements.dcm'}\n"
    )
    saved = read_segmentation(case.case / "segmentation.seg.nrrd")
    back = read_labels(tmp_path / "out" / "segmentation.dcm", read_volume(case.source))
    assert np.array_equal(back.voxels, saved.voxels)
    groups = read_groups(pydicom.dcmread(tmp_path / "out" / "measurements.dcm"))
    for row in pd.read_csv(case.case / "measurements.csv").to_dict("records"):
        mean = groups[(row["level"], f"{row['level']} trabecular")][("Attenuation Coefficient", "Mean", "[hnsf'U]")]
        assert mean == pytest.approx(row["trabecular_mean_hu"], rel=1e-9)


def test_the_report_has_the_rad_score_of_a_signature(case: DicomCase, tmp_path: Path) -> None:
    feature = "original_firstorder_Mean"
    model = rad_score.RadScore(
        label="osteoporosis", roi="trabecular", features=(feature,), means=(0.0,), scales=(1.0,),
        coefficients=(-0.01,), intercept=1.0, lambda_=0.1, cutoff=0.0, settings=rad_score.Settings(), training={},
    )  # fmt: skip
    rad_score.write(model, tmp_path / "model.json")
    assert export(case, tmp_path / "out", "--signature", str(tmp_path / "model.json")) == 0
    rows = pd.read_csv(case.case / "features.csv")
    rows = rows[rows["roi"] == "trabecular"].set_index("level")
    report = pydicom.dcmread(tmp_path / "out" / "measurements.dcm")
    scores = {}
    for group in report.ContentSequence[-1].ContentSequence:
        numbers = {
            item.ConceptNameCodeSequence[0].get("CodeValue"): item
            for item in group.ContentSequence
            if item.ValueType == "NUM"
        }
        if "rad_score" in numbers:
            tracked = next(item.TextValue for item in group.ContentSequence if "TextValue" in item)
            scores[tracked] = float(numbers["rad_score"].MeasuredValueSequence[0].NumericValue)
    assert scores == {
        f"{level} trabecular": pytest.approx(1 - 0.01 * rows.loc[level, feature]) for level in ("L1", "L2", "L3", "L4")
    }


def test_what_a_reader_rejected_stays_out_and_what_was_edited_is_said(case: DicomCase, tmp_path: Path) -> None:
    result = load_result(case.case, read_volume(case.source))
    proposed = begun(result.segmentation.labels.voxels)
    review = tuple(replace(one, proposed_mask="another") if one.level == "L2" else one for one in proposed)
    segmentation = replace(result.segmentation, review=rejected(review, "L4"), models=(MODEL,))
    save_result(replace(result, segmentation=segmentation), tmp_path / "case")
    assert export(DicomCase(case.source, tmp_path / "case"), tmp_path / "out") == 0
    made = {
        item.SegmentLabel: item.SegmentAlgorithmType
        for item in pydicom.dcmread(tmp_path / "out" / "segmentation.dcm").SegmentSequence
    }
    assert {name for name, how in made.items() if how == "SEMIAUTOMATIC"} == {"L2 body", "L2 trabecular"}
    assert not any(name.startswith("L4") for name in made)
    levels = {level for level, _ in read_groups(pydicom.dcmread(tmp_path / "out" / "measurements.dcm"))}
    assert levels == {"L1", "L2", "L3"}


def test_the_case_of_another_series_is_refused(
    case: DicomCase, box_case: BoxCase, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, arguments in {"elsewhere": {"origin": (0.0, 0.0, 0.0)}, "brighter": {}}.items():
        hu = box_case.volume.voxels + (5 if name == "brighter" else 0)
        Series(tmp_path / name)(hu, change=in_a_frame, **arguments)
        capfd.readouterr()
        assert export(DicomCase(tmp_path / name, case.case), tmp_path / "out") == 2
        said = capfd.readouterr().err
        assert said.count("\n") == 1
        assert ("made from another CT" if name == "elsewhere" else "it was measured in another CT") in said
    assert not (tmp_path / "out").exists()


def test_a_ct_that_is_no_dicom_is_refused(
    case: DicomCase, box_case: BoxCase, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    capfd.readouterr()
    assert export(DicomCase(box_case.ct_path, case.case), tmp_path / "out") == 2
    assert capfd.readouterr().err == (
        "osteoscreen: boxes.nii.gz is not DICOM: only a case whose CT came from DICOM goes back to it; "
        "give its folder.\n"
    )
    assert not (tmp_path / "out").exists()
