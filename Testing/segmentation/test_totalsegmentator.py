"""TotalSegmentator as an engine, against a stand-in program of its name: what it is given, and what may not happen."""

import hashlib
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from OsteoScreenLib.errors import AnatomyError, Cancelled, ModelError
from OsteoScreenLib.levels import SCREENED, body_mask
from OsteoScreenLib.progress import never, silent
from OsteoScreenLib.segmentation import totalsegmentator
from OsteoScreenLib.segmentation.totalsegmentator import MODELS, by_totalsegmentator, fetch
from Testing.conftest import BoxCase

PROGRAM = """
import json, os, sys, time, urllib.request
from pathlib import Path
import SimpleITK as sitk
option = dict(zip(sys.argv, sys.argv[1:]))
assert json.loads((Path(os.environ["TOTALSEG_HOME_DIR"]) / "config.json").read_text())["send_usage_stats"] is False
assert option["--device"] == "cpu" and "vertebrae_L1" in sys.argv and "--ml" in sys.argv
try:
    urllib.request.urlopen("https://example.com", timeout=5)
except OSError as error:
    assert "refused" in str(error), error
ct = sitk.ReadImage(option["-i"])
{work}
"""

COPY = """
labels = sitk.ReadImage(os.environ["STAND_IN"])
sitk.WriteImage(labels, option["-o"])
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that installs a program in TotalSegmentator's place, with empty weights."""

    def install(work: str, models: tuple[int, ...] = MODELS) -> None:
        package = tmp_path / "site" / "totalsegmentator"
        (package / "bin").mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "bin" / "__init__.py").touch()
        (package / "bin" / "TotalSegmentator.py").write_text(PROGRAM.format(work=work))
        (package / "bin" / "totalseg_download_weights.py").write_text(work)
        for number in models:
            fold = tmp_path / "weights" / f"Dataset{number}_Tiny" / "trainer" / "fold_0"
            fold.mkdir(parents=True)
            (fold / "checkpoint_final.pth").write_bytes(b"weights")
        monkeypatch.setenv("TOTALSEG_WEIGHTS_PATH", str(tmp_path / "weights"))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"), prepend=os.pathsep)
        monkeypatch.syspath_prepend(tmp_path / "site")
        sys.modules.pop("totalsegmentator", None)

    return install


def test_its_vertebrae_come_back_with_their_names(
    stand_in, box_case: BoxCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import SimpleITK as sitk

    whole = np.zeros(box_case.labels.voxels.shape, np.uint8)
    for n, level in enumerate(SCREENED):
        whole[body_mask(box_case.labels.voxels, level)] = 31 - n
    sitk.WriteImage(box_case.labels.with_voxels(whole).to_sitk(), str(tmp_path / "whole.nii.gz"))
    monkeypatch.setenv("STAND_IN", str(tmp_path / "whole.nii.gz"))
    stand_in(COPY)
    found = by_totalsegmentator(box_case.volume, "cpu", silent, never)
    assert np.array_equal(found.voxels, whole)
    assert list(found.screened()) == list(SCREENED)
    assert len(found.models[0].sha256) == 64


def test_without_it_a_line_says_what_to_install(box_case: BoxCase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totalsegmentator, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="pip install TotalSegmentator"):
        by_totalsegmentator(box_case.volume, "cpu", silent, never)


def test_without_weights_a_line_says_what_to_fetch_and_nothing_runs(stand_in, box_case: BoxCase) -> None:
    stand_in("raise SystemExit('it ran')", models=MODELS[:-1])
    with pytest.raises(ModelError, match=r"osteoscreen models fetch totalsegmentator.*datasets 298 from https"):
        by_totalsegmentator(box_case.volume, "cpu", silent, never)


def test_its_failure_is_told_by_its_last_line(stand_in, box_case: BoxCase) -> None:
    stand_in("print('loading'); sys.exit('no such device')")
    with pytest.raises(ModelError, match="TotalSegmentator failed: no such device"):
        by_totalsegmentator(box_case.volume, "cpu", silent, never)


def test_an_empty_result_is_no_spine(stand_in, box_case: BoxCase) -> None:
    stand_in("sitk.WriteImage(sitk.Cast(ct * 0, sitk.sitkUInt8), option['-o'])")
    with pytest.raises(AnatomyError, match="found no lumbar vertebra"):
        by_totalsegmentator(box_case.volume, "cpu", silent, never)


def test_it_is_ended_when_the_user_stops(stand_in, box_case: BoxCase) -> None:
    stand_in("time.sleep(60)")
    started = time.monotonic()
    with pytest.raises(Cancelled):
        by_totalsegmentator(box_case.volume, "cpu", silent, lambda: True)
    assert time.monotonic() - started < 30


def test_fetching_says_what_came_from_where_with_its_hash(stand_in) -> None:
    stand_in("import sys; assert sys.argv[1:] == ['-t', 'total']")
    said: list[str] = []
    fetch(said.append, never)
    assert "Apache-2.0" in said[0]
    assert "github.com/wasserth/TotalSegmentator" in said[1]
    assert len(said) == 2 + len(MODELS)
    assert all(line.endswith(hashlib.sha256(b"weights").hexdigest()) for line in said[2:])
