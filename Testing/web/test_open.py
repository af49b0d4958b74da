"""The page opens: a CT by path, four views, what is known of it, and nothing from elsewhere."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import numpy as np
import pytest

from Testing.web.conftest import SLICES, Screen, Served, eventually, opened, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture
def screen(browser: "Browser", view: Served) -> Iterator[Screen]:
    with opened(browser, view.link) as screen:
        screen.until("ct-name", "boxes")
        yield screen
        assert screen.faults == []


def shows_ct(screen: Screen, view: str) -> bool:
    seen = screen.pixels(view)
    return seen.max() > 60


def test_a_ct_given_by_path_is_shown_in_three_slice_views_in_the_bone_window(screen: Screen) -> None:
    for view in SLICES:
        eventually(lambda view=view: shows_ct(screen, view), f"the CT in {view}")
    screen.keep("1-open")
    assert "44 x 40 x 76 voxels of 2 x 2 x 2 mm" in screen.page.inner_text("#section-input")
    assert "Tube voltage unknown" in screen.page.inner_text("#section-input")
    assert "Research use only" in screen.page.inner_text("footer")


def test_nothing_is_asked_of_another_machine(screen: Screen) -> None:
    eventually(lambda: shows_ct(screen, "Red"), "the CT")
    assert len(screen.requests) > 5
    assert screen.elsewhere == []


def test_the_layout_and_the_window_can_be_chosen(screen: Screen) -> None:
    eventually(lambda: shows_ct(screen, "Red"), "the CT")
    small = screen.view("Red").bounding_box()
    choose(screen, "layout", "Axial")
    eventually(lambda: screen.view("Yellow").count() == 0, "one view alone")
    eventually(lambda: screen.view("Red").bounding_box()["width"] > 1.5 * small["width"], "a large view")
    eventually(lambda: shows_ct(screen, "Red"), "the CT, large")
    before = screen.pixels("Red")
    choose(screen, "window", "Soft tissue")
    eventually(lambda: np.abs(screen.pixels("Red").mean() - before.mean()) > 5, "another window")
    choose(screen, "window", "Bone")
    choose(screen, "layout", "Four-up")
    eventually(lambda: all(shows_ct(screen, view) for view in SLICES), "four views")


def choose(screen: Screen, name: str, item: str) -> None:
    screen.page.locator(f".v-select:has(#{name})").click()
    screen.page.locator(".v-overlay .v-list-item", has_text=item).first.click()
    eventually(lambda: screen.page.locator(".v-overlay .v-list-item").count() == 0, "the list to close")


def test_a_second_browser_sees_the_same_case_and_harms_nobody(browser: "Browser", screen: Screen, view: Served) -> None:
    eventually(lambda: shows_ct(screen, "Red"), "the CT")
    with opened(browser, view.link, 800, 600) as other:
        other.until("ct-name", "boxes")
        eventually(lambda: shows_ct(other, "Red"), "the CT in the other browser")
        assert shows_ct(screen, "Red")
    eventually(lambda: shows_ct(screen, "Red"), "the CT after the other left")


def test_light_and_dark(screen: Screen) -> None:
    background = "() => getComputedStyle(document.querySelector('header')).backgroundColor"
    dark = screen.page.evaluate(background)
    screen["theme"].click()
    eventually(lambda: screen.page.evaluate(background) != dark, "a light page")
    screen["theme"].click()
    eventually(lambda: screen.page.evaluate(background) == dark, "a dark page")


def test_elsewhere_the_page_needs_the_link_with_the_token(browser: "Browser", tmp_path: Path) -> None:
    with served(tmp_path, "--host", "0.0.0.0") as running:
        link = urlsplit(running.link)
        here = f"http://127.0.0.1:{link.port}/"
        assert len(link.query) > len("token=") + 20
        with pytest.raises(HTTPError, match="403"):
            urlopen(here, timeout=60)
        with opened(browser, f"{here}?{link.query}") as screen:
            eventually(lambda: "Drop a CT here" in screen.text("drop-zone"), "the page, alive")
            assert "token" not in screen.page.url
            assert screen.elsewhere == []
