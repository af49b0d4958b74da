"""Files from a browser stay where they are put, within limits; what is not right is said in one line."""

import asyncio
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.web import uploads
from OsteoScreenLib.web.uploads import check_bundle, receive, safe_name, unpacked


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("ct.nii.gz", "ct.nii.gz"),
        ("../../etc/passwd", "passwd"),
        (r"C:\Users\me\ct.nrrd", "ct.nrrd"),
        ("/absolute/ct.mha", "ct.mha"),
        ("..", "file"),
        (".hidden", "hidden"),
        ("a\x00b\nc.nii", "a_b_c.nii"),
        ("CT Müller.nii", "CT M_ller.nii"),
        ("x" * 300 + ".nii.gz", "x" * 93 + ".nii.gz"),
    ],
)
def test_a_name_from_the_browser_is_never_a_path(name: str, safe: str) -> None:
    assert safe_name(name, 0) == safe
    assert safe_name(name, 7) == f"00007-{safe if safe != 'file' else ''}"


async def parts(*files: tuple[str, bytes]) -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
    async def chunks(content: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(content), 4):
            yield content[start : start + 4]

    for name, content in files:
        yield name, chunks(content)


def test_files_arrive_whole_under_names_of_their_own(tmp_path: Path) -> None:
    files = asyncio.run(receive(parts(("a/1.dcm", b"first file"), ("b/1.dcm", b"second")), tmp_path))
    assert [file.parent for file in files] == [tmp_path] * 2
    assert [file.read_bytes() for file in files] == [b"first file", b"second"]


def test_more_than_may_be_sent_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_UPLOAD", 10)
    with pytest.raises(InputError, match="at most"):
        asyncio.run(receive(parts(("a", b"12345678"), ("b", b"1234")), tmp_path))
    monkeypatch.setattr(uploads, "MAX_FILES", 1)
    with pytest.raises(InputError, match="more than 1 files"):
        asyncio.run(receive(parts(("c", b"1"), ("d", b"1")), tmp_path))
    with pytest.raises(InputError, match="No file arrived"):
        asyncio.run(receive(parts(), tmp_path))


def zipped(path: Path, **files: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_", "/"), content)
    return path


def test_a_zip_unpacks_flat_and_one_file_is_taken_for_itself(tmp_path: Path) -> None:
    (folder := tmp_path / "one").mkdir()
    assert unpacked(zipped(tmp_path / "a.zip", ct=b"x"), folder) == folder / "ct"
    (folder := tmp_path / "many").mkdir()
    archive = tmp_path / "b.zip"
    with zipfile.ZipFile(archive, "w") as made:
        for name in ("../../1.dcm", "/tmp/2.dcm", "a/b/3.dcm"):
            made.writestr(name, name)
    assert unpacked(archive, folder) == folder
    assert sorted(file.name for file in folder.iterdir()) == ["00001-2.dcm", "00002-3.dcm", "1.dcm"]


def test_a_zip_bomb_an_empty_zip_and_no_zip_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder := tmp_path / "out").mkdir()
    bomb = zipped(tmp_path / "bomb.zip", zeros=bytes(5_000_000))
    assert bomb.stat().st_size < 10_000
    monkeypatch.setattr(uploads, "MAX_UPLOAD", 1_000_000)
    with pytest.raises(InputError, match=r"bomb\.zip unpacks to"):
        unpacked(bomb, folder)
    assert not list(folder.iterdir())
    with pytest.raises(InputError, match="empty zip"):
        unpacked(zipped(tmp_path / "empty.zip"), folder)
    (tmp_path / "text.zip").write_text("this is no zip")
    with pytest.raises(InputError, match="not a zip"):
        unpacked(tmp_path / "text.zip", folder)


def test_a_zip_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    (folder := tmp_path / "out").mkdir()
    liar = zipped(tmp_path / "liar.zip", zeros=bytes(100_000))
    content = liar.read_bytes()
    liar.write_bytes(content.replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises(InputError):
        unpacked(liar, folder)
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 10


def test_a_scene_that_points_elsewhere_is_refused(tmp_path: Path) -> None:
    good = b'<MRML><Volume fileName="Data/ct.nrrd"></Volume></MRML>'
    path = tmp_path / "scene.mrb"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("scene/scene.mrml", good)
    check_bundle(path)
    for bad in (
        b'uri="https://elsewhere.example/ct.nrrd"', b"fileName = 'ftp://x/y'", b'fileName="//server/share/ct"',
        b'fileName="/etc/passwd"', b'fileName="../../ct.nrrd"', b'fileListMember0="Data/../../ct.nrrd"',
        b'fileName="C:/ct.nrrd"', b'fileName="%2Fetc%2Fpasswd"', b'fileName="&#x2F;etc&#47;passwd"',
    ):  # fmt: skip
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("scene/scene.mrml", good.replace(b'fileName="Data/ct.nrrd"', bad))
        with pytest.raises(InputError, match="outside of itself"):
            check_bundle(path)
    for broken in (b"<MRML>", b'<!DOCTYPE MRML [<!ENTITY a "/etc/passwd">]><MRML></MRML>'):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("scene/scene.mrml", broken)
        with pytest.raises(InputError):
            check_bundle(path)
    path.write_bytes(b"no zip")
    with pytest.raises(InputError, match="Slicer scene"):
        check_bundle(path)
