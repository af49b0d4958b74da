"""Masks are corrected by hand in the slice views; the numbers know it and follow."""

import re

from Testing.web.conftest import Screen, eventually


def voxels(case: Screen) -> int:
    found = re.search(r": (\d+) voxels", case.text("segment-volume"))
    return int(found[1]) if found else -1


def choose(case: Screen, level: str, part: str = "body") -> int:
    case["levels"].locator("tr", has_text=level).click()
    case.page.locator(".v-btn-toggle button", has_text=part).click()
    case.until("segment-volume", f"{level} {part}: ")
    return voxels(case)


def stroke(case: Screen, tool: str, view: str = "Red", off: tuple[float, float] = (0.18, 0.0)) -> None:
    """Draw from the middle of a view outwards; `off` is where to, as a share of the view's width and height."""
    case[f"tool-{tool}"].click()
    box = case.view(view).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    mouse = case.page.mouse
    mouse.move(x, y)
    mouse.down()
    for step in (0.25, 0.5, 0.75, 1.0):
        mouse.move(x + step * off[0] * box["width"], y + step * off[1] * box["height"])
        case.page.wait_for_timeout(50)
    mouse.up()


def test_paint_undo_redo_and_what_the_table_says(case: Screen) -> None:
    before = choose(case, "L3")
    hu = case.text("measurements")
    stroke(case, "paint", off=(0.25, 0.0))
    eventually(lambda: voxels(case) > before, "more voxels")
    painted = voxels(case)
    eventually(lambda: "L3" in case.text("stale"), "L3 out of date")
    assert "edited" in case["levels"].locator("tr", has_text="L3").inner_text()
    case.keep("4-painted")

    case["undo"].click()
    eventually(lambda: voxels(case) == before, "all as it was")
    eventually(lambda: case.text("stale") == "", "nothing out of date")
    case["redo"].click()
    eventually(lambda: voxels(case) == painted, "painted again")

    eventually(lambda: case["measure"].is_enabled(), "something to measure")
    case["measure"].click()
    eventually(lambda: case.text("stale") == "" and case.text("measurements") != hu, "other numbers, up to date")
    case.keep("5-measured-again")
    assert [case.text("measurements").count(level) for level in ("L1", "L2", "L3", "L4")] == [1, 1, 1, 1]


def test_erasing_a_body_takes_the_trabecular_part_along_and_undo_brings_both_back(case: Screen) -> None:
    other, trabecular, body = choose(case, "L2"), choose(case, "L1", "trabecular"), choose(case, "L1")
    stroke(case, "erase")
    eventually(lambda: 0 < voxels(case) < body, "fewer voxels")
    case["tool-look"].click()
    assert choose(case, "L1", "trabecular") < trabecular
    assert choose(case, "L2") == other
    case["undo"].click()
    choose(case, "L1")
    eventually(lambda: voxels(case) == body, "the body as it was")
    assert choose(case, "L1", "trabecular") == trabecular


def test_a_brush_within_a_range_of_hu_takes_bone_alone(case: Screen) -> None:
    before = choose(case, "L4")
    case["tool-paint"].click()
    case.page.get_by_text("Only within a range of HU").click()
    stroke(case, "paint", off=(0.3, 0.0))
    case.page.wait_for_timeout(3000)
    assert voxels(case) == before
    case.page.get_by_text("Only 150 to 2000 HU").click()
    stroke(case, "paint", off=(0.3, 0.0))
    eventually(lambda: voxels(case) > before, "water is painted, too")
    case["undo"].click()
    eventually(lambda: voxels(case) == before, "all as it was")
    case["tool-look"].click()


def test_smoothing_rounds_and_islands_go(case: Screen) -> None:
    before = choose(case, "L2")
    case["smooth"].click()
    eventually(lambda: 0.8 * before < voxels(case) < before, "rounded corners")
    rounded = voxels(case)
    stroke(case, "paint", view="Yellow", off=(-0.3, 0.0))
    eventually(lambda: voxels(case) > rounded, "more voxels")
    case["tool-look"].click()
    case["islands"].click()
    eventually(lambda: case["undo"].is_enabled(), "undo")
    case["undo"].click()
    case["undo"].click()
    case["undo"].click()
    eventually(lambda: voxels(case) == before, "all as it was")


def test_after_a_shift_of_names_nothing_before_it_can_be_undone(case: Screen) -> None:
    before = choose(case, "L4")
    stroke(case, "erase", off=(0.05, 0.0))
    eventually(lambda: voxels(case) < before, "fewer voxels")
    case["shift-down"].click()
    case.until("levels", "L5")
    eventually(lambda: not case["undo"].is_enabled(), "nothing to undo")
