"""One case of a cohort, as a worker does it: once, within its limits, and whole or not at all."""

import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from OsteoScreenLib.cohorts import journal
from OsteoScreenLib.cohorts.limits import Limits, out_of_memory, take_memory_limit, time_limit
from OsteoScreenLib.cohorts.manifest import CohortCase
from OsteoScreenLib.cohorts.settings import Settings, key_of
from OsteoScreenLib.errors import OsteoScreenError
from OsteoScreenLib.output import disk_full
from OsteoScreenLib.readers import input_sha256
from OsteoScreenLib.result_folder import refuse_foreign_files
from OsteoScreenLib.screening import STAGES, screen

CASES, RUNNING, CLAIMS, MARK = "cases", "running", "claims", "case.json"


class Mark(BaseModel):
    """What ``case.json`` says of a finished case; its folder was renamed with it, so the case is whole.

    `stamp` tells without reading the input whether it is still the same; `stages` are (wall, CPU) seconds;
    `memory_mb` is what the worker held afterwards.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    sha256: str
    stamp: str
    seconds: float
    memory_mb: float
    stages: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Task:
    """A case, the folder of its cohort, and how it is to be done; `described` is what the settings come to."""

    case: CohortCase
    cohort: Path
    settings: Settings
    described: dict[str, object]
    limits: Limits


@dataclass(frozen=True)
class Outcome:
    """How a case ended; `stop` where no other case could do better, as on a full disk."""

    case: str
    how: Literal["finished", "kept", "failed"]
    message: str = ""
    stop: bool = False


def run_case(task: Task) -> Outcome:
    """Screen a case into its folder, unless that has been done; a refusal is a failed outcome, not an error.

    The claim is a lock on a file, which the system lets go of when a process ends in whatever way: a case whose driver
    died is waited for, not begun a second time.
    """
    from filelock import FileLock

    name, claims = task.case.name, task.cohort / CLAIMS
    _limit_memory_once(task.limits.memory)
    try:
        claims.mkdir(parents=True, exist_ok=True)
        with (
            FileLock(claims / name),
            journal.own_file(task.cohort, "txt").open("w") as log,
            time_limit(task.limits.seconds, log),
        ):
            return _done_once(task)
    except Exception as error:
        return _failed(task, error)


def read_mark(cohort: Path, name: str) -> Mark | None:
    """Return what is said of a finished case, or None where there is none."""
    try:
        return Mark.model_validate_json((cohort / CASES / name / MARK).read_bytes())
    except (OSError, ValidationError):
        return None


def stamp_of(source: Path) -> str:
    """Return size, number and newest change of an input's files, by which a change is told without reading them."""
    files = [one for one in source.iterdir() if one.is_file()] if source.is_dir() else [source]
    facts = [one.stat() for one in files]
    return f"{len(facts)} {sum(one.st_size for one in facts)} {max((one.st_mtime_ns for one in facts), default=0)}"


def _done_once(task: Task) -> Outcome:
    name, source, series = task.case.name, task.case.source, task.case.series
    journal.add(task.cohort, "begun", name)
    stamp = stamp_of(source) if source.exists() else ""
    sha256 = input_sha256(source, series)
    key = key_of(sha256, task.described)
    before = read_mark(task.cohort, name)
    if before is not None and before.key == key:
        return Outcome(name, "kept")
    stages = _Stages()
    running = task.cohort / RUNNING / name
    shutil.rmtree(running, ignore_errors=True)
    running.mkdir(parents=True)
    try:
        staged = running / "result"
        options = task.settings
        screen(
            source,
            staged,
            engine=options.engine,
            device=options.device,
            series=series,
            cutoffs=options.cutoffs,
            site=options.site,
            flips=options.flips,
            ungated=options.ungated,
            scene=options.scenes,
            name=name,
            progress=stages.progress,
        )
        mark = Mark(
            key=key, sha256=sha256, stamp=stamp, seconds=stages.seconds, memory_mb=_memory(), stages=stages.taken()
        )
        (staged / MARK).write_text(mark.model_dump_json(indent=2) + "\n", encoding="utf-8")
        _publish(staged, task.cohort / CASES / name)
    finally:
        shutil.rmtree(running, ignore_errors=True)
    journal.add(task.cohort, "finished", name)
    return Outcome(name, "finished")


def _publish(staged: Path, place: Path) -> None:
    """Rename a finished folder into its place; one that a former input had left there goes, unless changed by hand."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        refuse_foreign_files(place)
        place.rename(staged.parent / "former")
    staged.rename(place)


def _failed(task: Task, error: Exception) -> Outcome:
    """Return why a case failed, in one line, and write it into the journal if there is room."""
    name, limit = task.case.name, task.limits.memory
    full = disk_full(error, task.cohort)
    if full:
        message = f"The disk of {task.cohort} is full."
    elif out_of_memory(error):
        message = f"It needs more than the {limit:.1f} GiB that a worker may take. Give fewer --workers, more --memory."
    elif isinstance(error, OsteoScreenError):
        message = " ".join(str(error).split())
    else:
        message = f"unexpected {type(error).__name__}: {' '.join(str(error).split())[:200]}"
    with suppress(OSError):
        journal.add(task.cohort, "failed", name, message)
    return Outcome(name, "failed", message, stop=full)


@lru_cache(maxsize=1)
def _limit_memory_once(memory: float) -> None:
    take_memory_limit(memory)


def _memory() -> float:
    """Return the MB that this process holds now."""
    import psutil

    return round(psutil.Process().memory_info().rss / 1e6, 1)


class _Stages:
    """A stopwatch that `screen` drives by its progress: seconds on the clock and of the processor for each stage."""

    def __init__(self) -> None:
        self._began = self._last = (time.perf_counter(), time.process_time())
        self._stage = next(iter(STAGES))
        self._taken = {stage: (0.0, 0.0) for stage in STAGES}

    def progress(self, fraction: float, message: str) -> None:
        self._stop()
        self._stage = [stage for stage, start in STAGES.items() if start <= fraction][-1]

    @property
    def seconds(self) -> float:
        return round(time.perf_counter() - self._began[0], 3)

    def taken(self) -> dict[str, tuple[float, float]]:
        self._stop()
        return {stage: (round(wall, 3), round(cpu, 3)) for stage, (wall, cpu) in self._taken.items()}

    def _stop(self) -> None:
        now = (time.perf_counter(), time.process_time())
        wall, cpu = self._taken[self._stage]
        self._taken[self._stage] = (wall + now[0] - self._last[0], cpu + now[1] - self._last[1])
        self._last = now
