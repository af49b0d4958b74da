"""What the driver does for workers: tell why one was lost, and have files read before they are asked for."""

import os
import time
from contextlib import suppress

from OsteoScreenLib.cohorts import journal
from OsteoScreenLib.cohorts.task import Outcome, Task

READ_AHEAD = 256 * 2**20
"""Bytes of an image file that the system is asked to have ready: more might push out what is in use."""

CLOCKS = 1.0
"""Seconds by which the clocks of driver and worker may differ."""


def lost(task: Task, how: str) -> Outcome:
    """Return the outcome of a case whose worker ended without one, having written it into the journal.

    A worker that the time limit ended has been at its case for as long as that.
    """
    name, limit = task.case.name, task.limits.seconds
    last = journal.last_events(task.cohort).get(name)
    if last is not None and last.what == "begun" and time.time() - last.when >= limit - CLOCKS:
        message = f"It took longer than {limit:g} s and was stopped. Give more --time, or look at the image."
    else:
        message = f"Its worker was stopped from outside ({how}). Run again with --resume."
    with suppress(OSError):
        journal.add(task.cohort, "failed", name, message)
    return Outcome(name, "failed", message)


def read_ahead(task: Task) -> None:
    """Ask the system to read a case's image file into memory while other cases are worked on; DICOM folders are not."""
    with suppress(OSError, AttributeError):
        handle = os.open(task.case.source, os.O_RDONLY)
        try:
            os.posix_fadvise(handle, 0, READ_AHEAD, os.POSIX_FADV_WILLNEED)
        finally:
            os.close(handle)
