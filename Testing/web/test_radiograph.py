"""The section Radiograph: one line where there is no model; with one a film, its heat map, score and source."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from Testing.radiographs.tiny_models import noisy_film, untrained
from Testing.web.conftest import LONG_S, Screen, choose_files, eventually, opened, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture
def screen(browser: "Browser", tmp_path: Path) -> Iterator[Screen]:
    """The page without a CT, where a model of bone texture is installed that takes age, sex and BMI."""
    untrained(tmp_path / "models" / "untrained", clinical=True)
    with (
        served(tmp_path, OSTEOSCREEN_MODELS=str(tmp_path / "models")) as running,
        opened(browser, running.link, height=900) as screen,
    ):
        yield screen
        assert screen.faults == []
        assert screen.elsewhere == []


def test_a_film_is_scored_under_its_heat_map(screen: Screen, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        screen.page.locator(".section-title").nth(number).click()
    screen.page.locator("#section-radiograph button").first.click()
    screen.until("film-card", "There is no model for verte-x: none is shipped.")
    assert screen["score-film"].count() == 0
    screen.page.locator(".v-select:has(#film-system)").click()
    screen.page.locator(".v-overlay .v-list-item", has_text="bone-texture").click()
    screen.until("film-card", "trained on synthetic films.")
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no film")
    choose_files(screen, "film", broken)
    screen.until("error", "broken.png cannot be read as a picture")
    screen["close-error"].click()
    choose_files(screen, "film", noisy_film(tmp_path / "film.png"))
    screen.until("film", "film.png")
    screen["film-age"].fill("80")
    screen["score-film"].click()
    eventually(lambda: "0.500" in screen.text("film-scores"), "a score", LONG_S)
    assert screen["film-scores"].locator("td").first.inner_text() == "film.png"
    eventually(lambda: screen.coloured("Red") > 500, "the heat map in colour")
    screen.keep("9-radiograph")
