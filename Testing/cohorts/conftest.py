from functools import partial
from pathlib import Path

import pytest

from OsteoScreenLib.cohort import Counts, run_cohort
from OsteoScreenLib.cohorts.limits import Limits
from OsteoScreenLib.cohorts.manifest import read_cohort
from OsteoScreenLib.cohorts.processes import on_this_machine
from OsteoScreenLib.cohorts.settings import Settings
from Testing.cohorts.stand_in import quick_case

pytest.importorskip("pebble", reason="pebble is not installed (extra 'cohort')")


def images(folder: Path, *names: str) -> Path:
    """Make files that are images by name; each name has other content."""
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / f"{name}.nii").write_text(name)
    return folder


def go(source: Path, output: Path, **options: object) -> Counts:
    """Run a cohort of stand-ins on two workers."""
    limits = Limits(memory=4.0, seconds=options.pop("seconds", 60.0))
    settings = options.pop("settings", Settings())
    runner = partial(on_this_machine, workers=2, cancelled=options.pop("cancelled", lambda: False), work=quick_case)
    return run_cohort(read_cohort(source), output, settings, limits, runner, **options)
