"""What stands in for screening in tests of cohorts: quick, and as ill-behaved as the name of its input says."""

import errno
import os
import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd

from OsteoScreenLib.cohorts import task as cohort_task
from OsteoScreenLib.cohorts.task import Outcome, Task, run_case
from OsteoScreenLib.errors import AnatomyError
from OsteoScreenLib.readers import input_sha256
from OsteoScreenLib.result import Provenance, ScreeningResult, Segmentation
from OsteoScreenLib.result_folder import save_result
from Testing.annotation.tiny_cases import tiny_case


def quick_case(task: Task) -> Outcome:
    """Do a task as a worker does, with `stand_in` for the screening."""
    cohort_task.screen = stand_in
    return run_case(task)


def stand_in(source: Path, output: Path, **options: object) -> None:
    """Write a small result whose HU come from the input's hash, or do what the input's name says."""
    match source.name.split("-")[0]:
        case "killed" if first_time(source):
            os.kill(os.getpid(), signal.SIGKILL)
        case "hangs" if first_time(source):
            time.sleep(120)
        case "hungry" if first_time(source):
            np.ones(2**34)
        case "full" if first_time(source):
            raise OSError(errno.ENOSPC, "No space left on device")
        case "refused":
            raise AnatomyError("There is no spine\nin it.")
        case "odd":
            raise ZeroDivisionError("by nothing")
        case "slow":
            time.sleep(1.0)
    sha256 = input_sha256(source)
    hu = float(int(sha256[:2], 16))
    volume, labels = tiny_case()
    output.mkdir()
    (output / "report.html").write_text("<p>report</p>", encoding="utf-8")
    save_result(
        ScreeningResult(
            volume,
            Segmentation(labels, (), "stand-in", "cpu"),
            pd.DataFrame({"level": ["L1", "L2"], "roi_mean_hu": [hu, np.nan], "genant_grade": [0.0, 1.0]}),
            pd.DataFrame({"case": "any", "level": ["L1"], "roi": ["body"], "original_firstorder_Mean": [hu / 3]}),
            {},
            Provenance("0", source.name, sha256, "2026-01-01T00:00:00", 1.0),
        ),
        output,
    )


def first_time(source: Path) -> bool:
    """Tell whether this input is asked for the first time."""
    mark = source.with_name(f".{source.name}.tried")
    if mark.exists():
        return False
    mark.touch()
    return True


if __name__ == "__main__":
    import sys

    from Testing.cohorts.conftest import go

    go(Path(sys.argv[1]), Path(sys.argv[2]), resume="--resume" in sys.argv)
