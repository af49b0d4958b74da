"""Many spoilt inputs for one reader, in child processes whose memory and time are limited."""

import faulthandler
import mmap
import os
import resource
import signal
import struct
import sys
import time
import traceback
import warnings
from dataclasses import dataclass, field
from pathlib import Path

from OsteoScreenLib.errors import OsteoScreenError
from Testing.fuzz.given import Given, put
from Testing.fuzz.reader import Reader

HANG_SECONDS = 10.0
MEMORY = 1 << 30
"""Bytes of address space that reading one input may add to what the libraries have: the inputs are tiny."""
BATCH = 2000
LONGEST = 1000
"""Characters of a message: one clear line is no more."""
_STATE = struct.Struct("<qqqdd")
"""In shared memory: the number of the input at work, refused, accepted, seconds of the slowest, when work began."""


@dataclass(frozen=True)
class Failure:
    """An input on which a reader failed, and how: what is at fault stands first, to tell failures of one kind."""

    number: int
    kind: str
    detail: str


@dataclass
class Tally:
    """What became of the inputs of one reader."""

    reader: str
    refused: int = 0
    accepted: int = 0
    slowest: float = 0.0
    seconds: float = 0.0
    failures: list[Failure] = field(default_factory=list)

    @property
    def inputs(self) -> int:
        """How many were tried."""
        return self.refused + self.accepted + len(self.failures)


def run(reader: Reader, seeds: list[Given], inputs: int, seed: int, scratch: Path, until: float | None = None) -> Tally:
    """Give a reader `inputs` spoilt ones of its `seeds`, or those that it takes until a time (`time.monotonic`)."""
    tally = Tally(reader.name)
    _must_be_good(reader, seeds, scratch)
    began = time.monotonic()
    number = 0
    while number < inputs and (until is None or time.monotonic() < until):
        number = _batch(reader, seeds, seed, number, min(number + BATCH, inputs), scratch, tally)
    tally.seconds = time.monotonic() - began
    return tally


def outcome(reader: Reader, given: Given, folder: Path) -> Failure | bool:
    """Return whether a reader accepts an input, or how it failed; an error of the library is a refusal."""
    put(given, folder)
    try:
        reader.read(folder)
    except OsteoScreenError as error:
        said = " ".join(str(error).split())
        if not said or len(said) > LONGEST:
            return Failure(0, f"message of {len(said)} characters", said[:300])
        return False
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return Failure(0, f"{type(error).__name__} at {_place(error)}", traceback.format_exc(limit=-6))
    return True


def _must_be_good(reader: Reader, seeds: list[Given], scratch: Path) -> None:
    """Raise `ValueError` where a reader refuses what it should take: spoiling that would test nothing."""
    for n, given in enumerate(seeds):
        put(given, scratch / "given")
        try:
            reader.read(scratch / "given")
        except OsteoScreenError as error:
            raise ValueError(f"{reader.name} refuses its good input {n}: {error}") from error


def _place(error: BaseException) -> str:
    """Return file and line of the library where an error came up, the innermost one."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "OsteoScreenLib" in frame.filename] or frames
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"


def _batch(reader: Reader, seeds: list[Given], seed: int, first: int, stop: int, scratch: Path, tally: Tally) -> int:
    """Try the inputs from `first` in a child, and return the number of the first that is yet to be tried."""
    shared = mmap.mmap(-1, _STATE.size)
    shared[:] = _STATE.pack(first, 0, 0, 0.0, time.monotonic())
    told, dump = scratch / "failures.txt", scratch / "dump.txt"
    told.write_text("", encoding="utf-8")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            _child(reader, seeds, seed, first, stop, scratch, shared)
            status = 0
        finally:
            os._exit(status)
    status, hung = _watched(child, shared)
    number, refused, accepted, slowest, _ = _STATE.unpack(shared[:])
    tally.refused += refused
    tally.accepted += accepted
    tally.slowest = max(tally.slowest, slowest)
    for line in told.read_text(encoding="utf-8", errors="replace").split("\0")[:-1]:
        tally.failures.append(Failure(int(line.split("\1")[0]), *line.split("\1")[1:]))
    if status == 0:
        return stop
    how = "hang" if hung else f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else "exit of the process"
    tally.failures.append(Failure(number, how, dump.read_text(encoding="utf-8", errors="replace")[-3000:]))
    return number + 1


def _watched(child: int, shared: mmap.mmap) -> tuple[int, bool]:
    """Wait for a child, end it where one input takes longer than it may; return its status and whether that was so."""
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status, False
        if time.monotonic() - _STATE.unpack(shared[:])[4] > HANG_SECONDS:
            os.kill(child, signal.SIGUSR1)
            time.sleep(0.2)
            os.kill(child, signal.SIGKILL)
            return os.waitpid(child, 0)[1], True
        time.sleep(0.02)


def _child(
    reader: Reader, seeds: list[Given], seed: int, first: int, stop: int, scratch: Path, shared: mmap.mmap
) -> None:
    warnings.simplefilter("ignore")
    _silence()
    with (
        (scratch / "dump.txt").open("w") as dump,
        (scratch / "failures.txt").open("w", encoding="utf-8", errors="backslashreplace") as told,
    ):
        faulthandler.enable(dump)
        faulthandler.register(signal.SIGUSR1, dump)
        _limit()
        refused = accepted = 0
        slowest = 0.0
        for number in range(first, stop):
            shared[:] = _STATE.pack(number, refused, accepted, slowest, float("inf"))  # making it may take its time
            given = reader.input_of(seeds, seed, number)
            began = time.monotonic()
            shared[:] = _STATE.pack(number, refused, accepted, slowest, began)
            found = outcome(reader, given, scratch / "given")
            slowest = max(slowest, time.monotonic() - began)
            if isinstance(found, Failure):
                told.write("\1".join((str(number), found.kind, found.detail)) + "\0")
                told.flush()
            elif found:
                accepted += 1
            else:
                refused += 1
        shared[:] = _STATE.pack(stop, refused, accepted, slowest, time.monotonic())


def _silence() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (until the process ends)


def _limit() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_FSIZE, (256 << 20, 256 << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
