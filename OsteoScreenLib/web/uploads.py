"""Files from the browser: into a private folder, within limits, and never where their names would have them."""

import errno
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

from OsteoScreenLib.errors import InputError

MAX_UPLOAD = 2 * 1024**3
"""Bytes that the browser may send at once, and that a zip may unpack to: a whole-body CT has less than one GiB."""

MAX_FILES = 20_000
_CHUNK = 1024**2
_MAX_SCENE = 64 * 1024**2
"""Bytes of the text of a scene, which is looked through in memory."""

_NAMES_FILE = re.compile(r"(?:uri|href|fileName|fileListMember\d*)", re.IGNORECASE)
_OUTSIDE = re.compile(r"[a-z][a-z0-9+.-]*:|[/\\]|(?:.*[/\\])?\.\.(?:[/\\]|$)", re.IGNORECASE)

_BROKEN = (
    zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, ValueError, IndexError, zlib.error, struct.error,
    lzma.LZMAError, ElementTree.ParseError,
)  # fmt: skip
"""What is raised where a zip, or a scene in it, is not as it should be."""


def too_large(size: int) -> InputError:
    """Return the error for an upload of `size` bytes."""
    return InputError(
        f"That is {size / 1024**3:.1f} GiB; at most {MAX_UPLOAD / 1024**3:.0f} GiB can be sent. "
        "Open it by its path (osteoscreen view PATH), or crop it."
    )


def safe_name(name: str, number: int) -> str:
    """Return a file name for what the browser calls `name`: its last part, in harmless characters, numbered."""
    last = re.split(r"[/\\]", name)[-1]
    tame = re.sub(r"[^A-Za-z0-9._ -]+", "_", last).lstrip(". ")[-100:]
    return f"{number:05d}-{tame}" if number else tame or "file"


async def receive(parts: AsyncIterator[tuple[str, AsyncIterator[bytes]]], folder: Path) -> list[Path]:
    """Write files, given as names and chunks, into `folder`. Raises `InputError` beyond the limits."""
    files: list[Path] = []
    size = 0
    async for name, chunks in parts:
        if len(files) >= MAX_FILES:
            raise InputError(f"These are more than {MAX_FILES} files; send one series alone.")
        path = folder / safe_name(name, len(files))
        with path.open("xb") as file:
            async for chunk in chunks:
                size += len(chunk)
                if size > MAX_UPLOAD:
                    raise too_large(size)
                file.write(chunk)
        files.append(path)
    if not files:
        raise InputError("No file arrived; choose it again.")
    return files


def unpacked(path: Path, folder: Path) -> Path:
    """Unpack a zip into the empty `folder` and return what to read: its one image file, or the folder.

    Raises `InputError` for what is no zip, is locked, or unpacks to more than it may.
    """
    with _opened(path, f"{path.name} is not a zip that can be opened. Zip it again.") as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        _check_size(entries, path.name)
        files = [_unpack(archive, entry, folder / safe_name(entry.filename, number))
                 for number, entry in enumerate(entries)]  # fmt: skip
    if not files:
        raise InputError(f"{path.name} is an empty zip. Zip the CT itself.")
    return files[0] if len(files) == 1 else folder


def check_bundle(path: Path) -> None:
    """Raise `InputError` if a file is no Slicer scene (.mrb), unpacks to too much, or points out of itself."""
    with _opened(path, f"{path.name} cannot be opened as a Slicer scene (.mrb).") as archive:
        entries = archive.infolist()
        _check_size(entries, path.name)
        scenes = [entry for entry in entries if entry.filename.lower().endswith(".mrml")]
        if not scenes:
            raise InputError(f"{path.name} holds no Slicer scene; save it again as .mrb.")
        if sum(scene.file_size for scene in scenes) > _MAX_SCENE:
            raise InputError(f"{path.name} holds a scene of more than {_MAX_SCENE // 1024**2} MiB of text.")
        outside = any(_OUTSIDE.match(entry.filename) for entry in entries)
        if outside or any(_points_outside(archive.read(scene)) for scene in scenes):
            raise InputError(f"{path.name} refers to data outside of itself; save it again with its data inside.")


@contextmanager
def _opened(path: Path, otherwise: str) -> Iterator[zipfile.ZipFile]:
    """Yield an open zip; raises `InputError`, which says `otherwise`, where it turns out to be broken."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except _BROKEN as error:
        raise InputError(otherwise) from error
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # a full disk, say; EINVAL is a place before the file's beginning
            raise
        raise InputError(otherwise) from error


def _points_outside(scene: bytes) -> bool:
    """Tell whether a scene names a file or an address that is not in its bundle, or entities that could."""
    if b"<!ENTITY" in scene:
        return True
    named = (
        unquote(value)
        for element in ElementTree.fromstring(scene).iter()
        for name, value in element.attrib.items()
        if _NAMES_FILE.fullmatch(name)
    )
    return any(_OUTSIDE.match(value.strip()) for value in named)


def _check_size(entries: Iterable[zipfile.ZipInfo], name: str) -> None:
    entries = list(entries)
    size = sum(entry.file_size for entry in entries)
    if size > MAX_UPLOAD:
        raise InputError(f"{name} unpacks to {size / 1024**3:.1f} GiB, more than {MAX_UPLOAD / 1024**3:.0f} GiB.")
    if len(entries) > MAX_FILES:
        raise InputError(f"{name} holds {len(entries)} files, more than {MAX_FILES}. Zip one series alone.")


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> Path:
    """Unpack one file, and not a byte more than it says of itself."""
    left = entry.file_size
    with archive.open(entry) as packed, path.open("xb") as file:
        while chunk := packed.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise InputError(f"{entry.filename} in the zip is larger than it says. Zip it again.")
            file.write(chunk)
    return path
