"""How often the gate speaks of phantoms without fault, and whether it finds planted ones: true outlines, no network.

``python -m Testing.benchmarks.quality [--clean 50] [--enhanced 10] [--faults 3] [--write docs/quality-figures.md]``
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from OsteoScreenLib.findings import Finding, Severity
from OsteoScreenLib.measurement.acquisition import CONTRAST
from OsteoScreenLib.measurement.case import whole_bodies
from OsteoScreenLib.measurement.quality import quality_findings
from Testing.benchmarks.table import markdown
from Testing.measurement.planted import FAULTS, Scan, clean, enhanced

FIRST_SEED = 2_000_000


def loud(scan: Scan) -> list[Finding]:
    """Return the findings above a note."""
    found = quality_findings(scan.volume, scan.segmentation, whole_bodies(scan.segmentation))
    return [one for one in found if one.severity is not Severity.NOTE]


def some(draw: Callable[[int], Scan | None], wanted: int) -> Iterator[tuple[int, Scan]]:
    """Yield so many patients with their seeds."""
    seed = FIRST_SEED
    while wanted:
        scan = draw(seed)
        if scan is not None:
            wanted -= 1
            yield seed, scan
        seed += 1


def figures(count_clean: int, count_enhanced: int, count_faults: int) -> str:
    """Return the whole text of figures."""
    started = time.process_time()
    alarms, planted = [], {name: 0 for name in FAULTS}
    spent = 0.0
    for n, (seed, scan) in enumerate(some(clean, count_clean)):
        before = time.process_time()
        alarms += [f"{seed}: {one.severity}, {one.check}: {one.sentence}" for one in loud(scan)]
        spent += time.process_time() - before
        print(f"{n + 1} without fault, {len(alarms)} findings above a note", file=sys.stderr, flush=True)
        if n < count_faults:
            for name, (plant, check) in FAULTS.items():
                planted[name] += any(one.check == check for one in loud(plant(scan)))
    seen = sum(any(one.check == CONTRAST for one in loud(scan)) for _, scan in some(enhanced, count_enhanced))
    rows = [(name, FAULTS[name][1], f"{found} of {min(count_faults, count_clean)}") for name, found in planted.items()]
    rows.append(("contrast agent in the image, none in the header", CONTRAST, f"{seen} of {count_enhanced}"))
    table = pd.DataFrame(rows, columns=["fault", "check", "found in"])
    return "\n".join(
        [
            f"{count_clean} phantoms without fault (2.5 mm, seeds from {FIRST_SEED}): findings above a note in "
            f"{len({line.split(':')[0] for line in alarms})} of them.",
            *([""] if alarms else []),
            *(f"- {line}" for line in alarms),
            "",
            markdown(table),
            "",
            f"One look took {spent / max(1, count_clean):.1f} CPU seconds; all of this "
            f"{(time.process_time() - started) / 60:.0f} CPU minutes. "
            "Made by `python -m Testing.benchmarks.quality`.",
        ]
    )


def main() -> None:
    """Print the figures, or write them into a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clean", type=int, default=50)
    parser.add_argument("--enhanced", type=int, default=10)
    parser.add_argument("--faults", type=int, default=3)
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    text = figures(given.clean, given.enhanced, given.faults) + "\n"
    print(text)
    if given.write:
        given.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
