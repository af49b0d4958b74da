"""The main job on boxes of known HU: right numbers, whole folders, nothing lost."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from OsteoScreenLib.annotation.seg_nrrd import read_segmentation
from OsteoScreenLib.detection.detect import Course
from OsteoScreenLib.detection.grouping import vote as group
from OsteoScreenLib.errors import AnatomyError, Cancelled, LabelMapError, OutputError
from OsteoScreenLib.image_file import write_labels
from OsteoScreenLib.levels import SCREENED, SHELL, label
from OsteoScreenLib.measurement.cutoffs import Cutoff
from OsteoScreenLib.radiomics.extract import extract
from OsteoScreenLib.radiomics.settings import Settings
from OsteoScreenLib.result import Detection, ModelUse, ScreeningResult, SliceBox
from OsteoScreenLib.result_folder import FILES, SCENE, load_record, load_result, save_result
from OsteoScreenLib.scene.bundle import ViewerMissingError
from OsteoScreenLib.screening import screen
from OsteoScreenLib.volume import Volume, same_grid
from Testing.conftest import SHELL_HU, TRABECULAR_HU, BoxCase


@pytest.fixture
def without_scene(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise ViewerMissingError

    monkeypatch.setattr("OsteoScreenLib.screening.save_scene", missing)


@pytest.fixture(autouse=True, scope="module")
def one_vote() -> Iterator[None]:
    """What a detector says of boxes in water means nothing: a vote for L2 stands in for it."""

    def vote(volume: Volume, course: Course, *_: object) -> tuple[Detection, None]:
        assert course.labels is not None
        boxes = (SliceBox(0, (-20.0, -15.0, -200.0), (20.0, 15.0, -200.0), (0.2, 0.6, 0.1), "L2"),)
        return Detection(boxes, group(boxes), ModelUse("detect", "0", "", "nothing"), "cpu", ("L1 is not seen.",)), None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("OsteoScreenLib.screening.detect", vote)
        yield


@pytest.fixture
def few_features(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = partial(extract, settings=Settings(image_types=("Original",), features=("firstorder_Mean",)))
    monkeypatch.setattr("OsteoScreenLib.screening.extract", quick)


@pytest.fixture
def without_pictures(without_scene: None, few_features: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of folders, not of what is in them: no pictures and one feature, for the others take most of the time."""

    def plain(result: ScreeningResult, path: Path, cutoffs: tuple) -> None:
        path.write_text(result.measurements.to_html())

    monkeypatch.setattr("OsteoScreenLib.screening.write_report", plain)


@pytest.fixture(scope="module")
def screened(box_case: BoxCase, tmp_path_factory: pytest.TempPathFactory) -> tuple[ScreeningResult, Path]:
    folder = tmp_path_factory.mktemp("screened") / "new" / "out"
    return screen(box_case.ct_path, folder, engine=box_case.labels_path), folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_file_is_there_and_nothing_else(screened: tuple[ScreeningResult, Path]) -> None:
    pytest.importorskip("slicer", reason="slicer-core is not installed (extra 'viewer')")
    _, folder = screened
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert [path.name for path in folder.parent.iterdir()] == ["out"]


def test_the_numbers_are_those_of_the_boxes(screened: tuple[ScreeningResult, Path]) -> None:
    result, folder = screened
    rows = pd.read_csv(folder / "measurements.csv").set_index("level")
    assert list(rows.index) == list(SCREENED)
    assert rows.trabecular_mean_hu.to_dict() == pytest.approx(TRABECULAR_HU, abs=0.01)
    assert rows.roi_mean_hu.to_dict() == pytest.approx(TRABECULAR_HU, abs=0.01)
    assert rows.shell_mean_hu.tolist() == pytest.approx([SHELL_HU] * 4, abs=0.01)
    assert rows.body_volume_ml.tolist() == pytest.approx([44 * 32 * 26 / 1000] * 4, rel=1e-6)
    features = pd.read_csv(folder / "features.csv").set_index(["level", "roi"])
    assert features.shape == (8, 1 + 1767 + 1)
    z_score = (TRABECULAR_HU["L3"] - result.volume.voxels.mean()) / result.volume.voxels.std(ddof=1)
    assert features.original_firstorder_Median["L3", "trabecular"] == pytest.approx(100 * z_score, abs=0.5)
    assert result.provenance.seconds > 0


def test_the_label_map_lies_on_the_ct(screened: tuple[ScreeningResult, Path], box_case: BoxCase) -> None:
    _, folder = screened
    labels = read_segmentation(folder / "segmentation.seg.nrrd")
    assert same_grid(labels, box_case.volume)
    np.testing.assert_array_equal(labels.voxels, box_case.labels.voxels)


def test_the_report_says_what_the_page_must(screened: tuple[ScreeningResult, Path]) -> None:
    _, folder = screened
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Cannot be used to rule out low bone density" in page
    assert all(level in page for level in SCREENED)


def test_a_result_comes_back_from_its_folder(screened: tuple[ScreeningResult, Path], box_case: BoxCase) -> None:
    result, folder = screened
    again = load_result(folder, box_case.volume)
    pd.testing.assert_frame_equal(again.measurements, result.measurements, check_exact=True)
    pd.testing.assert_frame_equal(again.features, result.features, check_exact=True)
    assert (again.provenance, again.rois, again.quality) == (result.provenance, result.rois, result.quality)
    for name in ("engine", "device", "models", "notes", "findings"):
        assert getattr(again.segmentation, name) == getattr(result.segmentation, name)
    np.testing.assert_array_equal(again.segmentation.labels.voxels, box_case.labels.voxels)
    with pytest.raises(LabelMapError, match="another CT"):
        load_result(folder, Volume(box_case.volume.voxels[1:], box_case.volume.ijk_to_ras))


def test_what_cannot_be_a_number_is_null_in_the_record(screened: tuple[ScreeningResult, Path], tmp_path: Path) -> None:
    result, _ = screened
    bare = replace(result, measurements=result.measurements.assign(roi_mean_hu=np.nan))
    save_result(bare, tmp_path / "bare")
    assert "NaN" not in (tmp_path / "bare" / "result.json").read_text()
    assert load_record(tmp_path / "bare").measurements[0]["roi_mean_hu"] is None


@pytest.mark.usefixtures("without_pictures")
def test_the_votes_of_the_slices_are_in_result_record_and_report(screened: tuple[ScreeningResult, Path]) -> None:
    result, folder = screened
    assert [(one.level, one.status) for one in result.detection.vertebrae] == [("L2", "osteopenia")]
    assert load_record(folder).detection == result.detection
    assert "L1 is not seen." in [one.text for one in load_record(folder).quality]
    page = (folder / "report.html").read_text()
    assert "Look on axial slices: L2 osteopenia (67% of the vote, 1 of 1 slices)" in page


@pytest.mark.usefixtures("without_pictures")
def test_nothing_on_the_slices_is_said_and_stops_nothing(
    box_case: BoxCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(*_: object) -> None:
        raise AnatomyError("No body is seen.")

    monkeypatch.setattr("OsteoScreenLib.screening.detect", nothing)
    result = screen(box_case.ct_path, tmp_path / "out", engine=box_case.labels_path)
    assert result.detection is None
    assert "Bone status on slices: No body is seen." in [one.text for one in result.quality]
    assert load_result(tmp_path / "out", box_case.volume).detection is None


def test_a_volume_in_memory_screens_like_its_file(box_case: BoxCase, tmp_path: Path) -> None:
    result = screen(box_case.volume, tmp_path / "out", engine=box_case.labels_path)
    assert result.measurements.trabecular_mean_hu.tolist() == pytest.approx(list(TRABECULAR_HU.values()), abs=0.01)
    other = screen(
        box_case.volume.with_voxels(box_case.volume.voxels + np.int16(1)),
        tmp_path / "other",
        engine=box_case.labels_path,
    )
    assert other.provenance.input_sha256 != result.provenance.input_sha256


@pytest.mark.usefixtures("without_pictures")
def test_a_second_run_replaces_the_first_and_keeps_what_is_not_ours(box_case: BoxCase, tmp_path: Path) -> None:
    screen(box_case.volume, tmp_path, engine=box_case.labels_path)
    (tmp_path / "notes.txt").write_text("mine")
    brighter = box_case.volume.with_voxels(box_case.volume.voxels + np.int16(20))
    screen(brighter, tmp_path, engine=box_case.labels_path)
    assert pd.read_csv(tmp_path / "measurements.csv").trabecular_mean_hu[0] == pytest.approx(
        TRABECULAR_HU["L1"] + 20, abs=0.01
    )
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert set(contents(tmp_path)) == {*FILES, "notes.txt"} - {SCENE}


@pytest.mark.usefixtures("without_pictures")
def test_a_file_changed_by_hand_is_never_replaced(box_case: BoxCase, tmp_path: Path) -> None:
    screen(box_case.volume, tmp_path, engine=box_case.labels_path)
    edited = box_case.labels.voxels.copy()
    edited[edited == label("L4", SHELL)] = 0
    write_labels(box_case.labels.with_voxels(edited), tmp_path / "segmentation.seg.nrrd")
    before = contents(tmp_path)
    with pytest.raises(OutputError, match=r"segmentation\.seg\.nrrd was changed"):
        screen(box_case.volume, tmp_path, engine=box_case.labels_path)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_our_name_that_is_not_ours_stays(box_case: BoxCase, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(OutputError, match="choose another"):
        screen(box_case.volume, tmp_path, engine=box_case.labels_path)
    assert contents(tmp_path) == {name: b"mine"}


@pytest.mark.usefixtures("without_pictures")
def test_cancelling_at_any_moment_leaves_the_folder_untouched(box_case: BoxCase, tmp_path: Path) -> None:
    screen(box_case.volume, tmp_path, engine=box_case.labels_path)
    before = contents(tmp_path)
    asked, moments = _counter()
    screen(box_case.volume, tmp_path / "all", engine=box_case.labels_path, cancelled=asked)
    for moment in range(1, moments() + 1):
        stop, _ = _counter(moment)
        with pytest.raises(Cancelled):
            screen(box_case.volume, tmp_path / "none", engine=box_case.labels_path, cancelled=stop)
        assert not (tmp_path / "none").exists()
    stop, _ = _counter(moments())
    brighter = box_case.volume.with_voxels(box_case.volume.voxels + np.int16(20))
    with pytest.raises(Cancelled):
        screen(brighter, tmp_path, engine=box_case.labels_path, cancelled=stop)
    assert {name: data for name, data in contents(tmp_path).items() if not name.startswith("all")} == before


def _counter(moment: int = 0) -> tuple[Callable[[], bool], Callable[[], int]]:
    """Return a `cancelled` that becomes true at its n-th call (never for 0), and how often it was called."""
    calls: list[None] = []

    def cancelled() -> bool:
        calls.append(None)
        return len(calls) == moment

    return cancelled, lambda: len(calls)


@pytest.mark.usefixtures("without_pictures")
def test_progress_runs_from_start_to_end_and_never_back(box_case: BoxCase, tmp_path: Path) -> None:
    told: list[float] = []
    screen(box_case.ct_path, tmp_path, engine=box_case.labels_path, progress=lambda done, _: told.append(done))
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.0, 1.0)


@pytest.mark.usefixtures("without_scene", "few_features")
def test_the_users_reference_lines_reach_report_and_record(box_case: BoxCase, tmp_path: Path) -> None:
    lines = tmp_path / "lines.json"
    lines.write_text('{"cutoffs": [{"level": "L1", "hu": 137, "meaning": "ours", "source": "Our clinic 2020"}]}')
    result = screen(box_case.volume, tmp_path / "out", engine=box_case.labels_path, cutoffs=lines)
    assert "Our clinic 2020" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert [Cutoff(**line) for line in result.provenance.settings["cutoffs"]] == [
        Cutoff("L1", 137.0, "ours", "Our clinic 2020")
    ]


def test_masks_without_a_screened_level_are_refused(box_case: BoxCase, tmp_path: Path) -> None:
    only = np.where(box_case.labels.voxels // 10 == 20, box_case.labels.voxels - 10, 0)
    write_labels(box_case.labels.with_voxels(only.astype(np.uint16)), tmp_path / "t12.nii.gz")
    with pytest.raises(AnatomyError, match="None of L1-L4"):
        screen(box_case.volume, tmp_path / "out", engine=tmp_path / "t12.nii.gz")
    assert not (tmp_path / "out").exists()


def test_a_body_that_the_field_of_view_cuts_is_not_measured(
    box_case: BoxCase, without_pictures: None, tmp_path: Path
) -> None:
    top = np.argwhere(box_case.labels.voxels == label("L1", SHELL))[:, 0].max()
    low = (slice(None, int(top) - 3), slice(None), slice(None))
    write_labels(box_case.labels.window(low), tmp_path / "labels.nii.gz")
    result = screen(box_case.volume.window(low), tmp_path / "out", engine=tmp_path / "labels.nii.gz")
    assert [one.level for one in result.segmentation.findings if not one.complete] == ["L1"]
    assert list(result.measurements.level) == ["L2", "L3", "L4"]
    assert set(result.features.level) == {"L2", "L3", "L4"}
