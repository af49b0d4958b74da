"""Several processes add to one dataset at once, and one of them is killed."""

import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from OsteoScreenLib.annotation.checking import check
from OsteoScreenLib.annotation.dataset import case_id, open_dataset
from OsteoScreenLib.annotation.index import read_index, write_index
from OsteoScreenLib.image_file import write_image, write_labels
from OsteoScreenLib.levels import SHELL, TRABECULAR, label
from OsteoScreenLib.volume import Volume

EACH = 100
COMMAND = "import sys; from OsteoScreenLib.cli import main; sys.exit(main(open(sys.argv[1]).read().split()))"


@pytest.fixture(scope="module")
def tiny_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], dict[str, str]]:
    """Return 200 tiny CTs on disk, and the case that each must become."""
    folder = tmp_path_factory.mktemp("tiny")
    rng = np.random.default_rng(3)
    labels = np.zeros((10, 9, 8), np.uint16)
    labels[2:8, 1:7, 1:7] = label("L3", SHELL)
    labels[3:7, 2:5, 2:5] = label("L3", TRABECULAR)
    write_labels(Volume(labels, np.eye(4)), folder / "labels.nii.gz")
    cases = {}
    for n in range(2 * EACH):
        volume = Volume(rng.integers(-1000, 1000, labels.shape).astype(np.int16), np.eye(4))
        write_image(volume, folder / f"ct{n}.nrrd")
        cases[str(folder / f"ct{n}.nrrd")] = case_id(volume)
    return list(cases), cases


def adding(paths: list[str], dataset: Path, script: Path) -> subprocess.Popen:
    """Start a process that adds CTs to a dataset; it prints a line for each."""
    labels = Path(paths[0]).parent / "labels.nii.gz"
    words = ["dataset", "add", "-d", str(dataset), *(word for path in paths for word in (path, str(labels)))]
    script.write_text(" ".join(words))
    return subprocess.Popen([sys.executable, "-c", COMMAND, str(script)], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("seed", [1, 2])
def test_of_two_processes_one_killed_the_index_rebuilds_to_exactly_the_finished_cases(
    tiny_files: tuple[list[str], dict[str, str]], tmp_path: Path, seed: int
) -> None:
    paths, cases = tiny_files
    dataset, chance = tmp_path / "dataset", random.Random(seed)
    survivor = adding(paths[:EACH], dataset, tmp_path / "a")
    victim = adding(paths[EACH:], dataset, tmp_path / "b")
    told = [victim.stdout.readline().split()[0] for _ in range(chance.randrange(5, EACH // 2))]
    time.sleep(chance.random() * 0.05)
    victim.kill()
    told += [line.split()[0] for line in victim.stdout]
    assert victim.wait() == -9
    survivor.communicate(timeout=240)
    assert survivor.returncode == 0

    write_index(dataset)
    there = {case.id for case in open_dataset(dataset).cases}
    assert {row["case"] for row in read_index(dataset)} == there
    assert {path.name for path in (dataset / "cases").iterdir() if not path.name.startswith(".")} == there
    assert {cases[path] for path in paths[:EACH]} | set(told) <= there
    assert len(told) <= len(there) - EACH <= len(told) + 1
    assert {one.kind for one in check(dataset).problems} <= {"leftover"}

    again = adding(paths, dataset, tmp_path / "c")
    lines = again.communicate(timeout=240)[0].splitlines()
    assert sum(line.endswith("there already") for line in lines) == len(there)
    assert {row["case"] for row in read_index(dataset)} == set(cases.values())


def test_two_processes_with_the_same_cases_leave_each_once(
    tiny_files: tuple[list[str], dict[str, str]], tmp_path: Path
) -> None:
    paths, cases = tiny_files
    both = [adding(paths[:30], tmp_path / "dataset", tmp_path / name) for name in "ab"]
    lines = [line for one in both for line in one.communicate(timeout=240)[0].splitlines()]
    assert [one.returncode for one in both] == [0, 0]
    assert len(lines) == 60
    opened = open_dataset(tmp_path / "dataset")
    assert {case.id for case in opened.cases} == {cases[path] for path in paths[:30]}
    assert all(len(case.masks) == 1 for case in opened.cases)
    assert len({case.patient for case in opened.cases}) == 30
    assert check(tmp_path / "dataset").problems == ()
