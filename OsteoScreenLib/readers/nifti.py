"""NIfTI-1 voxels, read here: ITK is silent about files cut short, sheared axes and voxels without a value."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.readers.sizes import FARTHEST, MOST_COMPRESSION, check_size

try:
    from isal import isal_zlib as zlib  # decompresses a CT in half the time
except ImportError:  # in Slicer, which does not have it and needs it for nothing else
    import zlib

# Where each field lies in the header (nifti1.h), and how it is packed.
_FIELDS = {
    "dim": (40, "8h"), "type": (70, "2h"), "pixdim": (76, "8f"), "offset": (108, "f"), "scale": (112, "2f"),
    "sform": (254, "h"), "quatern": (256, "6f"), "rows": (280, "12f"),
}  # fmt: skip
_HEADER, _HEADER_2 = 348, 540
_KINDS = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}
_PIECE = 1 << 21
_MORE = 16 << 20
"""Bytes behind the voxels that are read to get to the checksum."""
_SHEAR = 5e-4


@dataclass(frozen=True)
class Header:
    """Where a file's voxels lie: kind of number, how many, after how many bytes; and their `slope` and `intercept`."""

    kind: np.dtype
    count: int
    offset: int
    slope: float
    intercept: float


def read_header(path: Path) -> Header:
    """Return a NIfTI-1 file's header.

    Raises `InputError` if it is damaged or another format, if it holds colours or complex numbers, or if its sform is
    sheared (ITK would take the qform instead).
    """
    with _content(path, _HEADER) as pieces:
        header = b""
        while len(header) < _HEADER and (piece := next(pieces, b"")):
            header += piece
        if len(header) < _HEADER:
            raise EOFError
        sizes = {struct.unpack_from(order + "i", header)[0]: order for order in "<>"}
    if _HEADER_2 in sizes:
        raise InputError(f"{path.name} is NIfTI-2. Save it as NIfTI-1 (.nii, .nii.gz) or NRRD.")
    if _HEADER not in sizes or header[344:347] != b"n+1":
        raise InputError(f"{path.name} is not a readable NIfTI file: damaged or of another kind. Export it again.")
    order = sizes[_HEADER]
    fields = {field: struct.unpack_from(order + kind, header, place) for field, (place, kind) in _FIELDS.items()}
    _refuse_nonsense(fields, path)
    _refuse_shear(fields, path.name)
    count = int(np.prod(fields["dim"][1 : fields["dim"][0] + 1], dtype=object))
    kind = _KINDS.get(fields["type"][0])
    if kind is None:
        raise InputError(
            f"{path.name} holds colours or other values that are not single numbers (NIfTI type {fields['type'][0]}). "
            "Give a scalar image."
        )
    slope, intercept = (value if np.isfinite(value) else 0.0 for value in fields["scale"])
    offset = max(int(fields["offset"][0]), _HEADER)
    return Header(np.dtype(order + kind), count, offset, slope or 1.0, intercept)  # a slope of 0 means 1 to ITK


def read_voxels(path: Path, header: Header) -> np.ndarray:
    """Return all voxels in the file's order, i fastest; those with a slope or intercept as floating point numbers.

    Raises `InputError` if the file is cut short or damaged.
    """
    expected = header.count * header.kind.itemsize
    check_size(path.name, expected, MOST_COMPRESSION * path.stat().st_size)
    raw = np.empty(expected, np.uint8)
    length, before, read = 0, header.offset, 0
    with _content(path, _PIECE) as pieces:
        for piece in pieces:  # to the end, where the checksum is
            wanted = np.frombuffer(piece, np.uint8)[before : before + expected - length]
            raw[length : length + len(wanted)] = wanted
            before = max(before - len(piece), 0)
            length += len(wanted)
            read += len(piece)
            if read > header.offset + expected + _MORE:
                raise InputError(f"{path.name} holds far more than the image its header describes. Export it again.")
    if length < expected:
        raise InputError(f"{path.name} is cut short: {length} of {expected} bytes of voxels. Copy or export it again.")
    voxels = raw.view(header.kind)
    voxels = voxels.astype(header.kind.newbyteorder("="), copy=False)
    if (header.slope, header.intercept) == (1, 0):
        return voxels
    scaled = voxels * np.float64(header.slope) + header.intercept
    return scaled.astype(voxels.dtype if voxels.dtype.kind == "f" else np.float32)


@contextmanager
def _content(path: Path, size: int) -> Iterator[Iterator[bytes]]:
    """Yield a file's content in pieces of `size` bytes, decompressed; raises `InputError` where that is damaged."""
    try:
        with path.open("rb") as file:
            pieces = iter(lambda: file.read(size), b"")
            is_gzip = file.peek(2)[:2] == b"\x1f\x8b"
            yield _decompressed(pieces) if is_gzip else pieces
    except (EOFError, zlib.error):
        raise InputError(f"{path.name} is damaged or cut short. Copy or export it again.") from None


def _decompressed(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Decompress the gzip format in larger steps than the standard library's: other threads work during each."""
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    for piece in pieces:
        while piece := piece.lstrip(b"\0") if stream.eof else piece:
            if stream.eof:
                stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            yield stream.decompress(piece, 4 * _PIECE)
            piece = stream.unused_data if stream.eof else stream.unconsumed_tail
    if not stream.eof:
        raise EOFError


def _refuse_nonsense(fields: dict[str, tuple[Any, ...]], path: Path) -> None:
    """Refuse numbers on which ITK's reader hangs or fails: it checks none of them."""
    axes, *size = fields["dim"]
    place = (*fields["pixdim"][1:4], *fields["quatern"], *fields["rows"])
    if not (1 <= axes <= 7 and min(size[:axes]) >= 1):
        raise InputError(f"{path.name} is damaged: its header gives no size of the image. Export it again.")
    if not (np.abs(place) <= FARTHEST).all():
        raise InputError(f"{path.name} is damaged: its header does not say where the image lies. Export it again.")
    if not 0 <= fields["offset"][0] <= MOST_COMPRESSION * path.stat().st_size:
        raise InputError(f"{path.name} is cut short: its voxels would begin behind its end. Export it again.")


def _refuse_shear(fields: dict[str, tuple[Any, ...]], name: str) -> None:
    if fields["sform"][0] <= 0:
        return
    axes = np.reshape(fields["rows"], (3, 4))[:, :3]
    axes = axes / np.maximum(np.linalg.norm(axes, axis=0), 1e-12)
    if np.abs(axes.T @ axes - np.eye(3)).max() > _SHEAR:
        raise InputError(f"{name} has axes that are not at right angles. Resample it to a right-angled grid first.")
