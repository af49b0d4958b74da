"""NIfTI, NRRD and MetaImage files, read with SimpleITK, its complaints turned into our one line."""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.readers.check import check_grid
from OsteoScreenLib.readers.nifti import read_header, read_voxels
from OsteoScreenLib.readers.text_headers import check_metaimage, check_nrrd
from OsteoScreenLib.volume import Volume, ijk_to_ras_of

KINDS = {
    ".nii.gz": "NIfTI",
    ".nii": "NIfTI",
    ".seg.nrrd": "NRRD",
    ".nrrd": "NRRD",
    ".nhdr": "NRRD",
    ".mha": "MetaImage",
    ".mhd": "MetaImage",
}
_READERS = {"NIfTI": "NiftiImageIO", "NRRD": "NrrdImageIO", "MetaImage": "MetaImageIO"}
"""What ITK reads each kind with; left to itself it would try all that it has."""
_STDERR = threading.Lock()


class NotScalarError(InputError):
    """An image with more than one value per voxel: colour, vectors, or a segmentation in layers."""


def is_image_file(path: Path) -> bool:
    """Tell by the name whether a path is a NIfTI, NRRD or MetaImage file."""
    return path.is_file() and _suffix(path) is not None


def stem(path: Path) -> str:
    """Return a file's name without its extensions (``case.nii.gz`` -> ``case``), a folder's whole name."""
    return path.name.removesuffix(path.name[-len(_suffix(path) or "") :]) if _suffix(path) else path.name


def reachable(path: Path | str) -> Path:
    """Return the absolute path, or raise `InputError` if it does not exist or may not be read."""
    path = Path(path).expanduser().absolute()
    try:
        path.stat()
        if not path.is_dir() and not path.is_file():
            raise InputError(f"{path} is neither a file nor a folder. Give an image file or a DICOM folder.")
        if path.is_dir():
            next(path.iterdir(), None)
        else:
            path.open("rb").close()
    except FileNotFoundError:
        raise InputError(f"{path} does not exist. Check the path.") from None
    except PermissionError:
        raise InputError(f"{path} may not be read by this user. Change its permissions or copy it.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    return path


def read_image(path: Path) -> Volume:
    """Return a 3D scalar image file; raise `InputError` if it is damaged, of another kind, or not 3D and scalar."""
    import SimpleITK as sitk

    kind = KINDS[_suffix(path) or ".nii"]
    reader = sitk.ImageFileReader()
    reader.SetImageIO(_READERS[kind])
    reader.SetFileName(str(path))
    header = read_header(path) if kind == "NIfTI" else check_text_header(path)
    try:
        with quiet():
            reader.ReadImageInformation()
            if reader.GetNumberOfComponents() != 1:
                raise NotScalarError(
                    f"{path.name} holds {reader.GetNumberOfComponents()} values per voxel (colour, layers or vectors). "
                    "Give a scalar image."
                )
            size = list(reader.GetSize())
            if any(n > 1 for n in size[3:]):
                raise InputError(f"{path.name} is {len(size)}D, of size {_times(size)}. Give one 3D volume of it.")
            if len(size) < 3:
                raise InputError(f"{path.name} is a single {_times(size)} picture. Give a 3D volume.")
            check_grid(ijk_to_ras_of(reader), size[:3], path.name)
            if header:
                voxels = read_voxels(path, header).reshape(size[2::-1])
                return Volume(voxels, ijk_to_ras_of(reader), name=stem(path))
            reader.SetExtractSize(size[:3] + [0] * (len(size) - 3))
            return Volume.from_sitk(reader.Execute(), name=stem(path))
    except RuntimeError as error:
        if "orthonormal" in str(error):
            raise InputError(
                f"{path.name} has axes that are not at right angles. Resample it to a right-angled grid first."
            ) from None
        raise InputError(
            f"{path.name} is not a readable {kind} file: damaged, cut short or of another kind. Export it again."
        ) from None


def check_text_header(path: Path) -> None:
    """Raise `InputError` where the header of a NRRD or MetaImage file is not fit to be read by ITK (`text_headers`)."""
    check_metaimage(path) if KINDS[_suffix(path)] == "MetaImage" else check_nrrd(path)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the C++ readers from writing to the terminal: ITK's warnings, and what its libraries print themselves."""
    import SimpleITK as sitk

    with _STDERR:
        shown = sitk.ProcessObject.GetGlobalWarningDisplay()
        sitk.ProcessObject.SetGlobalWarningDisplay(False)
        try:
            terminal = os.dup(2)
        except OSError:  # a windowed program may have no standard error
            terminal = None
        try:
            if terminal is not None:
                with open(os.devnull, "wb") as nowhere:
                    os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            if terminal is not None:
                os.dup2(terminal, 2)
                os.close(terminal)
            sitk.ProcessObject.SetGlobalWarningDisplay(shown)


def _suffix(path: Path) -> str | None:
    return next((suffix for suffix in KINDS if path.name.lower().endswith(suffix)), None)


def _times(size: list[int]) -> str:
    return " x ".join(map(str, size))
