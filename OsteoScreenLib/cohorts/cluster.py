"""A cohort on a Ray cluster, or on a Ray of its own on this machine."""

import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from OsteoScreenLib.cohorts.limits import GIB
from OsteoScreenLib.cohorts.lost import lost
from OsteoScreenLib.cohorts.task import Outcome, Task, run_case
from OsteoScreenLib.errors import InputError
from OsteoScreenLib.progress import IsCancelled, never, stop_if

AUTHENTICATION = "RAY_AUTH_MODE"
LOCAL = "local"
"""The address that stands for a Ray of our own on this machine, begun and ended with the cohort."""


def on_ray(
    tasks: Iterable[Task],
    address: str,
    workers: int | None = None,
    gpus: float = 0.0,
    cancelled: IsCancelled = never,
    work: Callable[[Task], Outcome] = run_case,
) -> Iterator[Outcome]:
    """Yield the outcome of each task as it ends, wherever in the cluster it ran.

    `address` is `LOCAL`, ``auto`` or ``host:port``; `workers` is how many tasks may run at once (all the cluster's
    processors unless given) and `gpus` the share of a GPU that each takes. Every machine needs OsteoScreen and, under
    the same paths, the input and the cohort's folder. A machine that is lost costs the cases it had.
    Raises `InputError` where there is no cluster, and `Cancelled`.
    """
    with _connected(address, workers) as ray:
        tasks, running, remote = iter(tasks), {}, ray.remote(work)
        while True:
            room = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
            while len(running) < room and (task := next(tasks, None)) is not None:
                limits = task.limits
                needed = {"num_cpus": limits.threads, "num_gpus": gpus, "memory": int(limits.memory * GIB)}
                running[remote.options(max_retries=0, **needed).remote(task)] = task
            if not running:
                return
            ended, _ = ray.wait(list(running), timeout=0.5)
            if cancelled():
                for one in running:
                    ray.cancel(one, force=True)
                stop_if(cancelled)
            for one in ended:
                task = running.pop(one)
                try:
                    yield ray.get(one)
                except ray.exceptions.RayError as error:
                    yield lost(task, type(error).__name__)


def _check_there(address: str) -> None:
    """Raise `InputError` where nobody listens at ``host:port``: Ray itself would try for minutes and then end us."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal():
        try:
            socket.create_connection((host, int(port)), timeout=10).close()
        except (OSError, OverflowError) as error:
            raise InputError(f"There is no Ray cluster at '{address}': {error}.") from None


@contextmanager
def _token_for(address: str) -> Iterator[None]:
    """Let Ray show the token of a cluster that is not ours, where this machine has it.

    Ray's commands do so by themselves, its library does not, and looks at the variable when it is imported.
    """
    path = os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token"
    there = bool(os.environ.get("RAY_AUTH_TOKEN")) or Path(path).is_file()
    ours = there and address != LOCAL and AUTHENTICATION not in os.environ
    if ours:
        os.environ[AUTHENTICATION] = "token"
    try:
        yield
    finally:
        if ours:
            del os.environ[AUTHENTICATION]


@contextmanager
def _connected(address: str, workers: int | None) -> Iterator:
    """Yield Ray, connected and telling nobody; raises `InputError` where it is not installed or does not answer."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    _check_there(address)
    own = {"num_cpus": workers or os.cpu_count(), "include_dashboard": False} if address == LOCAL else {}
    with _token_for(address):
        try:
            import ray

            ray.init(address=address, log_to_driver=False, logging_level="ERROR", **own)
        except ImportError:
            raise InputError("Ray is not installed: pip install 'osteoscreen[cluster]'.") from None
        except (ConnectionError, ValueError, RuntimeError) as error:
            if AUTHENTICATION in str(error.__cause__):
                raise InputError(
                    f"The Ray cluster at '{address}' wants its token: copy .ray/auth_token from the home folder of its "
                    "head, or set RAY_AUTH_TOKEN."
                ) from None
            raise InputError(f"There is no Ray cluster at '{address}': {' '.join(str(error).split())[:160]}") from None
        try:
            yield ray
        finally:
            ray.shutdown()
