"""How long work reports itself and how it is stopped: two plain callables, the same for every face."""

from collections.abc import Callable

from OsteoScreenLib.errors import Cancelled

Progress = Callable[[float, str], None]
"""``progress(fraction, message)``: fraction of the whole job in [0, 1], message for a person."""

IsCancelled = Callable[[], bool]
"""``cancelled()``: True as soon as the user wants the job to stop."""


def silent(fraction: float, message: str) -> None:
    """Report to nobody."""


def never() -> bool:
    """Return False: this job cannot be cancelled."""
    return False


def part(progress: Progress, start: float, stop: float) -> Progress:
    """Return a progress that maps a sub-job's [0, 1] onto [start, stop] of the whole."""

    def report(fraction: float, message: str) -> None:
        progress(start + (stop - start) * fraction, message)

    return report


def stop_if(cancelled: IsCancelled) -> None:
    """Raise `Cancelled` if the user wants the job to stop."""
    if cancelled():
        raise Cancelled
