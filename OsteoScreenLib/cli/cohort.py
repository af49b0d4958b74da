"""``osteoscreen cohort``: the whole job on every case of a manifest or a folder."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from OsteoScreenLib import RESEARCH_USE
from OsteoScreenLib.cli.job import Job, job
from OsteoScreenLib.cli.options import CutoffsOption, DeviceOption, FlipsOption, SiteOption, UngatedOption
from OsteoScreenLib.errors import InputError

if TYPE_CHECKING:
    from OsteoScreenLib.cohort import Counts, Runner
    from OsteoScreenLib.cohorts.limits import Limits

SOME_FAILED = 2


def cohort(
    source: Annotated[
        Path, typer.Argument(metavar="MANIFEST.csv|FOLDER", help="A table with the column 'input', or a folder of CTs.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="The cohort's folder.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what has no result, failed cases too.")] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Cases at once; else one per processor.")] = None,
    memory: Annotated[float | None, typer.Option(min=0.5, metavar="GIB", help="Most that one worker may take.")] = None,
    time: Annotated[float, typer.Option(min=1, metavar="SECONDS", help="Most that one case may take.")] = 1800,
    ray: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="A Ray cluster: host:port, auto, or local for one of its own.")
    ] = None,
    gpus: Annotated[float, typer.Option(min=0, help="With --ray: the share of a GPU for each case.")] = 0,
    scenes: Annotated[
        bool, typer.Option("--scenes", help="Write a 3D Slicer scene of each case, the CT in it.")
    ] = False,
    device: DeviceOption = "auto",
    engine: Annotated[
        str, typer.Option(metavar="st-unet|totalsegmentator|nnunet:FOLDER|monai:FOLDER", help="The network.")
    ] = "st-unet",
    flips: FlipsOption = False,
    ungated: UngatedOption = False,
    cutoffs: CutoffsOption = None,
    site: SiteOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print how it went as one JSON object on stdout.")] = False,
) -> None:
    """Screen many CTs: a result for each, tables of all, an overview. What dies is taken up again with --resume.

    Exits 2 where cases failed; failures.csv says which and why.
    """
    with job() as work:
        _check_extra()
        from OsteoScreenLib.cohort import run_cohort
        from OsteoScreenLib.cohorts.limits import Limits, limits_for
        from OsteoScreenLib.cohorts.manifest import read_cohort
        from OsteoScreenLib.cohorts.settings import Settings

        work.progress(0.0, "Looking for cases")
        cases = read_cohort(source)
        if ray is None:
            workers = workers or default_workers(memory)
            limits = limits_for(workers, memory, time)
        else:
            limits = Limits(memory or RAY_MEMORY, time)
        counts = run_cohort(
            cases,
            output.absolute(),
            Settings(engine, device, cutoffs, site, flips, ungated, scenes),
            limits,
            _runner(ray, workers, gpus, limits, work),
            resume=resume,
            progress=work.progress,
        )
        work.say(_as_json(counts, output) if json else _as_text(counts, output))
    if counts.failed:
        raise typer.Exit(SOME_FAILED)


RAY_MEMORY = 6.0
"""GiB that a case is given on a cluster unless said otherwise; Ray begins no more cases than a machine has room for."""
ROOM = 4.0
"""GiB for a worker when their number is left to us: a CT of the trunk at 1 mm."""


def default_workers(memory: float | None) -> int:
    """Return how many workers this machine has processors and memory for, at least one."""
    from OsteoScreenLib.cohorts.limits import SHARE, machine_memory

    return max(1, min(os.cpu_count() or 1, int(SHARE * machine_memory() / (memory or ROOM))))


def _check_extra() -> None:
    try:
        import filelock  # noqa: F401
        import pebble  # noqa: F401
        import psutil  # noqa: F401
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise InputError(f"Cohorts need {error.name}: pip install 'osteoscreen[cohort]'.") from None


def _runner(ray: str | None, workers: int | None, gpus: float, limits: "Limits", work: Job) -> "Runner":
    if ray is None:
        from OsteoScreenLib.cohorts.processes import on_this_machine

        return lambda tasks: on_this_machine(tasks, workers, limits.threads, work.cancelled)
    from OsteoScreenLib.cohorts.cluster import on_ray

    return lambda tasks: on_ray(tasks, ray, workers, gpus, work.cancelled)


def _as_json(counts: "Counts", output: Path) -> str:
    import json
    from dataclasses import asdict

    return json.dumps({**asdict(counts), "output": str(output)})


def _as_text(counts: "Counts", output: Path) -> str:
    from OsteoScreenLib.report.cohort_page import PAGE

    lines = [f"{counts.finished} of {counts.cases} cases finished."]
    if counts.failed:
        lines.append(f"{counts.failed} failed: {output / 'failures.csv'}; --resume tries them again.")
    return "\n".join([*lines, f"Overview: {output / PAGE}", RESEARCH_USE])
