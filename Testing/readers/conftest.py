"""Small synthetic CT series as DICOM files, with known HU and geometry."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from OsteoScreenLib.volume import LPS_TO_RAS

CT, ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1"
SPACING = (0.8, 0.9, 3.0)  # mm along i, j, k
AXIAL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))


def body_hu(size: tuple[int, int, int] = (12, 32, 40)) -> np.ndarray:
    """Return int16 HU (k, j, i): air around soft tissue with bone in it, and noise, so that no two slices agree."""
    k, j, i = np.indices(size)
    radius = np.hypot((j - size[1] / 2) / (0.4 * size[1]), (i - size[2] / 2) / (0.4 * size[2]))
    hu = np.where(radius < 1, 40, -1000) + np.where(radius < 0.3, 200 + 5 * k, 0)
    return (hu + np.random.default_rng(7).integers(-20, 21, size)).clip(-1024).astype(np.int16)


class Series:
    """Writes one series; `change(header, k)` alters each slice's header before it is written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.study_uid = generate_uid()

    def __call__(
        self,
        hu: np.ndarray | None = None,
        *,
        orientation: tuple = AXIAL,
        step: np.ndarray | None = None,
        origin: tuple = (-20.0, 15.0, -100.0),
        keep: list[int] | None = None,
        change: Callable[[pydicom.Dataset, int], None] = lambda header, k: None,
        prefix: str = "",
        number: int = 1,
        uid: str | None = None,
        rescale: tuple[float, float] = (1.0, -1024.0),
    ) -> np.ndarray:
        """Write the slices (in shuffled file order) and return the HU that they hold."""
        hu = body_hu() if hu is None else hu
        self.folder.mkdir(parents=True, exist_ok=True)
        uid = uid or generate_uid()
        step = np.cross(*orientation) * SPACING[2] if step is None else np.asarray(step)
        names = np.random.default_rng(1).permutation(len(hu))
        for k in range(len(hu)) if keep is None else keep:
            header = self.header(CT, uid, number)
            header.InstanceNumber = len(hu) - k
            header.ImagePositionPatient = (np.asarray(origin) + k * step).tolist()
            header.ImageOrientationPatient = [*orientation[0], *orientation[1]]
            header.PixelSpacing = [SPACING[1], SPACING[0]]
            header.SliceThickness = SPACING[2]
            header.RescaleSlope, header.RescaleIntercept = rescale
            self.pixels(header, np.rint((hu[k] - rescale[1]) / rescale[0]))
            change(header, k)
            header.save_as(self.folder / f"{prefix}{names[k]:03d}.dcm", enforce_file_format=True)
        return hu

    def header(self, sop_class: str, uid: str, number: int) -> pydicom.Dataset:
        """Return a header with what every CT image shares."""
        header = pydicom.Dataset()
        header.file_meta = FileMetaDataset()
        header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID = sop_class
        header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID = generate_uid()
        header.StudyInstanceUID, header.SeriesInstanceUID, header.SeriesNumber = self.study_uid, uid, number
        header.Modality, header.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
        header.PatientName, header.PatientID = "Phantom^Secret", "secret-4711"
        header.PatientSex, header.PatientAge, header.StudyDate = "F", "061Y", "20200102"
        header.KVP, header.ConvolutionKernel, header.SeriesDescription = "120", ["I30f", "3"], "Abdomen"
        header.Manufacturer, header.ManufacturerModelName = "Maker", "Scanner 1"
        return header

    def pixels(self, header: pydicom.Dataset, stored: np.ndarray) -> None:
        """Put stored values (rows, columns) or (frames, rows, columns) into a header."""
        header.Rows, header.Columns = stored.shape[-2:]
        header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
        header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 16, 15, 1
        header.PixelData = stored.astype("<i2").tobytes()

    def enhanced(self, rescales: list[tuple[float, float]] | None = None, order: list[int] | None = None) -> np.ndarray:
        """Write one multi-frame file, its frames in the given order, and return the HU in the order of space."""
        hu = body_hu()
        self.folder.mkdir(parents=True, exist_ok=True)
        header = self.header(ENHANCED_CT, generate_uid(), 1)
        del header.KVP, header.ConvolutionKernel
        order = list(range(len(hu))) if order is None else order
        rescales = rescales or [(1.0, -1024.0)] * len(hu)
        xray, kernel, shared = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
        xray.KVP, kernel.ConvolutionKernel = 100.0, "B30f"
        shared.CTXRayDetailsSequence, shared.CTReconstructionSequence = Sequence([xray]), Sequence([kernel])
        shared.PlaneOrientationSequence = Sequence([pydicom.Dataset()])
        shared.PlaneOrientationSequence[0].ImageOrientationPatient = [*AXIAL[0], *AXIAL[1]]
        shared.PixelMeasuresSequence = Sequence([pydicom.Dataset()])
        shared.PixelMeasuresSequence[0].PixelSpacing = [SPACING[1], SPACING[0]]
        shared.PixelMeasuresSequence[0].SliceThickness = SPACING[2]
        frames, stored = [], []
        for (slope, intercept), k in zip(rescales, order, strict=True):
            frame, place, values = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
            place.ImagePositionPatient = [-20.0, 15.0, -100.0 + k * SPACING[2]]
            values.RescaleSlope, values.RescaleIntercept, values.RescaleType = slope, intercept, "HU"
            frame.PlanePositionSequence = Sequence([place])
            frame.PixelValueTransformationSequence = Sequence([values])
            frames.append(frame)
            stored.append(np.rint((hu[k] - intercept) / slope))
        header.NumberOfFrames = len(hu)
        header.SharedFunctionalGroupsSequence = Sequence([shared])
        header.PerFrameFunctionalGroupsSequence = Sequence(frames)
        self.pixels(header, np.stack(stored))
        header.save_as(self.folder / "enhanced.dcm", enforce_file_format=True)
        return hu


@pytest.fixture
def series(tmp_path: Path) -> Series:
    """Return a writer of CT series into ``tmp_path / "ct"``."""
    return Series(tmp_path / "ct")


@pytest.fixture
def axial_matrix() -> np.ndarray:
    """Return the ijk_to_ras of the series as it is written by default."""
    matrix = np.diag([*SPACING, 1.0])
    matrix[:3, 3] = -20.0, 15.0, -100.0
    return LPS_TO_RAS @ matrix
