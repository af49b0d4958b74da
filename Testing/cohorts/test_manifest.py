"""A manifest or a folder says which cases there are; what it cannot mean is refused in one line."""

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from OsteoScreenLib.cohorts.manifest import read_cohort, read_manifest
from OsteoScreenLib.errors import InputError
from Testing.cohorts.conftest import images


def table(folder: Path, text: str) -> Path:
    path = folder / "cohort.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_inputs_are_relative_to_the_manifest_and_other_columns_go_along(tmp_path: Path) -> None:
    text = "case,input,series,age,site\nfirst,cts/a.nii.gz,,67,north\n,/elsewhere/b/,3,71,south\n"
    first, second = read_cohort(table(tmp_path, text))
    assert (first.name, first.source, first.series) == ("first", tmp_path / "cts" / "a.nii.gz", None)
    assert first.facts == (("age", "67"), ("site", "north"))
    assert (second.name, second.source, second.series) == ("b", Path("/elsewhere/b"), "3")


def test_a_folder_is_searched_for_images_and_dicom(tmp_path: Path) -> None:
    images(tmp_path, "a", "b.seg")
    images(tmp_path / "north", "a")
    images(tmp_path / ".hidden", "c")
    images(tmp_path / "results", "d")
    (tmp_path / "results" / "cohort.json").write_text("{}")
    (tmp_path / "north" / "study 1").mkdir()
    (tmp_path / "north" / "study 1" / "IM0").write_bytes(bytes(128) + b"DICM")
    (tmp_path / "north" / "notes.txt").write_text("no image")
    (tmp_path / "loop").symlink_to(tmp_path)
    found = {case.name: case.source.relative_to(tmp_path).as_posix() for case in read_cohort(tmp_path)}
    assert found == {"a": "a.nii", "north.a": "north/a.nii", "north.study_1": "north/study 1"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no column 'input'"),
        ("path\na.nii\n", "has no column 'input'"),
        ("input\n", "has no rows"),
        ("input,input\na.nii,b.nii\n", "several columns 'input'"),
        ("input,key\na.nii,1\n", "has a column 'key'"),
        ("input,age\na.nii\n", "line 2: there are more or fewer fields"),
        ("input\na.nii,1\n", "line 2: there are more or fewer fields"),
        ("input,age\n,3\n", "line 2: 'input' is empty"),
        ("case,input\n../../etc,a.nii\n", "cannot be the name of a folder"),
        ("case,input\na/b,a.nii\n", "cannot be the name of a folder"),
        ("case,input\n..,a.nii\n", "cannot be the name of a folder"),
        ("case,input\n.hidden,a.nii\n", "cannot be the name of a folder"),
        ("case,input\n" + "n" * 101 + ",a.nii\n", "cannot be the name of a folder"),
        ("input\nx/a.nii\ny/A.nii\n", "several cases named 'a'"),
        ('input\n"a.nii\n', "is not a table"),
        ("input\n" + "a" * 200_000 + "\n", "is not a table"),
    ],
)
def test_what_a_manifest_cannot_mean_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as refused:
        read_cohort(table(tmp_path, text))
    assert "\n" not in str(refused.value)


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cohort.csv"
    path.write_bytes(b"input\n\xff\xfe\x00\n")
    with pytest.raises(InputError, match="is not a table"):
        read_cohort(path)
    with pytest.raises(InputError, match="does not exist"):
        read_cohort(tmp_path / "none.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no image file and no DICOM folder"):
        read_cohort(tmp_path / "empty")


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8"), max_size=12), min_size=1, max_size=4), max_size=6))
def test_no_case_ever_writes_outside_its_folder(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    text = "case,input\n" + "\n".join(",".join(row) for row in rows)
    try:
        cases = read_manifest(table(folder, text))
    except InputError:
        return
    allowed = set(string.ascii_letters + string.digits + "._-")
    for case in cases:
        assert (folder / case.name).resolve().parent == folder.resolve()
        assert set(case.name) <= allowed
