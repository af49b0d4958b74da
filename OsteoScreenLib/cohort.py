"""Many cases: a folder in which every case of a manifest has its result once, whatever dies on the way."""

import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from OsteoScreenLib.cohorts.journal import LOG
from OsteoScreenLib.cohorts.limits import Limits
from OsteoScreenLib.cohorts.manifest import COHORT_MARK, CohortCase
from OsteoScreenLib.cohorts.settings import Settings, described, key_of
from OsteoScreenLib.cohorts.tables import (
    FAILED,
    FINISHED,
    case_table,
    read_rows,
    write_case_table,
    write_failures,
    write_tables,
)
from OsteoScreenLib.cohorts.task import CASES, CLAIMS, RUNNING, Outcome, Task, read_mark, stamp_of
from OsteoScreenLib.errors import OutputError
from OsteoScreenLib.models import find, read_card
from OsteoScreenLib.output import staged_file
from OsteoScreenLib.progress import Progress, silent
from OsteoScreenLib.report.cohort_page import write_overview
from OsteoScreenLib.result import ModelUse
from OsteoScreenLib.result_folder import REPORT

LOCK = ".lock"

Runner = Callable[[Iterable[Task]], Iterator[Outcome]]
"""Where tasks run: `cohorts.processes.on_this_machine` or `cohorts.cluster.on_ray`, with their arguments filled in."""


@dataclass(frozen=True)
class Counts:
    """How many cases of a cohort there are, have a result, and failed; the others wait for the next run."""

    cases: int
    finished: int
    failed: int


def run_cohort(
    cases: Sequence[CohortCase],
    folder: Path,
    settings: Settings,
    limits: Limits,
    runner: Runner,
    *,
    resume: bool = False,
    progress: Progress = silent,
) -> Counts:
    """Screen every case that has no result yet, and write the cohort's tables and overview.

    ``cases/<name>/`` has each result, ``tables/`` all of them (Parquet), ``cases.csv`` and ``failures.csv`` how each
    case ended, ``overview.html`` the whole, ``log/`` what happened when. A case is finished when its folder is there
    with the key of its input, models and settings; `resume` goes on with what is not, failed cases included.
    Raises `OutputError` where the folder is another cohort's or in use, or the disk is full, `ModelError`, `Cancelled`;
    what is finished stays, and ``failures.csv`` says what failed.
    """
    says = described(settings)
    with _alone(folder):
        _begin(folder, says, resume)
        tasks = [Task(case, folder, settings, says, limits) for case in cases if not _is_finished(folder, case, says)]
        pace = _Pace(len(cases), len(cases) - len(tasks), progress)
        try:
            with closing(runner(tasks)) as outcomes:
                for outcome in outcomes:
                    _stop_if_full(outcome, pace, len(cases))
                    pace.add(outcome)
                    if outcome.how == FAILED:
                        write_failures(folder, cases)
        finally:
            with suppress(OutputError):
                write_failures(folder, cases)
            _tidy(folder, cases)
        progress(1.0, "Writing the tables")
        table = case_table(folder, cases)
        write_case_table(folder, table)
        write_tables(folder, table)
        uses = tuple(ModelUse.of(read_card(find(name))) for name in says["models"])
        write_overview(folder, table, read_rows(folder, "measurements"), uses, f"{CASES}/{{case}}/{REPORT}")
    return Counts(len(cases), int(table["status"].eq(FINISHED).sum()), int(table["status"].eq(FAILED).sum()))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder for this driver alone; raises `OutputError` where another one is at work in it."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK, timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise OutputError(f"Another run is at work in {folder}. Wait for it, or choose another folder.") from None
    except OSError as error:
        raise OutputError(f"Cannot write to {folder}: {error.strerror or error}. Choose another place.") from error
    try:
        yield
    finally:
        lock.release()


def _begin(folder: Path, says: dict[str, object], resume: bool) -> None:
    """Write down what the cohort is made with, or raise `OutputError` where it was begun otherwise.

    Where no case was ever begun, nothing was.
    """
    path = folder / COHORT_MARK
    if not path.exists() or not (folder / LOG).exists():
        if others := sorted(one.name for one in folder.iterdir() if one.name not in (LOCK, COHORT_MARK)):
            raise OutputError(f"{folder} holds other files ({others[0]}). Choose an empty or a new folder.")
        with staged_file(path) as staged:
            staged.write_text(json.dumps(says, indent=2) + "\n", encoding="utf-8")
        return
    if not resume:
        raise OutputError(f"{folder} holds a cohort already. Go on with --resume, or choose another folder.")
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise OutputError(f"{path} is damaged; restore it from a copy, or choose another folder.") from None
    changed = [name for name in says if not isinstance(before, dict) or before.get(name) != says[name]]
    if changed:
        raise OutputError(
            f"{folder} was begun with other {' and '.join(changed)}, and a cohort has one of each. "
            "Give the same again, or choose another folder."
        )


def _is_finished(folder: Path, case: CohortCase, says: dict[str, object]) -> bool:
    """Tell whether a case has its result, its input unchanged by size and date; if they changed, a worker reads it."""
    mark = read_mark(folder, case.name)
    if mark is None or mark.key != key_of(mark.sha256, says):
        return False
    try:
        return stamp_of(case.source) == mark.stamp
    except OSError:
        return True


def _stop_if_full(outcome: Outcome, pace: "_Pace", cases: int) -> None:
    """Raise `OutputError` where a case failed of what all others would fail of, too."""
    if outcome.stop:
        raise OutputError(
            f"{outcome.message} {pace.finished} of {cases} cases are finished and stay. "
            "Make room, and run again with --resume."
        )


def _tidy(folder: Path, cases: Sequence[CohortCase]) -> None:
    """Remove what killed workers left, and the claims once the cohort is whole, when nobody can wait for one."""
    from filelock import FileLock, Timeout

    for left in (folder / RUNNING).glob("*"):
        with suppress(Timeout), FileLock(folder / CLAIMS / left.name, timeout=0):
            shutil.rmtree(left, ignore_errors=True)
    if all(read_mark(folder, case.name) for case in cases):
        shutil.rmtree(folder / CLAIMS, ignore_errors=True)
        shutil.rmtree(folder / RUNNING, ignore_errors=True)


class _Pace:
    """How many cases are finished and failed, how many an hour, and how long the rest will take."""

    def __init__(self, cases: int, finished: int, progress: Progress) -> None:
        self.finished, self._failed = finished, 0
        self._cases, self._here, self._since, self._progress = cases, 0, time.monotonic(), progress
        progress(finished / cases, self._words())

    def add(self, outcome: Outcome) -> None:
        self._failed += outcome.how == "failed"
        self.finished += outcome.how != "failed"
        self._here += 1
        self._progress((self.finished + self._failed) / self._cases, self._words())

    def _words(self) -> str:
        words = f"{self.finished} of {self._cases} cases"
        if self._failed:
            words += f", {self._failed} failed"
        if self._here:
            each = (time.monotonic() - self._since) / self._here
            left = each * (self._cases - self.finished - self._failed)
            words += f", {3600 / each:.0f} an hour, {_clock(left)} left"
        return words


def _clock(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{max(1, minutes)} min"
