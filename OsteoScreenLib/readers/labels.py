"""Label maps from files, brought onto the voxel grid of their volume without interpolation."""

from contextlib import suppress
from pathlib import Path

import numpy as np

from OsteoScreenLib.annotation.dicom_seg import read_dicom_seg
from OsteoScreenLib.annotation.seg_nrrd import SEGMENTATION_SUFFIX, read_segmentation
from OsteoScreenLib.errors import InputError, LabelMapError
from OsteoScreenLib.readers.files import NotScalarError, is_image_file, reachable, read_image
from OsteoScreenLib.readers.slices import read_header
from OsteoScreenLib.volume import Volume

TOLERANCE = 0.05
"""How far, in voxels, a label map's corner may lie off the volume's grid."""


def read_labels(path: Path | str, volume: Volume) -> Volume:
    """Return a label map (uint16, axes (k, j, i)) on the grid of `volume`, from a NIfTI, NRRD, MetaImage or
    DICOM SEG file.

    Segments in a ``.seg.nrrd`` or a SEG that are named as ours come in our coding, whatever values the file gives them.
    The file may have its axes flipped or swapped, or be cropped, as long as its voxels are voxels of `volume`.
    Raises `LabelMapError` if they are not, if its values are not whole numbers from 0 to 65535, or if it is empty,
    and `InputError` if the file cannot be read.
    """
    path = reachable(path)
    if path.is_file() and not is_image_file(path) and read_header(path) is not None:
        return read_dicom_seg(path, volume)
    if not is_image_file(path):
        raise InputError(f"{path.name} is not a label map. Give a NIfTI, NRRD, MetaImage or DICOM SEG file.")
    labels = _named_segments(path) or _label_map(path)
    voxels = labels.voxels
    whole = np.issubdtype(voxels.dtype, np.integer)
    if not whole and not (np.isfinite(voxels).all() and (voxels == np.rint(voxels)).all()):
        raise LabelMapError(f"{path.name} holds values that are not whole numbers. Give a label map, not an image.")
    highest = voxels.max()
    if (voxels.dtype.kind != "u" and voxels.min() < 0) or highest > np.iinfo(np.uint16).max:
        raise LabelMapError(f"{path.name} holds values outside 0 to 65535. Give a label map, not an image.")
    if highest == 0:
        raise LabelMapError(f"{path.name} holds no label: every voxel is 0.")
    return volume.with_voxels(onto_grid(labels, volume, path.name))


def _named_segments(path: Path) -> Volume | None:
    """Return the segments of a .seg.nrrd that are named as ours, or None where there are none."""
    if not path.name.lower().endswith(SEGMENTATION_SUFFIX):
        return None
    with suppress(LabelMapError):
        return read_segmentation(path)
    return None


def _label_map(path: Path) -> Volume:
    try:
        return read_image(path)
    except NotScalarError:
        raise LabelMapError(
            f"{path.name} holds overlapping segments in several layers. Export it as one label map."
        ) from None


def onto_grid(labels: Volume, volume: Volume, name: str) -> np.ndarray:
    """Return a label map's voxels (uint16, k, j, i) on the grid of `volume`, which theirs is, turned or cropped.

    Raises `LabelMapError`, which speaks of the label map as `name`, where it is another.
    """
    shape = np.asarray(volume.voxels.shape[::-1])
    last = np.asarray(labels.voxels.shape[::-1]) - 1
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]) * last
    exact = volume.to_ijk(labels.to_ras(corners))
    placed = np.rint(exact).astype(int)
    axes = np.rint((volume.ras_to_ijk @ labels.ijk_to_ras)[:3, :3]).astype(int)
    one_to_one = (np.abs(axes).sum(0) == 1).all() and (np.abs(axes).sum(1) == 1).all()
    if not one_to_one or np.abs(exact - placed).max() > TOLERANCE:
        raise LabelMapError(f"{name} does not lie on the voxel grid of {volume.name}. Resample it to that image.")
    low, high = placed[[0, 4]].min(0), placed[[0, 4]].max(0) + 1
    if (low < 0).any() or (high > shape).any():
        raise LabelMapError(f"{name} reaches outside {volume.name}. Give a label map that was drawn on that image.")
    if np.array_equal(axes, np.eye(3)) and labels.voxels.shape == volume.voxels.shape:
        return labels.voxels.astype(np.uint16, copy=False)
    voxels = labels.voxels.transpose(2, 1, 0).transpose(np.abs(axes).argmax(1))
    flipped = tuple(slice(None, None, int(sign)) for sign in axes.sum(1))
    whole = np.zeros(shape[::-1], dtype=np.uint16)
    whole.T[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = voxels[flipped]
    return whole
