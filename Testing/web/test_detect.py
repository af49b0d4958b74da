"""A detection that is in a scene is seen in the page; a detector that cannot be loaded is told."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from OsteoScreenLib.detection.grouping import vote
from OsteoScreenLib.levels import SCREENED
from OsteoScreenLib.models import CARD, find
from OsteoScreenLib.result import Detection, ModelUse, SliceBox
from OsteoScreenLib.segmentation.engines import segment
from Testing.conftest import BoxCase
from Testing.web.conftest import eventually, opened, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture
def scene(box_case: BoxCase, tmp_path: Path) -> Path:
    """The boxes with their outlines and a detection that sees a status on three slices of each, as a saved scene."""
    pytest.importorskip("trame_slicer", reason="the page is not installed: pip install 'osteoscreen[viewer]'")
    from OsteoScreenLib.scene.bundle import new_scene, save_bundle
    from OsteoScreenLib.scene.detected import show_detection
    from OsteoScreenLib.scene.parameters import SEGMENTATION, VOLUME, choose
    from OsteoScreenLib.scene.volumes import add_volume
    from OsteoScreenLib.scene.working_case import add_segmented

    found = segment(box_case.volume, box_case.labels_path)
    centres = {finding.level: finding.centre for finding in found.findings}
    boxes = tuple(
        SliceBox(m, (x - 22, y - 16, z + m), (x + 22, y + 16, z + m), (0.1, 0.2, 0.7), level)
        for level, (x, y, z) in centres.items()
        for m in range(3)
    )
    path = tmp_path / "detected.mrb"
    with new_scene() as scene:
        volume = add_volume(scene, box_case.volume)
        node = add_segmented(scene, found, volume)
        show_detection(node, Detection(boxes, vote(boxes), ModelUse("detect", "0", "", "boxes (four)"), "cpu"))
        choose(scene, VOLUME, volume)
        choose(scene, SEGMENTATION, node)
        save_bundle(scene, path)
    return path


def test_a_detection_is_shown_and_a_detector_without_weights_is_told(
    browser: "Browser", scene: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "models" / "detect"
    folder.mkdir(parents=True)
    card = json.loads((find("count") / CARD).read_text())
    (folder / CARD).write_text(json.dumps({**card, "name": "detect"}))
    with (
        served(tmp_path, str(scene), OSTEOSCREEN_MODELS=str(folder.parent)) as running,
        opened(browser, running.link) as screen,
    ):
        screen.until("levels", "L4")
        screen.page.locator("#section-detect button").first.click()
        screen.until("detected", "osteoporosis")
        for level in SCREENED:
            assert "3/3 slices" in screen["detected"].locator("tr", has_text=level).inner_text()
        assert "trained on boxes." in screen.page.inner_text("#section-detect")
        assert "not a T-score" in screen.page.inner_text("#section-detect")
        screen["detected"].locator("tr", has_text="L3").click()
        with_boxes = eventually(lambda: screen.coloured("Red"), "outlines and boxes")
        screen.keep("9-detected")
        screen.page.get_by_text("Boxes", exact=True).click()
        eventually(lambda: screen.coloured("Red") < with_boxes, "no boxes")
        screen["detect"].click()
        eventually(lambda: screen.text("error"), "the detector's weights")
        assert "detect" in screen.text("error")
        assert screen.faults == []
