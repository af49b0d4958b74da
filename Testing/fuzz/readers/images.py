"""CT from NIfTI, NRRD and MetaImage files."""

import gzip
import struct
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

import numpy as np

from OsteoScreenLib.readers import input_sha256, read_volume
from OsteoScreenLib.volume import Volume
from Testing.fuzz.given import Given, Link, taken
from Testing.fuzz.mutation import spoilt_bytes, spoilt_text
from Testing.fuzz.reader import Reader

SHAPE = (8, 9, 10)
_NIFTI_FIELDS = {
    "h": (*range(40, 56, 2), 68, 70, 72, 74, 252, 254),
    "f": (*range(76, 108, 4), 108, 112, 116, *range(256, 328, 4)),
    "i": (0, 32, 36, 140, 144),
    "b": (39, 123, 344, 345, 346, 347, 348, 349, 350, 351),
}
"""Where numbers of each kind lie in the header (nifti1.h)."""
_WHOLE = (0, 1, -1, 2, 3, 4, 5, 7, 8, 127, -128, 255, 256, 32767, -32768, 16, 64, 512, 768, 1024, 2**31 - 1, -(2**31))
_REAL = (0.0, -0.0, 1.0, -1.0, 1e-38, 1e-45, 3e38, -3e38, float("nan"), float("inf"), float("-inf"), 352.0, 348.0, 1e9,
         2.0**31, 2.0**63, 0.5, -1024.0, 11.0)  # fmt: skip


def volume(dtype: type = np.int16) -> Volume:
    """Return a volume that passes for a CT, on an oblique grid."""
    hu = np.random.default_rng(3).normal(-100, 300, SHAPE).clip(-1000, 1500)
    matrix = np.array([[0.0, 0.64, 1.8, 5.0], [-0.9, 0.0, 0.0, -7.0], [0.0, 0.48, -2.4, 11.0], [0.0, 0.0, 0.0, 1.0]])
    return Volume(np.rint(hu).astype(dtype), matrix)


def written(name: str, dtype: type = np.int16, *, compressed: bool = False) -> Given:
    """Return the file or files that SimpleITK writes under a name."""
    import SimpleITK as sitk

    with tempfile.TemporaryDirectory() as folder:
        sitk.WriteImage(volume(dtype).to_sitk(), str(Path(folder) / name), useCompression=compressed)
        return taken(Path(folder))


def _read(name: str, folder: Path) -> None:
    found = read_volume(folder / name)
    assert found.voxels.ndim == 3
    assert found.voxels.dtype in (np.int16, np.float32)
    assert np.isfinite(found.voxels).all()
    assert found.voxels.min() >= -1024
    assert np.isfinite(found.to_ras(np.array(found.voxels.shape[::-1]))).all()
    assert min(found.spacing) > 1e-4
    found.to_sitk()
    input_sha256(folder / name)


def spoilt_nifti(rng: Random, content: bytes) -> bytes:
    """Return a NIfTI-1 file with numbers of its header changed, or any bytes."""
    if rng.random() < 0.25:
        return spoilt_bytes(rng, content)
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 3))):
        kind = rng.choice(tuple(_NIFTI_FIELDS))
        value = rng.choice(_REAL) if kind == "f" else rng.choice(_WHOLE)
        bits = 8 * struct.calcsize(kind)
        if kind != "f":
            value = (int(value) + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)
        struct.pack_into("<" + kind, changed, rng.choice(_NIFTI_FIELDS[kind]), value)
    return bytes(changed)


def spoilt_gzip(spoil: Callable[[Random, bytes], bytes], rng: Random, content: bytes) -> bytes:
    """Return a gzip file whose content is spoilt before it is packed, or its bytes after that; rarely a bomb."""
    kind = rng.random()
    if kind < 0.001:
        plain = spoil(rng, gzip.decompress(content)) + bytes(rng.choice((1 << 20, 64 << 20)))
        return gzip.compress(plain, 1)
    if kind < 0.7:
        return gzip.compress(spoil(rng, gzip.decompress(content)), 1)
    if kind < 0.75:
        return content + rng.choice((bytes(9), content, gzip.compress(b"more"), rng.randbytes(8)))
    return spoilt_bytes(rng, content)


def spoilt_header(rng: Random, content: bytes) -> bytes:
    """Return a file of text and voxels (NRRD, MetaImage) with its text changed most of the time."""
    head, sign, voxels = content.partition(b"\n\n") if content[:4] == b"NRRD" else content.partition(b"LOCAL\n")
    if rng.random() < 0.8:
        return spoilt_text(rng, head) + sign + voxels
    return head + sign + spoilt_bytes(rng, voxels)


def _spoilt_pair(rng: Random, given: Given) -> Given:
    """Spoil a header and its file of voxels: either one, their names, or what lies where the voxels should."""
    header = next(name for name in given if name.endswith((".nhdr", ".mhd")))
    data = next(name for name in given if name != header)
    spoilt = dict(given)
    kind = rng.random()
    if kind < 0.7:
        spoilt[header] = spoilt_text(rng, given[header])
    elif kind < 0.85:
        elsewhere = rng.choice((
            "../../../../etc/passwd", "/etc/passwd", "/dev/zero", "/proc/self/maps", "..", ".", "", header, "other.raw",
            "a%d.raw 1 8 1", "LIST", f"./{data}", f"sub/../{data}", f"sub/{data}", f"{data}\0", "~/x", "a" * 300,
        ))  # fmt: skip
        spoilt[header] = given[header].replace(data.encode(), elsewhere.encode())
    elif kind < 0.93:
        spoilt[data] = spoilt_bytes(rng, given[data])
    else:
        spoilt[data] = Link(rng.choice(("/dev/zero", "/etc/passwd", "/nowhere", data, "..", header, "/proc/self/mem")))
    return spoilt


def _spoilt_file(spoil: Callable[[Random, bytes], bytes], rng: Random, given: Given) -> Given:
    ((name, content),) = given.items()
    return {name: spoil(rng, content)}


def _reader(name: str, file: str, spoil: Callable[[Random, Given], Given], *, both: bool = False) -> Reader:
    def seeds() -> list[Given]:
        kinds = [written(file), written(file, np.float32)]
        return [*kinds, written(file, compressed=True)] if both else kinds

    return Reader(name, seeds, spoil, partial(_read, file))


READERS = (
    _reader("nifti", "a.nii", partial(_spoilt_file, spoilt_nifti)),
    _reader("nifti-gz", "a.nii.gz", partial(_spoilt_file, partial(spoilt_gzip, spoilt_nifti))),
    _reader("nrrd", "a.nrrd", partial(_spoilt_file, spoilt_header), both=True),
    _reader("nhdr", "a.nhdr", _spoilt_pair, both=True),
    _reader("metaimage", "a.mha", partial(_spoilt_file, spoilt_header), both=True),
    _reader("mhd", "a.mhd", _spoilt_pair, both=True),
)
