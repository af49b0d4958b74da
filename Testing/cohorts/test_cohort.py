"""A cohort finishes every case once, and what dies or is refused costs its own case alone."""

import csv
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import psutil
import pytest

from OsteoScreenLib.cohort import Counts
from OsteoScreenLib.cohorts import journal
from OsteoScreenLib.cohorts.settings import Settings
from OsteoScreenLib.cohorts.tables import read_rows
from OsteoScreenLib.cohorts.task import read_mark
from OsteoScreenLib.errors import Cancelled, OutputError
from Testing.cohorts.conftest import go, images

GOOD = ("a", "b", "c", "d", "e")


@dataclass(frozen=True)
class Run:
    """A cohort that went badly: how it ended, and its failures then."""

    source: Path
    output: Path
    counts: Counts
    failures: dict[str, str]


@pytest.fixture(scope="module")
def harmed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A first run in which one case of each kind goes wrong; its time limit is for the case that hangs."""
    folder = tmp_path_factory.mktemp("harmed")
    source = images(folder / "in", *GOOD, "killed-1", "hangs-1", "hungry-1", "refused-1", "odd-1")
    counts = go(source, folder / "out", seconds=4.0)
    return Run(source, folder / "out", counts, failures(folder / "out"))


@pytest.fixture(scope="module")
def resumed(harmed: Run) -> Counts:
    return go(harmed.source, harmed.output, resume=True)


def failures(output: Path) -> dict[str, str]:
    with (output / "failures.csv").open(newline="") as file:
        return {row["case"]: row["message"] for row in csv.DictReader(file)}


def finished(output: Path) -> Counter[str]:
    return Counter(event.case for event in journal.events(output) if event.what == "finished")


def test_every_failure_costs_its_own_case(harmed: Run) -> None:
    assert harmed.counts == Counts(10, 5, 5)
    assert finished(harmed.output) == Counter(GOOD)


def test_failures_are_told_in_one_clear_line_each(harmed: Run) -> None:
    said = harmed.failures
    assert "stopped from outside (signal 9)" in said["killed-1"]
    assert "longer than 4 s" in said["hangs-1"]
    assert "more than the 4.0 GiB" in said["hungry-1"]
    assert said["refused-1"] == "There is no spine in it."
    assert said["odd-1"] == "unexpected ZeroDivisionError: by nothing"


def test_resume_does_what_is_left_and_nothing_twice(harmed: Run, resumed: Counts) -> None:
    assert resumed == Counts(10, 8, 2)
    assert finished(harmed.output) == Counter([*GOOD, "killed-1", "hangs-1", "hungry-1"])
    assert set(failures(harmed.output)) == {"refused-1", "odd-1"}


@pytest.mark.usefixtures("resumed")
def test_the_table_is_that_of_an_undisturbed_run(harmed: Run, tmp_path: Path) -> None:
    for name in ("killed-1", "hangs-1", "hungry-1"):
        (harmed.source / f".{name}.nii.tried").touch()
    go(harmed.source, tmp_path / "calm")
    for name in ("measurements", "features"):
        pd.testing.assert_frame_equal(read_rows(harmed.output, name), read_rows(tmp_path / "calm", name))


@pytest.mark.usefixtures("resumed")
def test_tables_hold_what_the_cases_folders_hold(harmed: Run) -> None:
    rows = read_rows(harmed.output, "measurements").set_index(["case", "level"])
    assert len(rows) == 2 * 8
    for name in GOOD:
        there = pd.read_csv(harmed.output / "cases" / name / "measurements.csv").set_index("level")
        assert rows.roi_mean_hu[name, "L1"] == there.roi_mean_hu["L1"]
        assert pd.isna(rows.roi_mean_hu[name, "L2"])
    cases = pd.read_csv(harmed.output / "cases.csv").set_index("case")
    assert Counter(cases.status) == {"finished": 8, "failed": 2}
    assert cases.key["a"] == read_mark(harmed.output, "a").key


@pytest.mark.usefixtures("resumed")
def test_the_overview_links_every_report_and_names_every_failure(harmed: Run) -> None:
    page = (harmed.output / "overview.html").read_text()
    assert all(f'href="cases/{name}/report.html"' in page for name in (*GOOD, "killed-1"))
    assert "There is no spine in it." in page
    assert "Research use only" in page


def test_a_killed_driver_takes_its_workers_with_it_and_resume_finishes_each_case_once(tmp_path: Path) -> None:
    source, output = images(tmp_path / "in", *(f"slow-{n}" for n in range(8))), tmp_path / "out"
    driver = subprocess.Popen([sys.executable, "-m", "Testing.cohorts.stand_in", str(source), str(output)])
    wait_for(lambda: sum(finished(output).values()) >= 2)
    workers = [one for one in psutil.Process(driver.pid).children() if "spawn_main" in " ".join(one.cmdline())]
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert len(workers) == 2
    wait_for(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in workers))
    assert go(source, output, resume=True) == Counts(8, 8, 0)
    assert set(finished(output).values()) == {1}
    assert not (output / "running").exists()


def test_a_full_disk_stops_the_run_and_leaves_what_is_finished(tmp_path: Path) -> None:
    source, output = images(tmp_path / "in", "a", "b", "full-1", "slow-1", "slow-2"), tmp_path / "out"
    with pytest.raises(OutputError, match=r"The disk of .* is full\. \d of 5 cases are finished and stay"):
        go(source, output)
    before = finished(output)
    assert go(source, output, resume=True) == Counts(5, 5, 0)
    assert all(finished(output)[name] == 1 for name in before)


def test_only_a_changed_input_is_done_again(tmp_path: Path) -> None:
    source, output = images(tmp_path / "in", "a", "b", "c"), tmp_path / "out"
    go(source, output)
    keys = {name: read_mark(output, name).key for name in "abc"}
    (source / "a.nii").write_text("another image")
    os.utime(source / "b.nii")
    assert go(source, output, resume=True) == Counts(3, 3, 0)
    assert finished(output) == Counter("aabc")
    assert [read_mark(output, name).key == keys[name] for name in "abc"] == [False, True, True]


def test_a_result_that_was_corrected_by_hand_is_not_replaced(tmp_path: Path) -> None:
    source, output = images(tmp_path / "in", "a", "b"), tmp_path / "out"
    go(source, output)
    (output / "cases" / "a" / "report.html").write_text("mine")
    (source / "a.nii").write_text("another image")
    assert go(source, output, resume=True) == Counts(2, 1, 1)
    assert "not replaced" in failures(output)["a"]
    assert (output / "cases" / "a" / "report.html").read_text() == "mine"


def test_cancelling_stops_the_workers_and_keeps_what_is_finished(tmp_path: Path) -> None:
    source, output = images(tmp_path / "in", *(f"slow-{n}" for n in range(6))), tmp_path / "out"
    with pytest.raises(Cancelled):
        go(source, output, cancelled=lambda: sum(finished(output).values()) >= 2)
    kept = finished(output)
    assert go(source, output, resume=True) == Counts(6, 6, 0)
    assert all(finished(output)[name] == 1 for name in kept)


def test_the_same_image_twice_is_said(tmp_path: Path) -> None:
    source, output = images(tmp_path / "in", "a", "b"), tmp_path / "out"
    (source / "c.nii").write_bytes((source / "a.nii").read_bytes())
    go(source, output)
    same = pd.read_csv(output / "cases.csv").set_index("case").same_image_as
    assert same.dropna().to_dict() == {"c": "a"}
    assert "1 of them shows the very image of another case" in (output / "overview.html").read_text()


def test_a_folder_belongs_to_one_cohort(tmp_path: Path) -> None:
    source, output = images(tmp_path / "in", "a"), tmp_path / "out"
    go(source, output)
    with pytest.raises(OutputError, match="holds a cohort already"):
        go(source, output)
    with pytest.raises(OutputError, match="was begun with other settings"):
        go(source, output, resume=True, settings=Settings(flips=True))
    with pytest.raises(OutputError, match=r"holds other files \(a.nii\)"):
        go(source, source)


def wait_for(there, seconds: float = 60.0) -> None:
    """Wait until something is there; fail if it does not come."""
    until = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < until
        time.sleep(0.1)
