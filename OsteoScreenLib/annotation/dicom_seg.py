"""DICOM segmentation objects (SEG): bodies and trabecular parts on the slices they were outlined on, and back again.

One binary segment per level and layer (`segments`), which may overlap (PS3.3 A.51). Writing takes highdicom; reading
does not.
"""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib import __version__
from OsteoScreenLib.annotation.segments import Box, Segment, labels_of, layer_of, segment_named, segments_of
from OsteoScreenLib.errors import InputError, LabelMapError, OsteoScreenError
from OsteoScreenLib.volume import LPS_TO_RAS, Volume

if TYPE_CHECKING:
    from highdicom.seg import Segmentation, SegmentDescription
    from pydicom import Dataset

    from OsteoScreenLib.annotation.dicom_source import DicomSource
    from OsteoScreenLib.result import ModelUse

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.66.4"
MAKER = "OsteoScreen"
OFF = 0.3
"""How far, in voxels, a frame may lie off the plane that it is taken for; the reader of CT lets slices lie 0.25 off."""


def to_dicom_seg(
    labels: Volume,
    source: "DicomSource",
    series_number: int,
    models: "tuple[ModelUse, ...]" = (),
    edited: Collection[str] = (),
) -> "Segmentation":
    """Return a label map as a SEG that refers to the series it lies on; highdicom's `save_as` writes it.

    `models` made it: without any the segments count as drawn by hand, and so do in part the levels in `edited`. Raises
    `LabelMapError` for a label map without a vertebra, `InputError` where highdicom is not installed.
    """
    try:
        import highdicom as hd
    except ImportError as error:
        raise InputError("DICOM objects need the package highdicom: pip install 'osteoscreen[dicom]'.") from error
    segments = segments_of(labels.voxels)
    if not segments:
        raise LabelMapError("The label map holds no vertebra that could be written as a segment.")
    planes = np.flatnonzero(labels.voxels.any((1, 2)))
    first, stop = int(planes[0]), int(planes[-1]) + 1
    masks = np.stack([layer_of(labels.voxels[first:stop], s.part) == s.level.code for s in segments], axis=-1).astype(
        np.uint8
    )
    images = source.images[first:stop]
    if source.frames:
        images, inside = source.images, masks
        masks = np.zeros((int(source.images[0].NumberOfFrames), *masks.shape[1:]), np.uint8)
        masks[list(source.frames[first:stop])] = inside
    return hd.seg.Segmentation(
        source_images=images,
        pixel_array=masks,
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[
            _description(number, segment, models, segment.level.name in edited)
            for number, segment in enumerate(segments, start=1)
        ],
        **made_by_us(series_number),
        series_description="OsteoScreen vertebral bodies (research use only)",
        content_label="VERTEBRAL_BODIES",
        content_description="Vertebral bodies and their trabecular compartments",
    )


def made_by_us(series_number: int) -> dict[str, object]:
    """Return what every object of ours says of itself, as highdicom takes it: new UIDs, its series, who made it."""
    import highdicom as hd

    return {
        "series_instance_uid": hd.UID(),
        "series_number": series_number,
        "sop_instance_uid": hd.UID(),
        "instance_number": 1,
        "manufacturer": MAKER,
        "manufacturer_model_name": MAKER,
        "software_versions": __version__,
        "device_serial_number": __version__,
    }


def read_dicom_seg(path: Path, volume: Volume) -> Volume:
    """Return the segments of a SEG that are named as ours as a label map (uint16) on the grid of a volume.

    Its frames may be any voxels of the volume, flipped or in another plane. Raises `LabelMapError` where they are not,
    where it is no binary SEG, and where no segment is ours.
    """
    from OsteoScreenLib.readers.dicom_file import read_dataset

    header = read_dataset(path)
    if header.get("SOPClassUID") != SOP_CLASS or header.get("SegmentationType") != "BINARY":
        raise LabelMapError(f"{path.name} is not a binary DICOM SEG. Export the segmentation as one.")
    try:
        masks = _masks(header, volume, path)
    except OsteoScreenError:
        raise
    except Exception as error:  # each element may be missing or of any kind, and pydicom tells so in many ways
        raise LabelMapError(f"{path.name} is a damaged DICOM SEG ({error}). Export it again.") from error
    return volume.with_voxels(labels_of(volume.voxels.shape, masks))


def _masks(header: "Dataset", volume: Volume, path: Path) -> list[tuple[Segment, Box, np.ndarray]]:
    from OsteoScreenLib.readers.sizes import MOST_COMPRESSION, check_size

    ours = {
        int(item.SegmentNumber): segment
        for item in header.SegmentSequence
        if (segment := segment_named(str(item.SegmentLabel)))
    }
    if not ours:
        raise LabelMapError(f"{path.name} has no segment with a name such as 'L1 body' or 'L1 trabecular'.")
    voxels: dict[Segment, list[np.ndarray]] = {segment: [] for segment in ours.values()}
    promised = int(header.NumberOfFrames) * int(header.Rows) * int(header.Columns)
    check_size(path.name, promised, 8 * MOST_COMPRESSION * path.stat().st_size)
    frames = header.pixel_array.reshape(-1, header.Rows, header.Columns)
    shared = header.SharedFunctionalGroupsSequence[0]
    for frame, own in zip(frames, header.PerFrameFunctionalGroupsSequence, strict=True):
        number = int(own.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        if number in ours:
            voxels[ours[number]].append(_voxels(frame, [own, shared], volume, path.name))
    found = {segment: np.concatenate(parts) for segment, parts in voxels.items() if parts}
    return [(segment, *_mask(places)) for segment, places in found.items() if len(places)]


def _description(number: int, segment: Segment, models: "tuple[ModelUse, ...]", edited: bool) -> "SegmentDescription":
    import highdicom as hd
    from pydicom.sr.codedict import codes

    from OsteoScreenLib.annotation.dicom_codes import property_of, vertebra

    category, kind = property_of(segment)
    types = hd.seg.SegmentAlgorithmTypeValues
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=segment.name,
        segmented_property_category=category,
        segmented_property_type=kind,
        algorithm_type=(types.SEMIAUTOMATIC if edited else types.AUTOMATIC) if models else types.MANUAL,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=f"{MAKER} segmentation",
            family=codes.DCM.ArtificialIntelligence,
            version=__version__,
            source=MAKER,
            parameters={model.name: f"version {model.version}, SHA-256 {model.sha256}" for model in models},
        )
        if models
        else None,
        tracking_uid=hd.UID(),
        tracking_id=segment.name,
        anatomic_regions=None if segment.part == "body" else [vertebra(segment.level)],
        display_color=hd.color.CIELabColor.from_rgb(*(round(255 * channel) for channel in segment.color)),
    )


def _voxels(frame: np.ndarray, groups: "list[Dataset]", volume: Volume, name: str) -> np.ndarray:
    """Return the voxels (n, 3) as (k, j, i) that a frame's pixels are."""
    place, lie, measures = (
        next(group[sequence][0] for group in groups if sequence in group)
        for sequence in ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")
    )
    down, across = (float(mm) for mm in measures.PixelSpacing)
    along_row, along_column = np.array(lie.ImageOrientationPatient, dtype=float).reshape(2, 3)
    row, column = np.nonzero(frame)
    corner = np.array(place.ImagePositionPatient, dtype=float)
    lps = corner + np.outer(column * across, along_row) + np.outer(row * down, along_column)
    exact = volume.to_ijk(lps @ LPS_TO_RAS[:3, :3])
    ijk = np.rint(exact).astype(int)
    if (np.abs(exact - ijk) > OFF).any() or (ijk < 0).any() or (ijk >= volume.voxels.shape[::-1]).any():
        raise LabelMapError(f"{name} does not lie on the voxel grid of {volume.name}. Give the SEG of that series.")
    return ijk[:, ::-1]


def _mask(voxels: np.ndarray) -> tuple[Box, np.ndarray]:
    """Return the smallest box that holds voxels (n, 3), and the mask of them in it."""
    low, high = voxels.min(0), voxels.max(0) + 1
    mask = np.zeros(high - low, dtype=bool)
    mask[tuple((voxels - low).T)] = True
    return tuple(slice(a, b) for a, b in zip(low.tolist(), high.tolist(), strict=True)), mask
