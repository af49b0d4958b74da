"""What one case may take: memory, time, and whether its worker still has a driver."""

import faulthandler
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from OsteoScreenLib.errors import InputError

GIB = 2**30
LEAST = 2.0
"""GiB without which no worker is begun: a small CT takes 1.8 GiB from reading to report, the libraries included."""
SHARE = 0.85
"""How much of the machine's memory all workers together may be given."""


@dataclass(frozen=True)
class Limits:
    """Of one worker: GiB of memory, seconds for a case, threads for its arithmetic."""

    memory: float
    seconds: float = 1800.0
    threads: int = 1


def machine_memory() -> float:
    """Return the GiB that this machine or container has."""
    import psutil

    total = psutil.virtual_memory().total
    with suppress(OSError, ValueError):
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return total / GIB


def limits_for(workers: int, memory: float | None, seconds: float) -> Limits:
    """Return the limits of each of so many workers on this machine: an equal share of memory and threads.

    Raises `InputError` where that is more than there is, so that a cohort is refused rather than swapped to the disk.
    """
    whole = machine_memory()
    each = memory or SHARE * whole / workers
    if each < LEAST:
        raise InputError(f"A worker needs {LEAST:g} GiB and would get {each:.1f}. Give fewer workers or more --memory.")
    if each * workers > whole:
        raise InputError(
            f"{workers} workers of {each:g} GiB need {each * workers:.0f} GiB; this machine has {whole:.0f}. "
            f"Give --workers {max(1, int(whole / each))} or less --memory."
        )
    return Limits(each, seconds, max(1, (os.cpu_count() or 1) // workers))


def take_memory_limit(memory: float) -> None:
    """Let this process take so many GiB and no more: what asks for more gets a `MemoryError`, or ends the process.

    Systems without such a limit (Windows, macOS) go without.
    """
    if sys.platform != "linux":
        return
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = int(memory * GIB)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if most == resource.RLIM_INFINITY else min(wanted, most), most))


def end_with(driver: int) -> None:
    """End this process soon after its driver has ended, of whatever, so that nothing goes on unseen."""

    def watch() -> None:
        while os.getppid() == driver:
            time.sleep(0.5)
        os._exit(1)

    if sys.platform != "win32":
        threading.Thread(target=watch, daemon=True).start()


@contextmanager
def time_limit(seconds: float, log: TextIO) -> Iterator[None]:
    """End this process if the block takes longer, even where it hangs outside Python; where it hung goes to `log`."""
    faulthandler.dump_traceback_later(seconds, exit=True, file=log)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that memory was refused, by whichever library."""
    said = str(error).lower()
    words = ("bad_alloc", "bad allocation", "can't allocate memory", "failed to allocate", "unable to allocate")
    return isinstance(error, MemoryError) or any(one in said for one in words)
