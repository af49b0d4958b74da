"""The whole way with our own networks: on a synthetic CT, whose pictures the README shows, and on a real one."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from OsteoScreenLib.image_file import write_image
from OsteoScreenLib.phantoms import make_phantom
from Testing.web.conftest import SLICES, THREED, Screen, eventually, opened, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

LONG_S = 400
"""The networks take half a minute on two quiet cores, and many times that on busy ones."""


@pytest.fixture(scope="module", params=["phantom", "real"])
def ct(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if request.param == "real":
        return request.getfixturevalue("real_data") / "ct_totalsegmentator" / "ct.nii.gz"
    path = tmp_path_factory.mktemp("ct") / "phantom-3.nii.gz"
    write_image(make_phantom(3, size=(150, 120, 160), spacing=(2.0, 2.0, 2.0)).volume, path)
    return path


def test_a_ct_is_opened_segmented_and_measured_and_a_real_one_reported(
    browser: "Browser", ct: Path, tmp_path: Path
) -> None:
    synthetic = ct.name.startswith("phantom")
    started = time.monotonic()
    with served(tmp_path, str(ct)) as running, opened(browser, running.link, 1280, 1040) as screen:
        screen.until("ct-name", ct.name.removesuffix(".nii.gz"))
        ready = time.monotonic() - started
        screen["segment"].click()
        percents = seen_while_running(screen)
        first = time.monotonic() - started - ready
        assert screen.text("error") == ""
        assert len(set(percents)) > 3, "progress was seen"
        for level in ("L1", "L2", "L3"):
            assert level in screen.text("measurements")
        screen["levels"].locator("tr", has_text="L3").click()
        for view in (*SLICES, THREED):
            eventually(lambda view=view: screen.coloured(view) > 100, f"colour in {view}")
        screen.page.wait_for_timeout(3000)
        memory = psutil.Process(running.process.pid).memory_info().rss / 1024**3
        print(
            f"{ct.name}: page ready {ready:.0f} s, measured {first:.0f} s later, {memory:.2f} GiB in the page's process"
        )
        assert memory < 2
        if synthetic:
            screen.keep("page")
        else:
            screen["make-report"].click()
            eventually(lambda: screen["report-page"].count(), "the report", LONG_S)
        assert screen.elsewhere == []
        assert screen.faults == []


def seen_while_running(screen: Screen) -> list[str]:
    """Return what the progress said until the measurements were there."""
    said: list[str] = []

    def done() -> bool:
        said.append(screen.text("job"))
        return "L3" in screen.text("measurements") or bool(screen.text("error"))

    eventually(done, "the measurements", LONG_S)
    return said
