"""What the web page is sent: zips of images, and scenes of 3D Slicer."""

import asyncio
import io
import struct
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

from OsteoScreenLib.web.uploads import check_bundle, receive, safe_name, unpacked
from Testing.fuzz.given import Given
from Testing.fuzz.mutation import spoilt_bytes, spoilt_text
from Testing.fuzz.reader import Reader

_NAMES = (
    "../out.txt", "/out.txt", "a/../../out.txt", "..\\out.txt", "C:\\out.txt", "\\\\host\\out", "a\0b", "", ".", "..",
    "~/x", "x" * 300, "x/" * 200 + "y", "\u202etxt.exe", "con", "a.nii.gz", "-rf", ".hidden", "a\nb", "Data/",
)  # fmt: skip
_SCENE = b"""<MRML version="Volume5">
 <Volume id="vtkMRMLScalarVolumeNode1" name="ct" storageNodeRef="s1"></Volume>
 <VolumeArchetypeStorage id="s1" fileName="Data/ct.nrrd" useCompression="1"></VolumeArchetypeStorage>
</MRML>
"""
_REFERENCES = (
    b"http://127.0.0.1/x.nrrd", b"file:///etc/passwd", b"/etc/passwd", b"../../etc/passwd", b"Data/../../x",
    b"C:/windows/x", b"\\\\host\\x", b"Data/ct.nrrd", b"", b"%2e%2e/x", b"//host/x",
)  # fmt: skip


def _zip(entries: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
    return content.getvalue()


_IMAGES = {"ct/a.nrrd": b"NRRD0004\n" * 20, "ct/b.txt": b"text"}
_BUNDLE = {"case/case.mrml": _SCENE, "case/Data/ct.nrrd": b"NRRD0004\n" * 20}


def _spoilt_zip(rng: Random, given: Given) -> Given:
    ((name, content),) = given.items()
    kind = rng.random()
    if kind < 0.4:
        return {name: spoilt_bytes(rng, content)}
    if kind < 0.6:  # sizes and offsets that lie, in the directory at the end or before each file
        changed, mark = bytearray(content), rng.choice((b"PK\1\2", b"PK\3\4", b"PK\5\6"))
        start = content.find(mark, rng.randrange(len(content)) if rng.random() < 0.5 else 0)
        if start >= 0:
            value = rng.choice((0, 1, 2**31 - 1, 2**32 - 1, 1 << 20, rng.randrange(1000)))
            struct.pack_into("<I", changed, min(start + rng.randrange(4, 46), len(changed) - 4), value)
        return {name: bytes(changed)}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {one: archive.read(one) for one in archive.namelist()}
    old = rng.choice(sorted(entries))
    if kind < 0.75:
        entries[rng.choice(_NAMES)] = entries.pop(old)
    elif kind < 0.752:
        entries[old] = bytes(rng.choice((1 << 20, 48 << 20)))
    elif kind < 0.78:
        entries |= {f"{n}.dcm": b"" for n in range(rng.choice((100, 400)))}
    elif old.endswith(".mrml") and kind < 0.9:
        entries[old] = entries[old].replace(b"Data/ct.nrrd", rng.choice(_REFERENCES))
    else:
        entries[old] = spoilt_text(rng, entries[old])
    return {name: _zip(entries)}


def _unpack(folder: Path) -> None:
    (path,), into, beside = list(folder.iterdir()), folder / "into", folder / "beside"
    into.mkdir()
    beside.mkdir()
    found = unpacked(path, into)
    assert found == into or (found.parent == into and found.is_file())
    assert all(one.is_file() and not one.is_symlink() for one in into.iterdir())
    assert sorted(one.name for one in folder.iterdir()) == sorted(["beside", "into", path.name])
    assert not list(beside.iterdir())


def _check_bundle(folder: Path) -> None:
    path = folder / "a.mrb"
    check_bundle(path)
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            assert not name.startswith("/")
            assert ".." not in name.split("/")
            if name.lower().endswith(".mrml"):
                text = archive.read(name)
                assert not any(b'"' + one + b'"' in text for one in _REFERENCES[:7])


def _receive(folder: Path) -> None:
    """Send a file under a name that its first line gives, as a browser would."""
    name, _, content = (folder / "sent").read_bytes().partition(b"\n")
    into = folder / "into"
    into.mkdir()

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    async def parts() -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
        for _ in range(2):
            yield name.decode("utf-8", "surrogateescape"), chunks()

    for path in asyncio.run(receive(parts(), into)):
        assert path.parent == into
        assert path.is_file()
    assert safe_name(name.decode("latin-1"), 0) not in ("", ".", "..")


def _spoilt_name(rng: Random, given: Given) -> Given:
    name = rng.choice(_NAMES).encode("utf-8")
    return {"sent": (name if rng.random() < 0.3 else spoilt_bytes(rng, name)) + b"\n" + given["sent"]}


READERS = (
    Reader("zip-upload", lambda: [{"a.zip": _zip(_IMAGES)}], _spoilt_zip, _unpack),
    Reader("mrb-upload", lambda: [{"a.mrb": _zip(_BUNDLE)}], _spoilt_zip, _check_bundle),
    Reader("upload-names", lambda: [{"sent": b"a.nii\nvoxels"}], _spoilt_name, _receive),
)
