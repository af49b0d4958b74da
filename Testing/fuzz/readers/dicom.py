"""DICOM: a series in a folder, a multi-frame file, and how their elements are spoilt."""

import re
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
from pydicom import Dataset

from OsteoScreenLib.progress import never, silent
from OsteoScreenLib.readers import input_sha256, read_volume
from OsteoScreenLib.readers.acquisition import acquisition_from
from OsteoScreenLib.readers.slices import scan
from Testing.fuzz.given import Given, Link, taken
from Testing.fuzz.mutation import NUMBERS, WORDS, spoilt_bytes
from Testing.fuzz.reader import Reader
from Testing.readers.conftest import Series

_LONG = (b"OB", b"OW", b"OF", b"OD", b"OL", b"UN", b"SQ", b"UT", b"UC", b"UR")
_OPEN = 0xFFFFFFFF
_REST = 132


@dataclass(frozen=True)
class Element:
    """Where an element of an explicit little-endian file lies: tag, kind, its length's place, its value, its end."""

    start: int
    kind: bytes
    length: int
    value: int
    end: int


@cache
def series() -> Given:
    """Return a CT series of 8 small slices."""
    with tempfile.TemporaryDirectory() as folder:
        Series(Path(folder))(_hu(), change=_complete)
        return with_plain_uids(taken(Path(folder)))


@cache
def _enhanced() -> Given:
    with tempfile.TemporaryDirectory() as folder:
        Series(Path(folder)).enhanced()
        return with_plain_uids(taken(Path(folder)))


def _complete(header: Dataset, k: int) -> None:
    header.FrameOfReferenceUID = "1.2.3"


def _hu() -> np.ndarray:
    return np.random.default_rng(5).normal(0, 300, (8, 9, 10)).clip(-1000, 1500).astype(np.int16)


def with_plain_uids(given: Given) -> Given:
    """Return files whose random UIDs are replaced by numbers, so that each run begins with the same."""
    random = re.compile(rb"(1\.2\.826\.0\.1\.3680043\.|2\.25\.)[0-9.]+")
    found = dict.fromkeys(uid for name in sorted(given) for uid in (m[0] for m in random.finditer(given[name])))
    plain = {uid: b"1.2.826.%0*d" % (len(uid) - 8, 10 ** (len(uid) - 9) + n) for n, uid in enumerate(found)}
    return {name: random.sub(lambda m: plain[m[0]], given[name]) for name in given}


def elements(content: bytes, start: int = _REST, end: int | None = None) -> Iterator[Element]:
    """Yield the elements of an explicit little-endian file that stand in no item of another."""
    end = len(content) if end is None else end
    while start + 8 <= end:
        kind = content[start + 4 : start + 6]
        if kind in _LONG:
            length, value = start + 8, start + 12
            size = struct.unpack_from("<I", content, length)[0] if value <= end else 0
        else:
            length, value = start + 6, start + 8
            size = struct.unpack_from("<H", content, length)[0]
        if size == _OPEN:
            found = content.find(b"\xfe\xff\xdd\xe0\0\0\0\0", value)
            size = (found + 8 if found >= 0 else end) - value
        yield Element(start, kind, length, value, min(value + size, end))
        start = value + size


def spoilt_file(rng: Random, content: bytes) -> bytes:
    """Return a DICOM file with elements changed, left out, doubled or of a lying length, or with any bytes changed."""
    if rng.random() < 0.2:
        return spoilt_bytes(rng, content)
    for _ in range(rng.choice((1, 1, 2, 3))):
        found = list(elements(content))
        if not found:
            return content
        content = _spoilt_element(rng, content, rng.choice(found))
    return content


def _spoilt_element(rng: Random, content: bytes, one: Element) -> bytes:
    before, whole, after = content[: one.start], content[one.start : one.end], content[one.end :]
    kind = rng.random()
    if kind < 0.15:
        return before + after
    if kind < 0.2:
        return before + whole * 2 + after
    if kind < 0.25:
        return before + whole[:4] + rng.choice((b"SQ", b"UN", b"OW", b"DS", b"US", b"FD", b"??")) + whole[6:] + after
    if kind < 0.35:  # a length that lies
        code = "<I" if one.kind in _LONG else "<H"
        most = 2 ** (8 * struct.calcsize(code)) - 1
        length = struct.pack(code, rng.choice((0, 1, most, most // 2, most - 1, rng.randrange(64))))
        return content[: one.length] + length + content[one.length + len(length) :]
    if one.kind == b"SQ":
        return content[: one.value] + spoilt_bytes(rng, content[one.value : one.end]) + after
    value = content[one.value : one.end]
    if one.kind in (b"US", b"SS", b"UL", b"FD", b"FL", b"OW", b"OB"):
        value = spoilt_bytes(rng, value) if rng.random() < 0.5 else rng.choice((b"\0\0", b"\xff\xff", b"\1\0", b"\2\0"))
    elif rng.random() < 0.6:
        parts = value.split(b"\\")
        parts[rng.randrange(len(parts))] = rng.choice(NUMBERS + WORDS)
        value = b"\\".join(parts)
    else:
        value = rng.choice(WORDS) if rng.random() < 0.5 else rng.choice(_VALUES)
    value = value[:60000] + b" " * (len(value) % 2)
    code = "<I" if one.kind in _LONG else "<H"
    return content[: one.length] + struct.pack(code, len(value)) + value + after


_VALUES = (
    b"MR", b"CT", b"PALETTE COLOR", b"RGB", b"MONOCHROME1", b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.2",
    b"1.2.840.10008.1.2.1.99", b"1.2.840.10008.1.2.4.50", b"1.2.840.10008.1.2.4.70", b"1.2.840.10008.1.2.4.80",
    b"1.2.840.10008.1.2.4.90", b"1.2.840.10008.1.2.5", b"1.2.840.10008.5.1.4.1.1.2", b"1.2.840.10008.5.1.4.1.1.4",
    b"1.2.840.10008.5.1.4.1.1.2.1", b"1.2.840.10008.5.1.4.1.1.66.4", b"1\\0\\0\\0\\1\\0", b"0\\0\\0", b"0\\0", b"1\\1",
    b"LOCALIZER", b"ISO 2022 IR 87", b"GB18030", b"FRACTIONAL",
)  # fmt: skip
"""Transfer syntaxes, classes, geometry and words that mean something to a reader."""


def spoilt(rng: Random, given: Given) -> Given:
    """Return the files with one or two of them spoilt, all of them alike, or one of them left out or a link."""
    changed, names, kind = dict(given), sorted(given), rng.random()
    if len(names) > 1 and kind < 0.05:
        del changed[rng.choice(names)]
    elif len(names) > 1 and kind < 0.1:
        changed[rng.choice(names)] = Link(rng.choice((names[0], "/dev/zero", "/etc/passwd", "..", "nowhere")))
    elif len(names) > 1 and kind < 0.5:  # the same change in every slice: the only way past the checks of a stack
        state = rng.random()
        for name in names:
            changed[name] = spoilt_file(Random(state), given[name])
    else:
        for name in rng.sample(names, rng.choice((1, min(2, len(names))))):
            changed[name] = spoilt_file(rng, given[name])
    return changed


def _read(folder: Path) -> None:
    found = read_volume(folder)
    assert found.voxels.ndim == 3
    assert found.voxels.dtype in (np.int16, np.float32)
    assert np.isfinite(found.voxels).all()
    assert np.isfinite(found.to_ras(np.array(found.voxels.shape[::-1]))).all()
    found.to_sitk()


def _read_enhanced(folder: Path) -> None:
    _read(folder)
    input_sha256(folder)


def _read_header(folder: Path) -> None:
    slices, _ = scan(folder, True, silent, never)
    for one in slices:
        assert np.isfinite([*one.position, *one.along_row, *one.along_column, *one.spacing]).all()
    acquisition_from([one.header for one in slices])


def _one_file() -> list[Given]:
    name = min(series())
    return [{name: series()[name]}]


READERS = (
    Reader("dicom-header", _one_file, spoilt, _read_header),
    Reader("dicom", lambda: [series()], spoilt, _read),
    Reader("dicom-enhanced", lambda: [_enhanced()], spoilt, _read_enhanced),
)
