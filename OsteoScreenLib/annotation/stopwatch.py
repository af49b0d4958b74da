"""How long a person works on each vertebra: from turning to it until turning to the next, without long pauses."""

import time
from collections import defaultdict
from collections.abc import Callable

PAUSE_S = 60.0
"""What is longer than this without a touch counts as this long: the person was elsewhere."""


class Stopwatch:
    """Counts the seconds that each level is before a person."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._level: str | None = None
        self._touched = clock()
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def turn_to(self, level: str | None) -> None:
        """Count for this level from now on; for none, stop."""
        self.touch()
        self._level = level

    def touch(self) -> None:
        """Note that the person is at work: an edit, a decision."""
        now = self._clock()
        if self._level is not None:
            self._seconds[self._level] += min(now - self._touched, PAUSE_S)
        self._touched = now

    def seconds(self, level: str) -> float | None:
        """Return the seconds spent on a level so far, to a tenth; None where it was never turned to."""
        self.touch()
        return round(self._seconds[level], 1) if level in self._seconds else None
