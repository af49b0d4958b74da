"""What happens to a cohort when workers, drivers and machines are killed, and what a case costs.

``python -m Testing.benchmarks.cohort FOLDER [--cases 60] [--workers 2] [--write docs/cohort-figures.md]``

Phantoms are screened undisturbed; again with every 5th case's worker and twice the driver killed (SIGKILL); through Ray
with a head and a worker node, the node killed in mid-run; and 10, 30 and 100 of them for the cost. Tables are compared
row for row. A stopped run goes on where it was; what each step found lies in ``FOLDER/<step>.json``.
"""

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pandas as pd
import psutil

from OsteoScreenLib.cohorts import journal
from OsteoScreenLib.cohorts.tables import read_rows
from OsteoScreenLib.cohorts.task import Mark
from OsteoScreenLib.image_file import write_image
from OsteoScreenLib.output import staged_file
from OsteoScreenLib.phantoms import make_phantom
from OsteoScreenLib.screening import STAGES
from Testing.benchmarks.cohort_report import report

FIRST_SEED = 9_000_000
SIZE, SPACING = (120, 110, 90), (2.2, 2.2, 2.5)
EVERY = 5
"""Each so-many-th case that is begun has its worker killed some seconds later."""
GRACE = 4.0
PORT = 6399
PHANTOMS = 60
SIZES = (10, 30, 100)
REAL = {"ct_totalsegmentator": "ct.nii.gz", "ct_acrin_flt_001": "dicom"}
OSTEOSCREEN = [sys.executable, "-c", "import sys; from OsteoScreenLib.cli import main; sys.exit(main())"]

Step = Callable[[Path, int, int], dict[str, object]]


def main() -> None:
    """Run the steps that have no record yet and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cases", type=int, default=PHANTOMS)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--steps", nargs="*", default=list(STEPS), choices=list(STEPS))
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    make_phantoms(given.folder)
    for name in given.steps:
        record = given.folder / f"{name}.json"
        if not record.exists():
            found = STEPS[name](given.folder, given.cases, given.workers)
            record.write_text(json.dumps(found, indent=1), encoding="utf-8")
        print(name, record.read_text(encoding="utf-8"), flush=True)
    if given.write:
        with staged_file(given.write) as staged:
            phantoms = f"phantoms of {' x '.join(map(str, SIZE))} voxels, {given.workers} workers"
            staged.write_text(report(read_records(given.folder), f"{given.cases} {phantoms}"), encoding="utf-8")


def make_phantoms(folder: Path) -> None:
    """Make the phantoms that are missing."""
    (folder / "cts").mkdir(exist_ok=True)
    for number in range(PHANTOMS):
        path = folder / "cts" / f"phantom-{number:03d}.nii.gz"
        if not path.exists():
            write_image(make_phantom(FIRST_SEED + number, SIZE, SPACING).volume, path)


def manifest(folder: Path, cases: int) -> Path:
    """Write a manifest of so many cases; beyond `PHANTOMS` they are the first ones again under other names."""
    path = folder / f"first-{cases}.csv"
    rows = [f"case-{n:03d},cts/phantom-{n % PHANTOMS:03d}.nii.gz" for n in range(cases)]
    path.write_text("\n".join(["case,input", *rows]) + "\n", encoding="utf-8")
    return path


def read_records(folder: Path) -> dict[str, dict]:
    """Return what the steps have found that were run."""
    paths = {name: folder / f"{name}.json" for name in STEPS}
    return {name: json.loads(path.read_text(encoding="utf-8")) for name, path in paths.items() if path.exists()}


def undisturbed(folder: Path, cases: int, workers: int) -> dict[str, object]:
    """Screen the cohort as it should go."""
    start(manifest(folder, cases), folder / "undisturbed", "--workers", str(workers)).wait()
    return averages(folder / "undisturbed")


def disturbed(folder: Path, cases: int, workers: int) -> dict[str, object]:
    """Screen it with workers killed, and the driver after a third and two thirds of the cases."""
    output, killed, drivers = folder / "disturbed", 0, 0
    limits = [cases // 3, 2 * cases // 3]
    driver = start(manifest(folder, cases), output, "--workers", str(workers))
    pending: list[tuple[float, int]] = []
    seen = 0
    while True:
        begun = sum(one.what == "begun" for one in journal.events(output)) if output.exists() else 0
        while seen < begun:
            seen += 1
            if seen % EVERY == 0:
                pending.append((time.monotonic() + GRACE, newest_worker(output)))
        for due, worker in [one for one in pending if one[0] <= time.monotonic()]:
            pending.remove((due, worker))
            killed += kill(worker)
        if limits and finished(output) >= limits[0]:
            limits.pop(0)
            drivers += kill(driver.pid)
            driver.wait()
            driver = start(manifest(folder, cases), output, "--workers", str(workers), "--resume")
        if driver.poll() is not None:
            if finished(output) == cases:
                break
            driver = start(manifest(folder, cases), output, "--workers", str(workers), "--resume")
        time.sleep(0.2)
    return {"workers_killed": killed, "drivers_killed": drivers, **compared(folder, output)}


def ray(folder: Path, cases: int, workers: int) -> dict[str, object]:
    """Screen it on a Ray head and a worker node of one processor each, and kill the node after a third."""
    output, killed = folder / "ray", False
    with cluster() as (address, node):
        driver = start(manifest(folder, cases), output, "--ray", address)
        while driver.poll() is None or finished(output) < cases:
            if driver.poll() is not None:
                driver = start(manifest(folder, cases), output, "--ray", address, "--resume")
            if not killed and finished(output) >= cases // 3:
                killed = True
                kill_tree(node)
            time.sleep(0.5)
    return {"nodes_killed": int(killed), **compared(folder, output)}


def cost(folder: Path, cases: int, workers: int) -> dict[str, object]:
    """Screen as many as the largest of `SIZES`, and see what a case had cost when 10, 30 and 100 were finished."""
    output, most = folder / "cost", max(SIZES)
    again = ["--resume"] if output.exists() else []
    start(manifest(folder, most), output, "--workers", str(workers), *again).wait()
    return {"after": curve(output), **averages(output)}


def curve(output: Path) -> list[dict[str, float]]:
    """Return seconds per case, from the start and from the first result on, and workers' memory after `SIZES` cases.

    `processors_busy` is the share of all processors' time that the cases took.
    """
    events, marks = journal.events(output), finished_marks(output)
    began, ends = events[0].when, [one for one in events if one.what == "finished"]
    found = []
    for count in SIZES:
        done = ends[:count]
        if len(done) < count:
            break
        wall = done[-1].when - began
        cpu = sum(marks[one.case].stages[stage][1] for one in done for stage in STAGES)
        found.append({
            "cases": count,
            "seconds_per_case": round(wall / count, 2),
            "after_the_first": round((done[-1].when - done[0].when) / (count - 1), 2),
            "processors_busy": round(cpu / wall / (os.cpu_count() or 1), 2),
            "memory_mb": round(statistics.median(marks[one.case].memory_mb for one in done[-10:])),
        })  # fmt: skip
    return found


def real(folder: Path, cases: int, workers: int) -> dict[str, object]:
    """Screen the real CT, one after the other, for what one of usual size costs."""
    data = Path(os.environ.get("OSTEOSCREEN_DATA", "../shared/data")).resolve()
    table = folder / "real.csv"
    rows = [f"{name},{data / name / file}" for name, file in REAL.items()]
    table.write_text("\n".join(["case,input", *rows]) + "\n", encoding="utf-8")
    start(table, folder / "real", "--workers", "1").wait()
    return {"cases": len(rows), **averages(folder / "real")}


STEPS: dict[str, Step] = {
    "undisturbed": undisturbed, "disturbed": disturbed, "ray": ray, "cost": cost, "real": real,
}  # fmt: skip


def averages(output: Path) -> dict[str, object]:
    """Return the means of the finished cases: MB in and out, CPU seconds, and (seconds, CPU seconds) of each stage."""
    marks = finished_marks(output)
    count = len(marks)
    inputs = pd.read_csv(output / "cases.csv")["input"]
    read = [sum(one.stat().st_size for one in files_of(Path(path))) for path in inputs]
    written = sum(one.stat().st_size for one in output.glob("cases/*/*"))
    stages = {name: [sum(one.stages[name][n] for one in marks.values()) / count for n in (0, 1)] for name in STAGES}
    return {
        "mb_read_per_case": round(sum(read) / count / 1e6, 2),
        "mb_written_per_case": round(written / count / 1e6, 2),
        "cpu_seconds_per_case": round(sum(cpu for _, cpu in stages.values()), 2),
        "stages": {name: [round(one, 2) for one in both] for name, both in stages.items()},
    }


def files_of(source: Path) -> list[Path]:
    """Return the files of an input."""
    return [one for one in source.iterdir() if one.is_file()] if source.is_dir() else [source]


def finished_marks(output: Path) -> dict[str, Mark]:
    """Return what is said of each finished case."""
    return {path.parent.name: Mark.model_validate_json(path.read_bytes()) for path in output.glob("cases/*/case.json")}


def compared(folder: Path, output: Path) -> dict[str, object]:
    """Return in how many rows the tables differ from the undisturbed run's, and how often a case was finished."""
    events = journal.events(output)
    ends = Counter(one.case for one in events if one.what == "finished")
    found: dict[str, object] = {
        "begun": sum(one.what == "begun" for one in events),
        "failures_written": sum(one.what == "failed" for one in events),
        "finished": len(ends),
        "finished_twice": sum(count > 1 for count in ends.values()),
    }
    for name in ("measurements", "features"):
        here, there = read_rows(output, name), read_rows(folder / "undisturbed", name)
        found[f"{name}_rows"] = len(here)
        found[f"{name}_rows_equal"] = equal_rows(here, there)
    return found


def equal_rows(here: pd.DataFrame, there: pd.DataFrame) -> int:
    """Return how many rows are the same to the last bit, in their order."""
    if here.shape != there.shape or list(here) != list(there):
        return 0
    same = (here == there) | (here.isna() & there.isna())
    return int(same.all(axis=1).sum())


def start(table: Path, output: Path, *options: str) -> subprocess.Popen:
    """Begin ``osteoscreen cohort`` in a process group of its own."""
    command = [*OSTEOSCREEN, "cohort", str(table), "-o", str(output), *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)


def kill(process: int) -> bool:
    """Kill a process as the system does when memory runs out; tell whether it was there."""
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
        return True
    return False


def newest_worker(output: Path) -> int:
    """Return the number of the process that has begun a case last."""
    newest = max((output / journal.LOG).glob("*.jsonl"), key=lambda path: path.stat().st_mtime_ns)
    return int(newest.stem.rpartition("-")[2])


def finished(output: Path) -> int:
    """Return how many cases are there."""
    return len(list((output / "cases").glob("*/case.json")))


@contextmanager
def cluster() -> Iterator[tuple[str, int]]:
    """Yield the address of a Ray head with one processor, and the process of a second node with another."""
    command = [str(Path(sys.executable).with_name("ray")), "start", "--num-cpus=1", "--disable-usage-stats", "--block"]
    environment = {**os.environ, "RAY_AUTH_MODE": "token"}
    options = {
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
        "start_new_session": True,
        "env": environment,
    }
    head = subprocess.Popen([*command, "--head", f"--port={PORT}", "--include-dashboard=false"], **options)
    wait_for_port()
    node = subprocess.Popen([*command, f"--address=127.0.0.1:{PORT}"], **options)
    time.sleep(20)
    try:
        yield f"127.0.0.1:{PORT}", node.pid
    finally:
        for process in (node, head):
            if process.poll() is None:
                kill_tree(process.pid)
            process.wait()


def kill_tree(process: int) -> None:
    """Kill a process and all that it has begun, as when a machine is lost."""
    for one in (*psutil.Process(process).children(recursive=True), psutil.Process(process)):
        kill(one.pid)


def wait_for_port() -> None:
    """Wait until Ray's head answers."""
    for _ in range(60):
        with suppress(OSError), socket.create_connection(("127.0.0.1", PORT), timeout=1):
            return
        time.sleep(1)


if __name__ == "__main__":
    main()
