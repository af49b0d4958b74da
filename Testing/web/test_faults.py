"""Whatever goes wrong is said in one line, and the page lives on."""

import base64
import http.client
import re
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np
import psutil
import pytest

from OsteoScreenLib.image_file import write_image
from Testing.conftest import BoxCase
from Testing.readers.conftest import Series
from Testing.web.conftest import Screen, Served, choose_files, eventually, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser

GIB = 1024**3
ROUND_TRIP = """async () => {
    const start = performance.now();
    await window.trame.trigger("shortcut", [""]);
    return performance.now() - start;
}"""


DROP = """([content, name]) => {
    const bytes = Uint8Array.from(atob(content), one => one.charCodeAt(0));
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([bytes], name));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
}"""


@pytest.fixture(scope="module")
def screen(browser: "Browser", view: Served) -> Iterator[Screen]:
    with opened(browser, view.link) as screen:
        screen.until("ct-name", "boxes")
        yield screen
        assert screen.faults == []


def told(screen: Screen, words: str) -> str:
    """Wait for an error that holds these words, close it, and return it."""
    eventually(lambda: re.search(words, screen.text("error")), f"'{words}', not '{screen.text('error')}'")
    said = screen.text("error")
    assert "\n" not in said.strip()
    screen["close-error"].click()
    eventually(lambda: not screen.text("error"), "the error to close")
    return said


def test_a_broken_file_and_what_is_no_ct_are_told_apart(screen: Screen, box_case: BoxCase, tmp_path: Path) -> None:
    whole = box_case.ct_path.read_bytes()
    (tmp_path / "cut.nii.gz").write_bytes(whole[: len(whole) // 2])
    choose_files(screen, "ct", tmp_path / "cut.nii.gz")
    assert "cut.nii.gz" in told(screen, r"cut\.nii\.gz")

    mask = box_case.volume.with_voxels((box_case.labels.voxels > 0).astype(np.int16))
    write_image(mask, tmp_path / "mask.nii.gz")
    choose_files(screen, "ct", tmp_path / "mask.nii.gz")
    told(screen, "not a CT in HU")

    (tmp_path / "notes.txt").write_text("no image at all")
    choose_files(screen, "ct", tmp_path / "notes.txt")
    told(screen, r"notes\.txt|DICOM")
    (tmp_path / "broken.mrb").write_bytes(b"no scene")
    choose_files(screen, "ct", tmp_path / "broken.mrb")
    told(screen, "Slicer scene")
    assert screen.text("ct-name") == "boxes"


def test_more_than_can_be_sent_is_refused_before_it_is_sent(screen: Screen, view: Served, tmp_path: Path) -> None:
    with (tmp_path / "huge.nii").open("wb") as file:
        file.truncate(3 * GIB)
    choose_files(screen, "ct", tmp_path / "huge.nii")
    told(screen, "3.0 GiB; at most 2.0 GiB")

    address = urlsplit(view.link)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
    connection.putrequest("POST", "/upload/ct")
    connection.putheader("Content-Type", "multipart/form-data; boundary=x")
    connection.putheader("Content-Length", str(3 * GIB))
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, "at most 2 GiB" in answer.read().decode()) == (422, True)
    connection.close()


def test_a_zip_bomb_goes_off_nowhere(screen: Screen, tmp_path: Path) -> None:
    bomb, size = tmp_path / "bomb.zip", 10_000_003
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ct.nii", bytes(size))
    content = bomb.read_bytes()
    bomb.write_bytes(content.replace(size.to_bytes(4, "little"), (3 * GIB).to_bytes(4, "little")))
    choose_files(screen, "ct", bomb)
    told(screen, r"bomb\.zip unpacks to 3\.0 GiB")


def test_a_zip_of_a_ct_is_opened(screen: Screen, box_case: BoxCase, tmp_path: Path) -> None:
    path = tmp_path / "sent.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(box_case.ct_path, "folder/ct.nii.gz")
    choose_files(screen, "ct", path)
    screen.until("ct-name", "sent")


def test_the_files_of_a_dicom_series_are_opened_together(screen: Screen, tmp_path: Path) -> None:
    series = Series(tmp_path / "ct")
    series()
    choose_files(screen, "ct", *sorted(series.folder.iterdir()))
    screen.until("ct-name", "DICOM")
    assert "120 kVp" in screen.page.inner_text("#section-input table")
    assert "Secret" not in screen.page.content()


def test_a_dropped_ct_is_opened(screen: Screen, box_case: BoxCase) -> None:
    content = base64.b64encode(box_case.ct_path.read_bytes()).decode()
    screen.page.evaluate(DROP, [content, "dropped.nii.gz"])
    screen.until("ct-name", "dropped")


def workers(view: Served) -> list[psutil.Process]:
    found = psutil.Process(view.process.pid).children(recursive=True)
    return [process for process in found if "OsteoScreenLib.worker" in process.cmdline()]


def test_cancel_stops_the_work_at_once_and_the_page_answers_meanwhile(screen: Screen, view: Served) -> None:
    screen["segment"].click()
    process = eventually(lambda: workers(view), "a worker")[0]
    eventually(lambda: screen["cancel"].is_visible(), "cancel")
    waits = [screen.page.evaluate(ROUND_TRIP) for _ in range(15)]
    assert np.median(waits) < 150
    started = time.monotonic()
    screen["cancel"].click()
    eventually(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, "the worker to end")
    eventually(lambda: not screen["cancel"].is_visible(), "the page to be ready again")
    assert time.monotonic() - started < 2
    assert screen.text("error") == ""
    assert screen["segment"].is_enabled()


def test_another_ct_stops_the_work_on_the_one_before(screen: Screen, view: Served, box_case: BoxCase) -> None:
    screen["segment"].click()
    process = eventually(lambda: workers(view), "a worker")[0]
    screen.page.evaluate(DROP, [base64.b64encode(box_case.ct_path.read_bytes()).decode(), "next.nii.gz"])
    screen.until("ct-name", "next")
    eventually(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, "the worker to end")
    eventually(lambda: screen["segment"].is_enabled(), "the page to be ready again")
    assert screen.text("error") == ""


def test_a_killed_worker_is_an_error_and_the_next_run_works(screen: Screen, view: Served, box_case: BoxCase) -> None:
    screen["segment"].click()
    eventually(lambda: workers(view), "a worker")[0].kill()
    told(screen, "stopped from outside")
    choose_files(screen, "labels", box_case.labels_path)
    screen.until("measurements", "L4")


def test_keys_walk_accept_and_choose_tools(screen: Screen, box_case: BoxCase) -> None:
    screen.page.keyboard.press("n")
    eventually(lambda: chosen(screen) == "L2", "the next vertebra")
    screen.page.keyboard.press("a")
    eventually(lambda: "accepted" in screen["levels"].locator("tr", has_text="L2").inner_text(), "accepted")
    screen.page.keyboard.press("b")
    eventually(lambda: chosen(screen) == "L1", "the vertebra before")
    screen.page.keyboard.press("p")
    eventually(lambda: screen.page.get_by_text("Only within a range of HU").is_visible(), "the brush")
    screen.page.keyboard.press("Escape")
    eventually(lambda: not screen.page.get_by_text("Only within a range of HU").is_visible(), "no brush")


def chosen(screen: Screen) -> str:
    return screen["levels"].locator("tr.chosen .level").inner_text()
