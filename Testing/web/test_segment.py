"""Outlines come from a worker, are seen in every view, measured, reviewed and renamed."""

import re
from pathlib import Path

import numpy as np

from OsteoScreenLib.image_file import write_labels
from OsteoScreenLib.levels import BY_NAME, body_mask, label
from Testing.conftest import TRABECULAR_HU, BoxCase
from Testing.web.conftest import SLICES, THREED, Screen, choose_files, eventually

PINK = BY_NAME["L4"].color


def test_outlines_are_seen_in_all_three_slice_views_and_in_3d(case: Screen) -> None:
    case["levels"].locator("tr", has_text="L2").click()
    for view in (*SLICES, THREED):
        eventually(lambda view=view: case.coloured(view) > 100, f"colour in {view}")
    eventually(lambda: near(case.pixels(THREED), PINK), "L4 in 3D")
    case.keep("2-segmented")
    assert "4 vertebrae by labels.nii.gz" in case.text("made-by")


def test_the_table_holds_the_hounsfield_units_and_a_click_on_a_row_goes_there(case: Screen, box_case: BoxCase) -> None:
    for level, hu in TRABECULAR_HU.items():
        assert row(case, level)[1] == f"{hu:.0f}"
    for level in ("L1", "L4", "L1"):
        case["measurements"].locator("tr", has_text=level).click()
        case.until("segment-volume", level)
        centre = box_case.volume.to_ras(np.argwhere(body_mask(box_case.labels.voxels, level)).mean(0)[::-1])
        eventually(lambda centre=centre: abs(axial(case) - centre[2]) < 2, f"the axial slice through {level}")


def axial(case: Screen) -> float:
    return float(case.page.locator(".slice-slider .v-slider-thumb").first.get_attribute("aria-valuenow"))


def test_a_level_is_accepted_rejected_and_decided_anew(case: Screen) -> None:
    one = case["levels"].locator("tr", has_text="L3")
    one.locator("button.accepted").click()
    eventually(lambda: "accepted" in one.inner_text(), "accepted")
    one.locator("button.rejected").click()
    eventually(lambda: "rejected" in one.inner_text(), "rejected")
    one.locator("button.rejected").click()
    eventually(lambda: "to review" in one.inner_text(), "to review")


def test_all_names_are_shifted_at_once_and_back_with_their_numbers(case: Screen) -> None:
    case["shift-down"].click()
    eventually(lambda: levels(case) == ["L2", "L3", "L4", "L5"], "shifted down")
    eventually(lambda: row(case, "L2")[1] == f"{TRABECULAR_HU['L1']:.0f}", "the numbers have gone with the names")
    assert case.text("stale") == ""
    case.keep("3-shifted")
    case["shift-up"].click()
    eventually(lambda: levels(case) == list(TRABECULAR_HU), "shifted back")


def levels(case: Screen) -> list[str]:
    return re.findall(r"[TLS]\d+", case.text("levels"))


def row(case: Screen, level: str) -> list[str]:
    return case["measurements"].locator("tr", has_text=level).inner_text().split()


def test_another_run_makes_other_outlines_and_hides_the_former(case: Screen, box_case: BoxCase, tmp_path: Path) -> None:
    labels = box_case.labels.voxels
    two = box_case.labels.with_voxels(np.where(labels < label("L3", 1), labels, 0).astype(np.uint16))
    write_labels(two, tmp_path / "two.nii.gz")
    choose_files(case, "labels", tmp_path / "two.nii.gz")
    eventually(lambda: levels(case) == ["L1", "L2"], "two vertebrae")
    case["levels"].locator("tr", has_text="L2").click()
    eventually(lambda: case.coloured("Red") > 100, "L2")
    eventually(lambda: not near(case.pixels(THREED), PINK), "L4 gone from 3D")


def near(seen: np.ndarray, color: tuple[float, ...]) -> bool:
    """Tell whether a colour is seen, whatever its brightness."""
    bright = seen[seen.sum(axis=2) > 200]
    return bool(
        (np.abs(bright / bright.max(axis=1, keepdims=True) - np.array(color) / max(color)) < 0.08).all(axis=1).any()
    )
