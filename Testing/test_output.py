"""Outputs are whole or absent, and what is not ours stays."""

import errno
from pathlib import Path

import pytest

from OsteoScreenLib.errors import AnatomyError, DiskFullError, OutputError
from OsteoScreenLib.output import disk_full, staged_file, staged_folder


def tree(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() if p.is_file() else "/" for p in folder.rglob("*")}


def test_a_new_folder_appears_whole_with_the_rights_of_any_new_folder(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    with staged_folder(tmp_path / "a" / "b") as staged:
        (staged / "x").write_text("1")
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a" / "b").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert tree(tmp_path) == {"plain": "/", "a": "/", "a/b": "/", "a/b/x": "1"}


def test_in_an_old_folder_only_files_of_ours_change(tmp_path: Path) -> None:
    for name in ("x", "stale", "notes"):
        (tmp_path / name).write_text("old")
    with staged_folder(tmp_path, owned=("x", "stale", "never")) as staged:
        (staged / "x").write_text("new")
    assert tree(tmp_path) == {"x": "new", "notes": "old"}


@pytest.mark.parametrize("existing", [True, False])
def test_after_an_error_nothing_has_changed(tmp_path: Path, existing: bool) -> None:
    output = tmp_path / "out"
    if existing:
        output.mkdir()
        (output / "x").write_text("old")
    before = tree(tmp_path)

    def fail() -> None:
        with staged_folder(output, owned=("x",)) as staged:
            (staged / "x").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert tree(tmp_path) == before


def test_a_file_replaces_the_old_one_or_nothing(tmp_path: Path) -> None:
    output = tmp_path / "deep" / "t.csv"
    with staged_file(output) as staged:
        staged.write_text("1")
    assert tree(tmp_path) == {"deep": "/", "deep/t.csv": "1"}
    with staged_file(output) as staged:
        staged.write_text("2")
    assert output.read_text() == "2"


@pytest.mark.parametrize("place", ["file", "file/below", "file/far/below"])
def test_a_place_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("mine")
    for stage in (staged_folder, lambda path: staged_file(path / "t.csv")):
        with pytest.raises(OutputError, match="not a folder"), stage(tmp_path / place):
            pytest.fail("the work began")
    assert tree(tmp_path) == {"file": "mine"}


def test_a_folder_is_not_overwritten_with_a_file(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is a folder"), staged_file(tmp_path):
        pytest.fail("the work began")


def test_a_full_disk_is_said_in_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    def fill() -> None:
        with staged_folder(tmp_path / "out") as staged, staged_file(staged / "x"):
            (staged / "y").write_text("1")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DiskFullError, match=r"The disk of .*out is full\. Make room"):
        fill()
    assert tree(tmp_path) == {}


def test_what_fails_while_the_disk_is_full_is_the_disks_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not disk_full(RuntimeError("the library could not write"), tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 0}))
    assert disk_full(RuntimeError("the library could not write"), tmp_path)
    assert not disk_full(AnatomyError("no spine"), tmp_path)
