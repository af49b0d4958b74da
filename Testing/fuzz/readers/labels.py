"""Label maps: image files, 3D Slicer's segmentations, and DICOM SEG."""

import tempfile
from functools import cache, partial
from pathlib import Path
from random import Random

import numpy as np

from OsteoScreenLib.annotation.dicom_seg import to_dicom_seg
from OsteoScreenLib.annotation.dicom_source import source_of
from OsteoScreenLib.annotation.seg_nrrd import read_segmentation, write_segmentation
from OsteoScreenLib.image_file import write_labels
from OsteoScreenLib.levels import SHELL, TRABECULAR, label
from OsteoScreenLib.readers import read_labels, read_volume
from OsteoScreenLib.volume import Volume
from Testing.fuzz.given import Given, put, taken
from Testing.fuzz.mutation import spoilt_text
from Testing.fuzz.reader import Reader
from Testing.fuzz.readers import dicom, images


@cache
def volume() -> Volume:
    """Return the CT of the DICOM series, which all label maps lie on."""
    with tempfile.TemporaryDirectory() as folder:
        put(dicom.series(), Path(folder) / "ct")
        return read_volume(Path(folder) / "ct")


@cache
def labelled() -> Volume:
    """Return a label map with L1 and L2."""
    labels = np.zeros(volume().voxels.shape, np.uint16)
    labels[1:3, 2:7, 2:7], labels[1:2, 3:5, 3:5] = label("L2", SHELL), label("L2", TRABECULAR)
    labels[4:7, 2:7, 2:7], labels[5:6, 3:5, 3:5] = label("L1", SHELL), label("L1", TRABECULAR)
    return volume().with_voxels(labels)


def _written(name: str) -> Given:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write_segmentation(labelled(), path) if name.endswith(".seg.nrrd") else write_labels(labelled(), path)
        return taken(Path(folder))


def _seg() -> list[Given]:
    with tempfile.TemporaryDirectory() as folder:
        ct = Path(folder) / "ct"
        put(dicom.series(), ct)
        to_dicom_seg(labelled(), source_of(ct, None, labelled()), 300).save_as(Path(folder) / "a.dcm")
        return [dicom.with_plain_uids({"a.dcm": (Path(folder) / "a.dcm").read_bytes()})]


def _read(name: str, folder: Path) -> None:
    found = read_labels(folder / name, volume())
    assert found.voxels.dtype == np.uint16
    assert found.voxels.shape == volume().voxels.shape


def _read_segmentation(folder: Path) -> None:
    found = read_segmentation(folder / "a.seg.nrrd")
    assert found.voxels.dtype == np.uint16
    assert np.isfinite(found.ijk_to_ras).all()
    _read("a.seg.nrrd", folder)


def _spoilt_image(rng: Random, given: Given) -> Given:
    ((name, content),) = given.items()
    if name.endswith(".gz"):
        return {name: images.spoilt_gzip(images.spoilt_nifti, rng, content)}
    return {name: images.spoilt_header(rng, content)}


def _spoilt_segmentation(rng: Random, given: Given) -> Given:
    head, sign, voxels = given["a.seg.nrrd"].partition(b"\n\n")
    lines = head.split(b"\n")
    if rng.random() < 0.7:  # the text that says what the segments are stands behind the image's own
        start = next(n for n, line in enumerate(lines) if b":=" in line)
        head = b"\n".join(lines[:start]) + b"\n" + spoilt_text(rng, b"\n".join(lines[start:]))
        return {"a.seg.nrrd": head + sign + voxels}
    return {"a.seg.nrrd": images.spoilt_header(rng, given["a.seg.nrrd"])}


READERS = (
    Reader("labels", lambda: [_written("a.nii.gz")], _spoilt_image, partial(_read, "a.nii.gz")),
    Reader("segmentation", lambda: [_written("a.seg.nrrd")], _spoilt_segmentation, _read_segmentation),
    Reader("dicom-seg", _seg, dicom.spoilt, partial(_read, "a.dcm")),
)
