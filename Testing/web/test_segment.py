"""Outlines come from a worker, are seen in every view, measured, reviewed and renamed."""

import re

from Testing.conftest import TRABECULAR_HU
from Testing.web.conftest import SLICES, THREED, Screen, eventually

GREY_3D = 30
"""The 3D view's own background is nearly grey; anything coloured beyond is a body."""


def test_outlines_are_seen_in_all_three_slice_views_and_in_3d(case: Screen) -> None:
    case["levels"].locator("tr", has_text="L2").click()
    for view in (*SLICES, THREED):
        eventually(lambda view=view: case.coloured(view) > 100, f"colour in {view}")
    case.keep("2-segmented")
    assert "4 vertebrae by labels.nii.gz" in case.text("made-by")


def test_the_table_holds_the_hounsfield_units_and_a_click_on_a_row_goes_there(case: Screen) -> None:
    for level, hu in TRABECULAR_HU.items():
        assert row(case, level)[1] == f"{hu:.0f}"
    places = []
    for level in ("L1", "L4"):
        case["measurements"].locator("tr", has_text=level).click()
        eventually(
            lambda level=level: "chosen" in case["measurements"].locator("tr", has_text=level).get_attribute("class"),
            level,
        )
        places.append(case.page.locator(".slice-slider .v-slider-thumb").first.get_attribute("aria-valuenow"))
    assert float(places[0]) - float(places[1]) > 80


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
    assert row(case, "L2")[1] == f"{TRABECULAR_HU['L1']:.0f}"
    assert case.text("stale") == ""
    case.keep("3-shifted")
    case["shift-up"].click()
    eventually(lambda: levels(case) == list(TRABECULAR_HU), "shifted back")


def levels(case: Screen) -> list[str]:
    return re.findall(r"[TLS]\d+", case.text("levels"))


def row(case: Screen, level: str) -> list[str]:
    return case["measurements"].locator("tr", has_text=level).inner_text().split()
