"""The real page in a real browser: `osteoscreen view` in a process of its own, driven in Chromium."""

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from Testing.conftest import BoxCase

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

PATIENCE_S = 90
"""How long a test polls before it gives up: a render in software on a busy machine takes seconds."""

LONG_S = 400
"""The same where the networks run or every feature is computed: half a minute on two quiet cores."""

ARTEFACTS = Path(os.environ.get("OSTEOSCREEN_ARTEFACTS", Path(__file__).parents[2] / "out" / "web"))
"""Where the screenshot of each step is kept."""

SLICES, THREED = ("Red", "Yellow", "Green"), "ThreeD"


REDRAWN = ("not attached to the DOM", "not visible or not an HTMLElement")
"""What Playwright says of a view that the page draws anew."""


def eventually(seen: Callable[[], object], what: str, patience: float = PATIENCE_S) -> object:
    """Poll until `seen` returns something true, and return it.

    A view that the page draws anew while it is looked at is not seen yet.
    """
    end = time.monotonic() + patience
    while True:
        try:
            if found := seen():
                return found
        except Exception as error:
            # Playwright's own class, which is not imported where it is not installed.
            if not any(gone in str(error) for gone in REDRAWN):
                raise
        if time.monotonic() > end:
            pytest.fail(f"not within {patience} s: {what}")
        time.sleep(0.15)


@dataclass(eq=False)
class Served:
    """A running `osteoscreen view`."""

    process: subprocess.Popen
    link: str
    log: Path


@contextmanager
def served(folder: Path, *arguments: str, **environment: str) -> Iterator[Served]:
    """Run `osteoscreen view` on a free port until the block ends; it must then end by itself on SIGINT."""
    log = folder / "view.log"
    code = "import sys; from OsteoScreenLib.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "view", *arguments, "--port", "0", "--no-browser"]
    temporary = folder / "tmp"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary), "TMP": str(temporary), "TEMP": str(temporary), **environment}
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment)
    try:

        def link() -> str | None:
            lines = log.read_text(errors="replace").splitlines()
            assert process.poll() is None, lines
            return next((line for line in lines if line.startswith("http://")), None)

        yield Served(process, eventually(link, "the link on stdout"), log)
        process.send_signal(signal.SIGINT)
        process.wait(30)
        assert not list(temporary.glob("osteoscreen-*")), "the private folder stayed"
    finally:
        process.kill()
        process.wait()


@dataclass(eq=False)
class Screen:
    """The page as a person sees it."""

    page: "Page"
    requests: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __getitem__(self, name: str) -> "Locator":
        """The element of this id."""
        return self.page.locator(f"#{name}")

    def text(self, name: str) -> str:
        """What an element says, or nothing where it is not shown."""
        return self.page.evaluate("id => document.getElementById(id)?.innerText ?? ''", name)

    def until(self, name: str, says: str) -> None:
        """Wait until an element says this."""
        eventually(lambda: says in self.text(name), f"'{says}' in #{name}, which says '{self.text(name)}'")

    def view(self, name: str) -> "Locator":
        """One of the views, by the name that Slicer gives it."""
        return self.page.locator(f"#view-{name}")

    def pixels(self, view: str) -> np.ndarray:
        """What a view shows, (rows, columns, RGB), without what the page lays over it at the edges."""
        image = Image.open(io.BytesIO(self.view(view).screenshot())).convert("RGB")
        return np.asarray(image, dtype=float)[45:-45, 45:-10]

    def coloured(self, view: str) -> int:
        """How many pixels of a view have a colour: CT is grey, outlines are not."""
        seen = self.pixels(view)
        return int((seen.max(axis=2) - seen.min(axis=2) > 40).sum())

    def keep(self, step: str) -> None:
        """Keep a screenshot of a step."""
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=ARTEFACTS / f"{step}.png")

    @property
    def elsewhere(self) -> list[str]:
        """The requests that went to other machines."""
        here = urlsplit(self.page.url).netloc
        outside = [one for one in self.requests if not one.startswith(("data:", "blob:"))]
        return [one for one in outside if urlsplit(one).netloc != here]


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """Chromium without a window; for one file of tests, because playwright keeps the thread's event loop."""
    pytest.importorskip("trame_slicer", reason="the page is not installed: pip install 'osteoscreen[viewer]'")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: extra 'test'")
    chromium = os.environ.get("CHROMIUM") or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if chromium is None:
        pytest.skip("no Chromium: apt-get install chromium, or set CHROMIUM to its path")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@contextmanager
def opened(browser: "Browser", link: str, width: int = 960, height: int = 700) -> Iterator[Screen]:
    """Open a link in a browser of its own, as another person would."""
    context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
    screen = Screen(context.new_page())
    screen.page.on("request", lambda request: screen.requests.append(request.url))
    screen.page.on("websocket", lambda socket: screen.requests.append(socket.url))
    screen.page.on("pageerror", lambda error: screen.faults.append(str(error)))
    try:
        screen.page.goto(link, timeout=PATIENCE_S * 1000)
        screen.page.wait_for_selector("#theme", timeout=PATIENCE_S * 1000)
        yield screen
    finally:
        context.close()


def choose_files(screen: Screen, kind: str, *paths: Path) -> None:
    """Choose files in the dialog that a click opens."""
    with screen.page.expect_file_chooser(timeout=PATIENCE_S * 1000) as chooser:
        screen.page.locator(f'[data-choose="{kind}"]').click()
    chooser.value.set_files([str(path) for path in paths])


@pytest.fixture(scope="module")
def view(browser: "Browser", box_case: BoxCase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A running `osteoscreen view` with the boxes open; shared by the tests of a file."""
    with served(tmp_path_factory.mktemp("view"), str(box_case.ct_path)) as running:
        yield running


@pytest.fixture(scope="module")
def case(browser: "Browser", box_case: BoxCase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screen]:
    """The page with the boxes, segmented by their own label map and measured; shared by the tests of a file."""
    with (
        served(tmp_path_factory.mktemp("view"), str(box_case.ct_path)) as running,
        opened(browser, running.link) as screen,
    ):
        screen.until("ct-name", "boxes")
        choose_files(screen, "labels", box_case.labels_path)
        screen.until("measurements", "L4")
        yield screen
        assert screen.faults == []
        assert screen.elsewhere == []
