"""The text at the head of NRRD and MetaImage files, looked through before ITK reads it.

ITK's readers believe what stands there: numbers too long, too large or too many end the process or keep it busy for
ever, and a name of a data file may lead anywhere. Formats: teem's "Definition of NRRD File Format", "MetaIO".
"""

import re
from collections.abc import Iterable
from math import prod
from pathlib import Path

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.readers.sizes import FARTHEST, MOST_COMPRESSION, check_size

_LONGEST = 1 << 20
"""Bytes of a header: that of a segmentation with many segments has some 100 KB."""
_MOST_AXES = 5
_LONGEST_VALUE = 500
"""Characters of a value in a MetaImage header, whose reader keeps them in arrays of fixed size."""

_COUNT = re.compile(r"\d{1,10}")
_NUMBER = re.compile(r"[-+]?(?:\d{1,20}\.?\d{0,30}|\.\d{1,30})(?:[eE][-+]?\d{1,3})?")

_NRRD_BYTES = {
    1: ("signed char", "int8", "int8_t", "uchar", "unsigned char", "uint8", "uint8_t"),
    2: ("short", "short int", "signed short", "signed short int", "int16", "int16_t", "ushort", "unsigned short",
        "unsigned short int", "uint16", "uint16_t"),
    4: ("int", "signed int", "int32", "int32_t", "uint", "unsigned int", "uint32", "uint32_t", "float"),
    8: ("longlong", "long long", "long long int", "signed long long", "signed long long int", "int64", "int64_t",
        "ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t", "double"),
}  # fmt: skip
_NRRD_TYPES = {name: size for size, names in _NRRD_BYTES.items() for name in names}
_NRRD_PACKED = {"raw": 1, "txt": 1, "text": 1, "ascii": 1, "hex": 1, "gz": MOST_COMPRESSION, "gzip": MOST_COMPRESSION}
_NRRD_NUMBERS = frozenset((
    "space directions", "space origin", "spacings", "thicknesses", "axis mins", "axismins", "axis maxs", "axismaxs",
    "measurement frame", "min", "max", "old min", "oldmin", "old max", "oldmax",
))  # fmt: skip
_NRRD_TEXTS = frozenset((
    "content", "space", "space units", "kinds", "centers", "centerings", "labels", "units", "sample units",
    "sampleunits", "endian",
))  # fmt: skip

_META_TYPES = {
    "MET_CHAR": 1, "MET_UCHAR": 1, "MET_SHORT": 2, "MET_USHORT": 2, "MET_INT": 4, "MET_UINT": 4, "MET_LONG": 8,
    "MET_ULONG": 8, "MET_LONG_LONG": 8, "MET_ULONG_LONG": 8, "MET_FLOAT": 4, "MET_DOUBLE": 8,
}  # fmt: skip
_META_NUMBERS = frozenset((
    "Offset", "Position", "Origin", "TransformMatrix", "Rotation", "Orientation", "CenterOfRotation", "ElementSpacing",
    "ElementSize", "ElementMin", "ElementMax", "ElementToIntensityFunctionSlope", "ElementToIntensityFunctionOffset",
))  # fmt: skip
_META_COUNTS = frozenset(("CompressedDataSize", "ElementNumberOfChannels", "ElementNBits"))


def check_nrrd(path: Path) -> None:
    """Raise `InputError` unless a file begins with a sane NRRD header, and can hold the voxels that this promises."""
    with path.open("rb") as file:
        head = file.read(_LONGEST + 1).replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    lines = _text(head, path).split("\n")
    fields: dict[str, str] = {}
    if not re.fullmatch("NRRD000[1-5]", lines[0]):
        raise _damaged(path, f"begins with '{lines[0][:20]}'")
    if b"\r" in head:  # teem ends a line there, and a long one that it cannot read ends the process
        raise _damaged(path, "has lines that end in a bare carriage return")
    for line in lines[1:]:
        if line.startswith("#") or ":=" in line or not line.strip():
            continue
        name, sign, value = line.partition(":")
        if not sign or name.strip().lower() in fields:
            raise _damaged(path, f"has the line '{line[:40]}'")
        fields[name.strip().lower()] = value.strip()
    shape = _nrrd_shape(fields, path)
    for name, value in fields.items():
        if name in _NRRD_NUMBERS or name in _NRRD_TEXTS:
            most = len(shape) if name != "space origin" else 1
            if len(re.findall(r"\([^()]*\)?|[^\s()]+", value)) > most and name not in ("content", "space"):
                raise _damaged(path, f"has a {name} for more axes than there are")
        if name in _NRRD_NUMBERS:
            _check_numbers(re.split(r"[\s,()]+", value), name, path)
        elif name not in _NRRD_TEXTS | {"dimension", "sizes", "type", "encoding", "space dimension", *_NRRD_FILES}:
            raise _damaged(path, f"has a field '{name[:40]}'")
        elif len(value) > _LONGEST_VALUE:
            raise _damaged(path, f"has a field '{name}' of {len(value)} characters")
    data = fields.get("data file", fields.get("datafile"))
    if data is None and path.suffix.lower() == ".nhdr":
        raise _damaged(path, "names no data file")
    held = _beside(path, data).stat().st_size if data is not None else path.stat().st_size
    size = prod(shape) * _known(_NRRD_TYPES, fields.get("type", "").lower(), "type", path)
    check_size(path.name, size, held * _known(_NRRD_PACKED, fields.get("encoding", "").lower(), "encoding", path))


_NRRD_FILES = ("data file", "datafile", "line skip", "lineskip", "byte skip", "byteskip")


def check_metaimage(path: Path) -> None:
    """Raise `InputError` unless a file begins with a sane MetaImage header and can hold the voxels it promises."""
    with path.open("rb") as file:
        head = file.read(_LONGEST)
    ends = re.search(rb"^[ \t]*ElementDataFile[^\n]*(\n|\Z)", head, re.MULTILINE)
    head = head[: ends.end()] if ends else head
    fields: dict[str, str] = {}
    for line in _text(head.replace(b"\r", b""), path).strip("\n").split("\n"):
        name, sign, value = (part.strip() for part in line.partition("="))
        if not sign or name in fields or not re.fullmatch(r"\w{1,60}", name) or len(value) > _LONGEST_VALUE:
            raise _damaged(path, f"has the line '{line[:40]}'")
        fields[name] = value
    if "ElementDataFile" not in fields:
        raise _damaged(path, "names no ElementDataFile")
    axes = _axes(fields.get("NDims", ""), path)
    shape = _sizes(fields.get("DimSize", "").split(), axes, path)
    for name, value in fields.items():
        if name in _META_NUMBERS:
            _check_numbers(value.split(), name, path)
        elif name in _META_COUNTS and not _COUNT.fullmatch(value):
            raise _damaged(path, f"has {name} = {value[:40]}")
    if fields.get("HeaderSize", "0") not in ("0", "-1"):
        raise _damaged(path, "skips a part of its data (HeaderSize)")
    named = fields["ElementDataFile"]
    data = path if named.upper() == "LOCAL" else _beside(path, named)
    packed = MOST_COMPRESSION if fields.get("CompressedData", "False")[:1] in "Tt1" else 1
    channels = int(fields.get("ElementNumberOfChannels", "1"))
    size = prod(shape) * channels * _known(_META_TYPES, fields.get("ElementType", ""), "ElementType", path)
    check_size(path.name, size, data.stat().st_size * packed)
    if int(fields.get("CompressedDataSize", "0")) > data.stat().st_size:
        raise _damaged(path, "is cut short: it holds less than its CompressedDataSize")


def _nrrd_shape(fields: dict[str, str], path: Path) -> list[int]:
    axes = _axes(fields.get("dimension", ""), path)
    if not re.fullmatch(r"[1-9]?", fields.get("space dimension", "")):
        raise _damaged(path, "has no number of axes in space")
    for name in ("line skip", "lineskip", "byte skip", "byteskip"):
        if not re.fullmatch(r"|-1|\d{1,10}", fields.get(name, "")):
            raise _damaged(path, f"has a {name} of '{fields[name][:40]}'")
    return _sizes(fields.get("sizes", "").split(), axes, path)


def _axes(value: str, path: Path) -> int:
    if not re.fullmatch(f"[1-{_MOST_AXES}]", value):
        raise _damaged(path, f"has '{value[:20]}' axes")
    return int(value)


def _sizes(values: list[str], axes: int, path: Path) -> list[int]:
    if len(values) != axes or not all(_COUNT.fullmatch(value) and int(value) > 0 for value in values):
        raise _damaged(path, f"gives no size for {axes} axes")
    return list(map(int, values))


def _check_numbers(values: Iterable[str], name: str, path: Path) -> None:
    for value in values:
        if value.lower() in ("", "none", "nan", "???"):
            continue
        if not _NUMBER.fullmatch(value) or abs(float(value)) > FARTHEST:
            raise _damaged(path, f"has '{value[:20]}' as a number in {name}")


def _known(table: dict[str, int], value: str, what: str, path: Path) -> int:
    if value not in table:
        raise _damaged(path, f"is of an unknown {what} '{value[:20]}'")
    return table[value]


def _beside(path: Path, named: str) -> Path:
    """Return the data file that a header names, which must lie beside the header or below."""
    data = path.parent / named
    if not named or len(named) > 200 or Path(named).is_absolute() or ".." in Path(named).parts:
        raise InputError(f"{path.name} names '{named[:80]}' as its data file, which is not beside it. Put it there.")
    if not data.is_file():
        raise InputError(f"{path.name} has its voxels in '{named[:80]}', which is no file beside it. Give both.")
    return data


def _text(content: bytes, path: Path) -> str:
    if len(content) > _LONGEST or b"\0" in content:
        raise _damaged(path, "does not begin with text that ends")
    return content.decode("utf-8", "replace")


def _damaged(path: Path, how: str) -> InputError:
    return InputError(f"{path.name} is not a readable file of its kind: its header {how}. Export it again.")
