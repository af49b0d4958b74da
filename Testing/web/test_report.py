"""What is taken away: report, all files, outlines, the scene, which is gone on with; and plots of a cohort."""

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from OsteoScreenLib.annotation.seg_nrrd import read_segmentation
from OsteoScreenLib.result_folder import FILES
from OsteoScreenLib.signature.rad_score import RadScore, Settings, write
from Testing.conftest import TRABECULAR_HU, BoxCase
from Testing.web.conftest import LONG_S, PATIENCE_S, SLICES, Screen, choose_files, eventually


def downloaded(case: Screen, button: str, folder: Path) -> Path:
    with case.page.expect_download(timeout=PATIENCE_S * 1000) as download:
        case[button].click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_the_report_is_made_read_and_taken_along_with_all_files(case: Screen, tmp_path: Path) -> None:
    case["make-report"].click()
    page = case.page.frame_locator("#report-page")
    eventually(lambda: case["report-page"].count(), "the report", LONG_S)
    eventually(lambda: "boxes" in page.locator("body").inner_text(), "its text")
    case.keep("6-report")
    assert "Research use only" in page.locator("body").inner_text()
    case.page.locator(".reading .close").first.click()
    path = downloaded(case, "save-all", tmp_path)
    with zipfile.ZipFile(path) as archive:
        assert set(archive.namelist()) >= set(FILES)
    case["levels"].locator("tr", has_text="L4").locator("button.rejected").click()
    eventually(lambda: not case["read-report"].is_enabled(), "the report is of another decision")
    case["levels"].locator("tr", has_text="L4").locator("button.rejected").click()


def test_the_outlines_are_those_that_came_in(case: Screen, box_case: BoxCase, tmp_path: Path) -> None:
    path = downloaded(case, "save-segmentation", tmp_path)
    assert path.name == "boxes-segmentation.seg.nrrd"
    assert np.array_equal(read_segmentation(path).voxels, box_case.labels.voxels)


def test_a_saved_scene_is_gone_on_with(case: Screen, box_case: BoxCase, tmp_path: Path) -> None:
    case["levels"].locator("tr", has_text="L2").locator("button.accepted").click()
    eventually(lambda: "accepted" in case["levels"].locator("tr", has_text="L2").inner_text(), "accepted")
    choose_files(case, "ct", box_case.ct_path)
    eventually(lambda: "in no saved scene" in case.text("question"), "a question")
    case["answer-no"].click()
    eventually(lambda: not case["answer-no"].is_visible(), "the same case")
    path = downloaded(case, "save-scene", tmp_path)
    assert path.name == "boxes-scene.mrb"
    choose_files(case, "ct", path)
    eventually(lambda: case.text("made-by") == "", "another case")
    case.until("measurements", "L4")
    case.keep("7-scene-reopened")
    for level, hu in TRABECULAR_HU.items():
        assert case["measurements"].locator("tr", has_text=level).inner_text().split()[1] == f"{hu:.0f}"
    assert "accepted" in case["levels"].locator("tr", has_text="L2").inner_text()
    case["levels"].locator("tr", has_text="L2").click()
    for view in SLICES:
        eventually(lambda view=view: case.coloured(view) > 100, f"colour in {view}")


def test_a_signature_gives_scores(case: Screen, tmp_path: Path) -> None:
    model = RadScore(
        label="low", roi="trabecular", features=("original_firstorder_Mean",), means=(0.0,), scales=(1.0,),
        coefficients=(0.01,), intercept=-1.0, lambda_=0.1, cutoff=0.0, settings=Settings(), training={},
    )  # fmt: skip
    write(model, tmp_path / "signature.json")
    choose_files(case, "signature", tmp_path / "signature.json")
    eventually(lambda: case["rad-scores"].is_visible(), "the signature")
    case["rad-scores"].click()
    eventually(lambda: "L4" in case.text("scores"), "scores", LONG_S)
    found = [line.split() for line in case.text("scores").splitlines() if line]
    assert [row[0] for row in found] == list(TRABECULAR_HU)
    scores = [float(row[2]) for row in found]
    assert scores == sorted(scores, reverse=True), "the means fall from L1 to L4"


def test_a_table_of_a_cohort_becomes_roc_and_decision_curves(case: Screen, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    label = np.arange(120) % 2
    table = pd.DataFrame({"label": label, "rad_score": label + rng.normal(size=120), "age": rng.normal(70, 8, 120)})
    table.to_csv(tmp_path / "cohort.csv", index=False)
    case.page.locator("#section-cohort button").first.click()
    choose_files(case, "cohort", tmp_path / "cohort.csv")
    case.until("cohort", "cohort.csv")
    case.page.locator(".v-select:has(#cohort-scores)").click()
    for name in ("rad_score", "age"):
        case.page.locator(".v-overlay .v-list-item", has_text=name).first.click()
    case.page.keyboard.press("Escape")
    case["compare"].click()
    case.until("aucs", "rad_score")
    curves = case.page.locator("img.curve")
    eventually(lambda: curves.count() == 2 and drawn(case, 0) and drawn(case, 1), "both figures")
    curves.first.scroll_into_view_if_needed()
    case.keep("8-roc")


def drawn(case: Screen, number: int) -> bool:
    return case.page.evaluate("n => document.querySelectorAll('img.curve')[n].naturalWidth > 100", number)
