"""The same cohort through Ray: a worker that dies costs its case, and the table is the same."""

from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from OsteoScreenLib.cohort import Counts, run_cohort
from OsteoScreenLib.cohorts.cluster import LOCAL, on_ray
from OsteoScreenLib.cohorts.limits import Limits
from OsteoScreenLib.cohorts.manifest import read_cohort
from OsteoScreenLib.cohorts.settings import Settings
from OsteoScreenLib.cohorts.tables import read_rows
from OsteoScreenLib.errors import InputError
from Testing.cohorts.conftest import go, images
from Testing.cohorts.stand_in import quick_case

pytest.importorskip("ray", reason="Ray is not installed (extra 'cluster')")


def on_a_cluster(source: Path, output: Path, **options: bool) -> Counts:
    runner = partial(on_ray, address=LOCAL, workers=2, work=quick_case)
    return run_cohort(read_cohort(source), output, Settings(), Limits(memory=2.0, seconds=60.0), runner, **options)


def test_a_killed_worker_costs_its_case_and_the_table_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    source = images(tmp_path / "in", "a", "b", "c", "killed-1", "refused-1")
    assert on_a_cluster(source, tmp_path / "ray") == Counts(5, 3, 2)
    failures = pd.read_csv(tmp_path / "ray" / "failures.csv").set_index("case").message
    assert "stopped from outside" in failures["killed-1"]
    assert failures["refused-1"] == "There is no spine in it."
    assert on_a_cluster(source, tmp_path / "ray", resume=True) == Counts(5, 4, 1)
    go(source, tmp_path / "processes")
    for name in ("measurements", "features"):
        pd.testing.assert_frame_equal(read_rows(tmp_path / "ray", name), read_rows(tmp_path / "processes", name))


def test_no_cluster_is_said_at_once() -> None:
    with pytest.raises(InputError, match="There is no Ray cluster at 'no"):
        next(on_ray([], "no.such.host.invalid:6379"))
