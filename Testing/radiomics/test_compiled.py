"""Loops are compiled once on a machine, give what Python would, and are mended where their kept code is damaged."""

import ctypes
import importlib.util
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from OsteoScreenLib.radiomics import compiled as subject
from OsteoScreenLib.radiomics import kernels
from OsteoScreenLib.radiomics.compiled import compiled
from OsteoScreenLib.radiomics.features import _on_a_rim

KERNEL = """
from ctypes import c_int64
from OsteoScreenLib.radiomics.compiled import FLOAT64, INT64

def cumulate(values: INT64, count: c_int64, sums: FLOAT64) -> None:
    total = 0.0
    for n in range(count):
        total += values[n] / 2
        sums[n] = total
"""


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A kernel in a file of its own, of which nothing is loaded or kept yet."""
    monkeypatch.setattr(subject, "_loaded", {})
    monkeypatch.setenv("OSTEOSCREEN_HOME", str(tmp_path / "home"))
    path = tmp_path / "cumulate.py"
    path.write_text(KERNEL, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("cumulate", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.cumulate


def sums(kernel: Callable[..., None]) -> list[float]:
    found = np.zeros(3)
    compiled(kernel)(np.array([1, 2, 4]), 3, found)
    return found.tolist()


def kept(folder: Path) -> list[Path]:
    return sorted(folder.rglob("cumulate.*.ll"))


def test_the_kernels_count_as_the_same_loops_do_in_python() -> None:
    rng = np.random.default_rng(5)
    mask = rng.random((5, 6, 7)) < 0.8
    grid, voxels, steps = _on_a_rim(mask, rng.integers(0, 3, mask.sum()))
    count, tones, g, longest, reach = len(voxels), np.array([0, 65, 97, 225]), 4, 8, 128

    for kernel, inputs, outputs in (
        (
            kernels.neighbours,
            [grid, voxels, count, steps, tones, g, longest, np.zeros(13 * reach, np.int32), reach],
            [*(np.zeros(n, np.int32) for n in (13 * g * g, 13 * g * longest, g * 27)), np.zeros(g)],
        ),
        (kernels.zones, [grid, voxels, count, steps, voxels.copy()], [np.zeros(2 * count, np.int64)]),
    ):
        # Lists: unlike Python and the compiled loops, numpy's own numbers add true and true to true.
        by_python = [made.tolist() for made in outputs]
        kernel(*(given.tolist() if isinstance(given, np.ndarray) else given for given in inputs), *by_python)
        compiled(kernel)(*inputs, *outputs)
        assert all(made.any() for made in outputs)
        for one, other in zip(by_python, outputs, strict=True):
            np.testing.assert_array_equal(one, other)


def test_what_is_kept_is_used_without_numba() -> None:
    use = "from OsteoScreenLib.radiomics.extract import prepare; prepare(); import sys; print('numba' in sys.modules)"
    subprocess.run([sys.executable, "-c", use], check=True, capture_output=True)
    again = subprocess.run([sys.executable, "-c", use], check=True, capture_output=True, text=True)
    assert again.stdout.strip() == "False"


def test_threads_that_ask_at_once_compile_once(kernel: Callable, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda _: sums(kernel), range(8))) == [[0.5, 1.5, 3.5]] * 8
    assert len(kept(tmp_path)) == len(subject._loaded) == 1


@pytest.mark.parametrize("damage", [b"", b"not LLVM's", b"\xff\xfe"])
def test_damaged_code_is_made_anew(
    kernel: Callable, tmp_path: Path, damage: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    sums(kernel)
    (path,) = kept(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(damage or whole[: len(whole) // 2])
    subject._loaded.clear()
    assert sums(kernel) == [0.5, 1.5, 3.5]
    subject._loaded.clear()
    monkeypatch.setattr(subject, "_made", lambda kernel: pytest.fail("what was mended should be used"))
    assert sums(kernel) == [0.5, 1.5, 3.5]


def test_where_the_program_cannot_be_written_the_users_folder_keeps_the_code(kernel: Callable, tmp_path: Path) -> None:
    (tmp_path / "__pycache__").write_text("a file in the folder's place")
    assert sums(kernel) == [0.5, 1.5, 3.5]
    assert [path.parent for path in kept(tmp_path)] == [tmp_path / "home" / "compiled"]


def test_where_nothing_can_be_written_it_works_all_the_same(kernel: Callable, tmp_path: Path) -> None:
    for folder in ("__pycache__", "home"):
        (tmp_path / folder).write_text("a file in the folder's place")
    assert sums(kernel) == [0.5, 1.5, 3.5]
    assert kept(tmp_path) == []


def test_another_kind_of_array_is_refused(kernel: Callable) -> None:
    fine = np.array([1, 2, 4])
    for values, found in ((fine.astype(np.int32), np.zeros(3)), (fine, np.zeros(6)[::2]), (fine, None)):
        with pytest.raises(ctypes.ArgumentError):
            compiled(kernel)(values, 3, found)


def test_a_changed_file_is_compiled_again(kernel: Callable, tmp_path: Path) -> None:
    sums(kernel)
    source = Path(kernel.__code__.co_filename)
    source.write_text(source.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
    subject._loaded.clear()
    sums(kernel)
    assert len(kept(tmp_path)) == 2
