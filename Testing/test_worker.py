"""Work in another process: its results are the library's, it stops at once, and every end is said in one line."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest

from OsteoScreenLib.annotation.staleness import merged
from OsteoScreenLib.measurement.hounsfield import anterior_rois, measure
from OsteoScreenLib.result_folder import FILES, SCENE
from OsteoScreenLib.segmentation.corrected import corrected
from OsteoScreenLib.segmentation_json import to_json
from OsteoScreenLib.worker import State, Worker
from Testing.conftest import BoxCase

ROOT = Path(__file__).parents[1]


def finished(worker: Worker, seconds: float = 120) -> State:
    end = time.monotonic() + seconds
    while not (state := worker.poll()).finished:
        assert time.monotonic() < end, f"still {state.message}\n{worker.log}"
        time.sleep(0.05)
    return state


def segmenting(case: BoxCase, folder: Path, engine: Path | str | None = None) -> Worker:
    return Worker.start("segment", {"engine": str(engine or case.labels_path)}, case.volume, None, folder)


def test_a_segmentation_comes_back_whole(box_case: BoxCase, tmp_path: Path) -> None:
    worker = segmenting(box_case, tmp_path / "task")
    state = finished(worker)
    assert state == State(1.0, "Done", finished=True, error=None), worker.log
    found = worker.result()
    assert np.array_equal(found.labels.voxels, box_case.labels.voxels)
    assert [one.level for one in found.findings] == ["L1", "L2", "L3", "L4"]
    assert found.engine == box_case.labels_path.name
    assert found.labels.acquisition == box_case.volume.acquisition
    assert not list((tmp_path / "task").glob(".osteoscreen-*"))


def test_measurements_are_those_of_the_library(box_case: BoxCase, tmp_path: Path) -> None:
    whole = Worker.start("measure", {}, box_case.volume, box_case.labels.voxels, tmp_path / "whole")
    part = Worker.start("measure", {"levels": ["L3"]}, box_case.volume, box_case.labels.voxels, tmp_path / "part")
    assert (finished(whole).error, finished(part).error) == (None, None), whole.log
    measured, table = whole.result(), whole.result().table
    plain = measure(box_case.volume, box_case.labels)
    pd.testing.assert_frame_equal(table[plain.columns], plain, check_exact=True)
    assert measured.rois == anterior_rois(box_case.labels)
    assert "contrast agent" in {one.check for one in measured.findings}
    row = part.result().table
    assert row["level"].tolist() == ["L3"]
    pd.testing.assert_frame_equal(merged(table, row, ["L1", "L2", "L3", "L4"]), table, check_exact=True)


def test_corrected_masks_are_screened_as_they_are_and_the_report_says_so(box_case: BoxCase, tmp_path: Path) -> None:
    from OsteoScreenLib.segmentation.engines import segment

    proposal = replace(segment(box_case.volume, box_case.labels_path), engine="st-unet", notes=("A note.",))
    voxels = np.where(box_case.labels.voxels // 10 == 23, 0, box_case.labels.voxels)
    edited = corrected(proposal, box_case.volume, voxels, False, ("L1 was edited by hand.",))
    parameters = {"segmentation": to_json(edited)}
    worker = Worker.start("screen", parameters, box_case.volume, voxels, tmp_path / "task")
    assert finished(worker, 240).error is None, worker.log
    result = worker.result()
    assert result.measurements["level"].tolist() == ["L1", "L2", "L3"]
    assert result.segmentation.engine == "st-unet"
    assert result.segmentation.notes == ("A note.", "L1 was edited by hand.", "L4 was removed by hand.")
    made = {path.name for path in worker.inputs.result.iterdir()}
    assert made >= set(FILES) - {SCENE}
    assert "L1 was edited by hand." in (worker.inputs.result / "report.html").read_text(encoding="utf-8")


def test_what_the_user_can_mend_is_one_line(box_case: BoxCase, tmp_path: Path) -> None:
    worker = segmenting(box_case, tmp_path, tmp_path / "absent.nii.gz")
    state = finished(worker)
    assert "absent.nii.gz" in state.error
    assert "\n" not in state.error
    assert not worker.inputs.result.exists()


def test_an_unknown_task_is_not_started(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        Worker.start("rm", {}, None, None, tmp_path / "task")
    assert not (tmp_path / "task").exists()


@pytest.fixture
def family(tmp_path: Path) -> str:
    """An interpreter that has a child and then sleeps, as a network's data loader would."""
    if os.name != "posix":
        pytest.skip("needs a shell")
    script = tmp_path / "family"
    script.write_text('#!/bin/sh\nsleep 600 &\necho \'{"fraction": 0.5, "message": "Halfway"}\'\nwait\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return str(script)


def started(family: str, folder: Path) -> tuple[Worker, list[psutil.Process]]:
    worker = Worker.start("segment", {}, None, None, folder, python=family)
    while worker.poll().message != "Halfway":
        time.sleep(0.02)
    head = psutil.Process(worker._process.pid)
    return worker, [head, *head.children(recursive=True)]


def test_cancelling_ends_every_process_within_two_seconds(family: str, tmp_path: Path) -> None:
    worker, processes = started(family, tmp_path / "task")
    assert len(processes) == 2
    before = time.monotonic()
    worker.cancel()
    _, alive = psutil.wait_procs(processes, timeout=2)
    assert not alive
    assert time.monotonic() - before < 2
    assert worker.poll() == State(0.5, "Halfway", finished=True, error="Cancelled. Nothing was written.")


def test_a_killed_worker_says_so_and_leaves_no_child(family: str, tmp_path: Path) -> None:
    worker, processes = started(family, tmp_path / "task")
    processes[0].send_signal(signal.SIGKILL)
    state = finished(worker, 5)
    assert "stopped from outside (signal 9)" in state.error
    _, alive = psutil.wait_procs(processes, timeout=2)
    assert not alive


def test_cancelling_real_work_leaves_no_result(box_case: BoxCase, tmp_path: Path) -> None:
    worker = segmenting(box_case, tmp_path, "st-unet")
    process = psutil.Process(worker._process.pid)
    time.sleep(0.5)
    worker.cancel()
    assert not process.is_running()
    assert not worker.inputs.result.exists()


def test_the_work_ends_when_the_face_that_asked_for_it_dies(box_case: BoxCase, tmp_path: Path) -> None:
    np.save(tmp_path / "voxels.npy", box_case.volume.voxels)
    face = f"""
import os, signal, sys
import numpy as np
from pathlib import Path
from OsteoScreenLib.volume import Volume
from OsteoScreenLib.worker import Worker
volume = Volume(np.load({str(tmp_path / "voxels.npy")!r}), np.eye(4))
settings = {{"engine": "st-unet", "device": "cpu"}}
worker = Worker.start("segment", settings, volume, None, Path({str(tmp_path / "task")!r}))
print(worker._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    run = subprocess.run([sys.executable, "-c", face], capture_output=True, text=True, cwd=ROOT, timeout=60)
    pid = int(run.stdout)
    end = time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert not (tmp_path / "task" / "result").exists()


def test_the_folder_can_be_thrown_away_after_a_result(box_case: BoxCase, tmp_path: Path) -> None:
    worker = segmenting(box_case, tmp_path / "task")
    finished(worker)
    found = worker.result()
    shutil.rmtree(tmp_path / "task")
    assert worker.poll().finished
    assert found.labels.voxels.any()
