"""A command at work: progress on stderr, Ctrl-C, and silence from the libraries below."""

import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TextIO

from OsteoScreenLib.errors import Cancelled
from OsteoScreenLib.progress import IsCancelled, Progress, silent

debugging: ContextVar[bool] = ContextVar("debugging", default=False)


@dataclass(frozen=True)
class Job:
    """What a command hands to the function it calls; `say` prints a line on stdout for the person or the program."""

    progress: Progress
    cancelled: IsCancelled
    say: Callable[[str], None]


@contextmanager
def job() -> Iterator[Job]:
    """Run a command's work: a progress bar where stderr is a terminal, and Ctrl-C or SIGTERM as `cancelled`.

    A second Ctrl-C stops work that does not ask. Raises `Cancelled` when stopped.
    """
    with ExitStack() as stack:
        out, err = (sys.stdout, sys.stderr) if debugging.get() else stack.enter_context(_quiet_libraries())
        progress, describe = stack.enter_context(_bar(err)) if err.isatty() else (silent, lambda text: None)
        cancelled = stack.enter_context(_interrupts(lambda: describe("Stopping (again to stop at once)")))
        try:
            yield Job(progress, cancelled, lambda text: print(text, file=out, flush=True))
        except KeyboardInterrupt:
            raise Cancelled from None


@contextmanager
def collector_off() -> Iterator[None]:
    """Leave garbage where it lies: to look through all that is imported takes a twentieth of a short command's time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def _quiet_libraries() -> Iterator[tuple[TextIO, TextIO]]:
    """Discard what is written to stdout and stderr, from Python and below; yield streams that still reach both."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    with open(os.devnull, "w") as nowhere, open(kept[0], "w") as out, open(kept[1], "w") as err:
        for target in (1, 2):
            os.dup2(nowhere.fileno(), target)
        try:
            with redirect_stdout(nowhere), redirect_stderr(nowhere):
                yield out, err
        finally:
            for target, original in zip((1, 2), kept, strict=True):
                os.dup2(original, target)


@contextmanager
def _bar(err: TextIO) -> Iterator[tuple[Progress, Callable[[str], None]]]:
    """Yield what moves the bar, and what changes its text alone."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=err), transient=True) as bar:
        task = bar.add_task("Starting", total=1.0)
        yield (
            lambda fraction, message: bar.update(task, completed=fraction, description=message),
            lambda message: bar.update(task, description=message),
        )


@contextmanager
def _interrupts(tell: Callable[[], None]) -> Iterator[IsCancelled]:
    """Yield whether Ctrl-C was pressed or SIGTERM came, having called `tell` at once."""
    stopped = threading.Event()

    def stop(*_: object) -> None:
        if stopped.is_set():
            raise KeyboardInterrupt
        stopped.set()
        tell()

    if threading.current_thread() is not threading.main_thread():
        yield stopped.is_set
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
