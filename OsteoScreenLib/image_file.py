"""Write images and label maps in the formats that SimpleITK and 3D Slicer share."""

from pathlib import Path

from OsteoScreenLib.annotation.seg_nrrd import SEGMENTATION_SUFFIX, write_segmentation
from OsteoScreenLib.errors import OutputError
from OsteoScreenLib.output import staged_file
from OsteoScreenLib.volume import Volume

SUFFIXES: tuple[str, ...] = (".nii.gz", ".nii", ".nrrd", ".mha")


def check_image_path(path: Path, *, labels: bool = False) -> None:
    """Raise `OutputError` unless the ending of `path` names a format to write, before any work is done for it."""
    if path.name.lower().endswith(SUFFIXES) and (labels or not _is_segmentation(path)):
        return
    known = [SEGMENTATION_SUFFIX, *SUFFIXES] if labels else SUFFIXES
    raise OutputError(f"Cannot tell the format of {path} from its name; let it end in {', '.join(known)}.")


def write_image(volume: Volume, path: Path) -> None:
    """Write a CT (HU); raises `OutputError` where that cannot be done."""
    import SimpleITK as sitk

    check_image_path(path)
    with staged_file(path) as staged:
        try:
            sitk.WriteImage(volume.to_sitk(), str(staged), useCompression=True)
        except RuntimeError as error:
            raise OutputError(f"{path} cannot be written in this format; write .nrrd or .mha instead.") from error


def write_labels(labels: Volume, path: Path) -> None:
    """Write a label map: as segments where `path` ends in ``.seg.nrrd``, else its codes as they are."""
    check_image_path(path, labels=True)
    if _is_segmentation(path):
        write_segmentation(labels, path)
    else:
        write_image(labels, path)


def _is_segmentation(path: Path) -> bool:
    return path.name.lower().endswith(SEGMENTATION_SUFFIX)
