"""The section Training data: a case comes up, is accepted and kept; all go out; a network starts to learn."""

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.annotation.adding import NewMask, add_case
from OsteoScreenLib.annotation.dataset import open_dataset
from OsteoScreenLib.volume import Volume
from Testing.conftest import BoxCase
from Testing.web.conftest import LONG_S, eventually, opened, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_cases_come_up_are_kept_go_out_and_teach(browser: "Browser", box_case: BoxCase, tmp_path: Path) -> None:
    data = tmp_path / "data"
    for number, role in enumerate(("reader", "reader", "proposal")):
        volume = Volume(box_case.volume.voxels + np.int16(number), box_case.volume.ijk_to_ras)
        mask = NewMask(volume.with_voxels(box_case.labels.voxels), role)
        last = add_case(data, volume, mask, patient=f"patient {number}").case
    home = tmp_path / "home"
    with (
        served(tmp_path, OSTEOSCREEN_HOME=str(home)) as running,
        opened(browser, running.link, height=1000) as screen,
    ):
        screen.page.locator("#section-training-data button").first.click()
        screen["dataset"].fill(str(tmp_path / "none"))
        screen.until("dataset-counts", "No dataset there yet")
        screen["dataset"].fill(str(data))
        screen.until("dataset-counts", "3 cases of 3 patients: 1 to review, 2 reviewed.")
        screen["next-case"].click()
        screen.until("ct-name", last.id)
        screen.until("kept", "nothing is known against its masks")
        screen["accept-rest"].click()
        eventually(lambda: screen["levels"].inner_text().count("accepted") == 4, "four accepted")
        screen["keep-case"].click()
        eventually(lambda: "may be learned from" in screen.text("kept"), "the case kept", LONG_S)
        screen.until("dataset-counts", "0 to review, 3 reviewed. Vertebrae: 4 accepted.")
        (case,) = [case for case in open_dataset(data).cases if case.id == last.id]
        assert np.array_equal(case.read()[1].voxels, box_case.labels.voxels)

        screen["next-case"].click()
        screen.until("error", "No other case waits for a review.")
        screen["close-error"].click()
        with screen.page.expect_download(timeout=LONG_S * 1000) as download:
            screen["export"].click()
        assert download.value.suggested_filename == "Dataset100_Spine.zip"
        names = zipfile.ZipFile(download.value.path()).namelist()
        assert "Dataset100_Spine/dataset.json" in names

        screen["fine-tune"].click()
        eventually(lambda: screen["cancel-keep"].is_visible(), "work that can be stopped")
        screen["cancel-keep"].scroll_into_view_if_needed()
        screen.keep("10-training-data")
        screen["cancel-keep"].click()
        eventually(lambda: not screen["cancel-keep"].is_visible(), "the work stopped")
        assert not (home / "models" / "data").exists()
        assert "made by the model refine" in screen.text("model-in-use")
        assert screen.faults == []
        assert screen.elsewhere == []
