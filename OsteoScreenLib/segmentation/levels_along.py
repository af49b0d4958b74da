"""Where the spine runs and which level it has where, without outlining a single body."""

from dataclasses import dataclass

from OsteoScreenLib.device import run_with_fallback
from OsteoScreenLib.progress import IsCancelled, Progress, never, silent, stop_if
from OsteoScreenLib.result import ModelUse
from OsteoScreenLib.segmentation.count import count_levels
from OsteoScreenLib.segmentation.locate import spine_line
from OsteoScreenLib.segmentation.networks import load_network
from OsteoScreenLib.segmentation.spine import SpineLine
from OsteoScreenLib.volume import Volume


@dataclass(frozen=True, eq=False)
class FoundLine:
    """The spine's line with its heights, and how it was found."""

    line: SpineLine
    device: str
    models: tuple[ModelUse, ...]
    notes: tuple[str, ...]


def levels_along(volume: Volume, device: str, progress: Progress = silent, cancelled: IsCancelled = never) -> FoundLine:
    """Return the spine's line in a CT in HU, with the level at each point. Raises `AnatomyError` without a spine."""
    progress(0.0, "Finding the spine")
    locating, survey = load_network("locate")
    rough, device, notes = run_with_fallback(lambda d: spine_line(volume, survey.to(d), d), device)
    stop_if(cancelled)
    progress(0.5, "Counting the levels")
    counting, counter = load_network("count")
    count, device, more = run_with_fallback(lambda d: count_levels(volume, rough, counter.to(d), d), device)
    return FoundLine(count.line, device, (locating, counting), tuple(dict.fromkeys((*notes, *more))))
