"""What ITK passes over in silence when it reads NIfTI: a file cut short, sheared axes, voxels without a value."""

import gzip
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from OsteoScreenLib.errors import InputError

# Where each field lies in the header (nifti1.h), and how it is packed.
_FIELDS = {"dim": (40, "8h"), "type": (70, "2h"), "offset": (108, "f"), "sform": (254, "h"), "rows": (280, "12f")}
_HEADER, _HEADER_2 = 348, 540
_FLOATS = {16: "f4", 64: "f8"}
_CHUNK = 1 << 22
_SHEAR = 5e-4


def check_nifti(path: Path) -> np.ndarray:
    """Return the flat indices (axes (k, j, i)) of voxels that are NaN or infinite, which ITK would turn into 0.

    Raises `InputError` if the file is cut short, damaged or NIfTI-2, or if its sform is sheared (ITK would take the
    qform instead).
    """
    with path.open("rb") as file:
        is_gzip = file.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path) if is_gzip else path.open("rb") as file:
            return _check(file, path.name)
    except (EOFError, zlib.error, gzip.BadGzipFile, struct.error):
        raise InputError(f"{path.name} is damaged or cut short. Copy or export it again.") from None


def _check(file: BinaryIO, name: str) -> np.ndarray:
    header = file.read(_HEADER)
    sizes = {struct.unpack_from(order + "i", header)[0]: order for order in "<>"}
    if _HEADER_2 in sizes:
        raise InputError(f"{name} is NIfTI-2. Save it as NIfTI-1 (.nii, .nii.gz) or NRRD.")
    if _HEADER not in sizes or header[344:347] != b"n+1":
        return np.empty(0, dtype=int)  # not NIfTI at all, which ITK notices
    order = sizes[_HEADER]
    fields = {field: struct.unpack_from(order + kind, header, place) for field, (place, kind) in _FIELDS.items()}
    _refuse_shear(fields, name)

    file.seek(int(fields["offset"][0]))
    dtype = _FLOATS.get(fields["type"][0])
    expected = int(np.prod(fields["dim"][1 : fields["dim"][0] + 1], dtype=object)) * fields["type"][1] // 8
    length, holes = 0, [np.empty(0, dtype=int)]
    while chunk := file.read(_CHUNK):
        if dtype and length < expected:
            values = np.frombuffer(_whole(chunk[: expected - length], dtype), order + dtype)
            holes.append(np.flatnonzero(~np.isfinite(values)) + length // values.itemsize)
        length += len(chunk)
    if length < expected:
        raise InputError(f"{name} is cut short: {length} of {expected} bytes of voxels. Copy or export it again.")
    return np.concatenate(holes)


def _whole(chunk: bytes, dtype: str) -> bytes:
    return chunk[: len(chunk) - len(chunk) % np.dtype(dtype).itemsize]


def _refuse_shear(fields: dict[str, tuple[Any, ...]], name: str) -> None:
    if fields["sform"][0] <= 0:
        return
    axes = np.reshape(fields["rows"], (3, 4))[:, :3]
    axes = axes / np.maximum(np.linalg.norm(axes, axis=0), 1e-12)
    if np.abs(axes.T @ axes - np.eye(3)).max() > _SHEAR:
        raise InputError(f"{name} has axes that are not at right angles. Resample it to a right-angled grid first.")
