"""``python -m Testing.fuzz``: spoilt inputs for the readers of OsteoScreen, and a table of what became of them."""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from Testing.fuzz.campaign import Tally, run
from Testing.fuzz.corpus import keep
from Testing.fuzz.reader import Reader
from Testing.fuzz.readers import READERS

INTRODUCTION = (
    "# Fuzzing: figures",
    "",
    "Written by `python -m Testing.fuzz --inputs 100000 --write docs/fuzzing-figures.md`;",
    "[SECURITY.md](../SECURITY.md) says what that does. Refused: with one line of ours; accepted: read, and what came",
    "out was checked. The slowest is wall-clock time on a machine that did other work, too. Failures are those of that",
    "run: an input of each kind is in `Testing/fuzz/corpus`, which the tests read again.",
    "",
)
HEAD = "| reader | inputs | refused | accepted | slowest, ms | failures | seed |"
RULE = "|---|---|---|---|---|---|---|"


def main() -> int:
    """Run the campaign that the arguments ask for; the exit code is 1 where some input made a reader fail."""
    parser = argparse.ArgumentParser(prog="python -m Testing.fuzz", description=__doc__)
    parser.add_argument("readers", nargs="*", metavar="READER", help=f"all but for: {', '.join(READERS)}")
    parser.add_argument("--inputs", type=int, default=1000, help="per reader (1000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, help="stop a reader after so many")
    parser.add_argument("--write", type=Path, metavar="FILE.md", help="a table, in which other readers' rows stay")
    asked = parser.parse_args()
    chosen = [READERS[name] for name in asked.readers] if asked.readers else list(READERS.values())
    failed = False
    for reader in chosen:
        tally = _told(reader, asked.inputs, asked.seed, asked.minutes)
        failed |= bool(tally.failures)
        if asked.write:
            _write(asked.write, tally, asked.seed)
    return int(failed)


def _told(reader: Reader, inputs: int, seed: int, minutes: float | None) -> Tally:
    """Run one reader, print what became of it, and keep an input of each kind of failure in the corpus."""
    scratch = Path(tempfile.mkdtemp(prefix="fuzz-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
    try:
        until = time.monotonic() + 60 * minutes if minutes else None
        seeds = reader.seeds()
        tally = run(reader, seeds, inputs, seed, scratch, until)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(
        f"{tally.reader}: {tally.inputs} inputs, {tally.refused} refused, {tally.accepted} accepted, "
        f"{len(tally.failures)} failed, slowest {1000 * tally.slowest:.0f} ms, {tally.seconds:.0f} s",
        flush=True,
    )
    kinds = Counter(one.kind for one in tally.failures)
    for kind, count in kinds.most_common():
        first = next(one for one in tally.failures if one.kind == kind)
        kept = keep(reader.name, reader.input_of(seeds, seed, first.number))
        print(f"  {count} x {kind}: input {first.number}, kept as {kept}\n{first.detail}", flush=True)
    return tally


def _write(path: Path, tally: Tally, seed: int) -> None:
    """Put one reader's row into the table, in which the rows of the others stay."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    rows = {line.split("|")[1].strip(): line for line in lines if line.startswith("| ") and line != HEAD}
    rows[tally.reader] = (
        f"| {tally.reader} | {tally.inputs} | {tally.refused} | {tally.accepted} | {1000 * tally.slowest:.0f} "
        f"| {len(tally.failures)} | {seed} |"
    )
    table = [rows[name] for name in READERS if name in rows]
    path.write_text("\n".join([*INTRODUCTION, HEAD, RULE, *table]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
