"""Where the spine runs and which level it has where, without outlining a single body."""

from dataclasses import dataclass

from OsteoScreenLib.device import run_with_fallback
from OsteoScreenLib.progress import IsCancelled, Progress, never, silent, stop_if
from OsteoScreenLib.result import ModelUse
from OsteoScreenLib.segmentation.count import Count, count_levels
from OsteoScreenLib.segmentation.locate import spine_line
from OsteoScreenLib.segmentation.networks import load_network
from OsteoScreenLib.segmentation.pose import upright
from OsteoScreenLib.segmentation.spine import SpineLine
from OsteoScreenLib.volume import Volume


@dataclass(frozen=True, eq=False)
class Counted:
    """A spine whose levels are counted, and how: `posed` is the CT turned upright, in whose RAS mm the count lies."""

    posed: Volume
    count: Count
    device: str
    models: tuple[ModelUse, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class FoundLine:
    """The spine's line with its heights, and how it was found."""

    line: SpineLine
    device: str
    models: tuple[ModelUse, ...]
    notes: tuple[str, ...]


def count_along(volume: Volume, device: str, progress: Progress = silent, cancelled: IsCancelled = never) -> Counted:
    """Return the count of the levels along the spine in a CT in HU. Raises `AnatomyError` without a spine."""
    progress(0.0, "Finding the spine")
    locating, survey = load_network("locate")
    posed, device, first = run_with_fallback(lambda d: upright(volume, survey.to(d), d), device)
    rough, device, notes = run_with_fallback(lambda d: spine_line(posed, survey.to(d), d), device)
    stop_if(cancelled)
    progress(0.5, "Counting the levels")
    counting, counter = load_network("count")
    count, device, more = run_with_fallback(lambda d: count_levels(posed, rough, counter.to(d), d), device)
    return Counted(posed, count, device, (locating, counting), tuple(dict.fromkeys((*first, *notes, *more))))


def levels_along(volume: Volume, device: str, progress: Progress = silent, cancelled: IsCancelled = never) -> FoundLine:
    """Return the spine's line in a CT in HU, with the level at each point. Raises `AnatomyError` without a spine."""
    found = count_along(volume, device, progress, cancelled)
    line = found.count.line
    placed = volume.to_ras(found.posed.to_ijk(line.points))
    return FoundLine(SpineLine(placed, line.heights), found.device, found.models, found.notes)
