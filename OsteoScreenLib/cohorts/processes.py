"""A cohort on this machine: worker processes, each of which may die without the others noticing."""

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait

from OsteoScreenLib.cohorts.limits import end_with
from OsteoScreenLib.cohorts.lost import lost, read_ahead
from OsteoScreenLib.cohorts.task import Outcome, Task, run_case
from OsteoScreenLib.progress import IsCancelled, never, stop_if

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def on_this_machine(
    tasks: Iterable[Task],
    workers: int,
    threads: int = 1,
    cancelled: IsCancelled = never,
    work: Callable[[Task], Outcome] = run_case,
) -> Iterator[Outcome]:
    """Yield the outcome of each task as it ends, from so many processes that load each network once.

    A process that dies costs the case it had; the pool begins another (pebble). While cases are worked on, the system
    is asked to read the next ones' files ahead. Raises `Cancelled`, with every worker stopped.
    """
    from pebble import ProcessExpired, ProcessPool

    os.environ.update(dict.fromkeys(THREADS, str(threads)))
    pool = ProcessPool(
        max_workers=workers,
        initializer=end_with,
        initargs=(os.getpid(),),
        context=multiprocessing.get_context("spawn"),
    )
    tasks, running = iter(tasks), dict[Future, Task]()
    try:
        while True:
            while len(running) < 2 * workers and (task := next(tasks, None)) is not None:
                read_ahead(task)
                running[pool.schedule(work, (task,))] = task
            if not running:
                return
            ended, _ = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
            stop_if(cancelled)
            for future in ended:
                task = running.pop(future)
                try:
                    yield future.result()
                except ProcessExpired as error:
                    yield lost(task, f"signal {-error.exitcode}" if error.exitcode < 0 else "no reason given")
    finally:
        pool.stop()
        pool.join()
