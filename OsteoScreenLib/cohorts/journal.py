"""What has happened to the cases of a cohort, as lines of JSON that processes on many machines add to.

Each process has a file of its own, so that no two ever write into one; a line is written at once or not at all.
"""

import json
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

LOG = "log"

What = Literal["begun", "finished", "failed"]


@dataclass(frozen=True)
class Event:
    """One line: what happened to which case when (seconds since 1970), and of a failure why, in a line."""

    what: What
    case: str
    when: float
    message: str = ""


def add(cohort: Path, what: What, case: str, message: str = "") -> None:
    """Add an event to this process's file."""
    event = {"what": what, "case": case, "when": round(time.time(), 3), "message": message}
    line = json.dumps({key: value for key, value in event.items() if value != ""}) + "\n"
    handle = os.open(own_file(cohort, "jsonl"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, line.encode())
    finally:
        os.close(handle)


def own_file(cohort: Path, kind: str) -> Path:
    """Return this process's file of a kind in the folder of logs."""
    (cohort / LOG).mkdir(parents=True, exist_ok=True)
    return cohort / LOG / f"{socket.gethostname()}-{os.getpid()}.{kind}"


def events(cohort: Path) -> list[Event]:
    """Return all events, the oldest first; a line that its process could not finish is passed over."""
    return sorted((event for path in (cohort / LOG).glob("*.jsonl") for event in _lines(path)), key=lambda e: e.when)


def last_events(cohort: Path) -> dict[str, Event]:
    """Return the newest event of each case."""
    return {event.case: event for event in events(cohort)}


def _lines(path: Path) -> Iterator[Event]:
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            yield Event(**json.loads(line))
        except (ValueError, TypeError):
            continue
