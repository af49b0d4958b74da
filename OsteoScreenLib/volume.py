"""Volume and Acquisition: what every room takes in and passes on."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import SimpleITK

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Acquisition:
    """How a CT was made, as its DICOM header says; None where it is silent, never a guess.

    `kvp` is in kV, `slice_thickness` in mm. `note` holds what the reader had to mend or doubt.
    """

    kvp: float | None = None
    slice_thickness: float | None = None
    kernel: str | None = None
    contrast_agent: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    patient_sex: str | None = None
    patient_age: str | None = None
    study_date: str | None = None
    series_description: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Volume:
    """A 3D image in patient space.

    `voxels` has axes (k, j, i) as in Slicer and SimpleITK, in HU for CT. `ijk_to_ras` (4x4) maps a voxel's
    (i, j, k, 1) to its centre in RAS mm; any orientation, oblique or flipped, is normal.
    """

    voxels: np.ndarray
    ijk_to_ras: np.ndarray
    acquisition: Acquisition | None = None
    name: str = "volume"

    def __post_init__(self) -> None:
        if self.voxels.ndim != 3:
            raise ValueError(f"a volume has 3 axes, not {self.voxels.ndim}")
        matrix = np.asarray(self.ijk_to_ras, dtype=float)
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-12:
            raise ValueError("ijk_to_ras must be an invertible 4x4 matrix")
        object.__setattr__(self, "ijk_to_ras", matrix)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Voxel size in mm along i, j, k."""
        return tuple(np.linalg.norm(self.ijk_to_ras[:3, :3], axis=0).tolist())

    @property
    def voxel_volume(self) -> float:
        """Volume of one voxel in mm3."""
        return float(abs(np.linalg.det(self.ijk_to_ras[:3, :3])))

    @cached_property
    def ras_to_ijk(self) -> np.ndarray:
        """The inverse of `ijk_to_ras`."""
        return np.linalg.inv(self.ijk_to_ras)

    def with_voxels(self, voxels: np.ndarray) -> "Volume":
        """Return the same grid with other voxels of the same shape (a label map, a mask)."""
        if voxels.shape != self.voxels.shape:
            raise ValueError(f"voxels of shape {voxels.shape} do not lie on a grid of shape {self.voxels.shape}")
        return replace(self, voxels=voxels)

    def window(self, box: tuple[slice, slice, slice]) -> "Volume":
        """Return the part of the volume inside (k, j, i) slices, in its place; the voxels are shared, not copied."""
        matrix = self.ijk_to_ras.copy()
        matrix[:3, 3] = self.to_ras(np.array([s.start or 0 for s in reversed(box)]))
        return replace(self, voxels=self.voxels[box], ijk_to_ras=matrix)

    def to_ras(self, ijk: np.ndarray) -> np.ndarray:
        """Map points (..., 3) from (i, j, k) to RAS mm."""
        return np.asarray(ijk) @ self.ijk_to_ras[:3, :3].T + self.ijk_to_ras[:3, 3]

    def to_ijk(self, ras: np.ndarray) -> np.ndarray:
        """Map points (..., 3) from RAS mm to continuous (i, j, k)."""
        return np.asarray(ras) @ self.ras_to_ijk[:3, :3].T + self.ras_to_ijk[:3, 3]

    def to_sitk(self) -> "SimpleITK.Image":
        """Return the volume as a SimpleITK image (LPS); the matrix must be free of shear."""
        import SimpleITK as sitk

        voxels = self.voxels.astype(np.uint8) if self.voxels.dtype == bool else self.voxels
        image = sitk.GetImageFromArray(np.ascontiguousarray(voxels))
        matrix = LPS_TO_RAS @ self.ijk_to_ras
        spacing = np.asarray(self.spacing)
        image.SetSpacing(spacing.tolist())
        image.SetOrigin(matrix[:3, 3].tolist())
        image.SetDirection((matrix[:3, :3] / spacing).ravel().tolist())
        return image

    @classmethod
    def from_sitk(
        cls, image: "SimpleITK.Image", acquisition: Acquisition | None = None, name: str = "volume"
    ) -> "Volume":
        """Return a 3D SimpleITK image (LPS) as a volume."""
        import SimpleITK as sitk

        return cls(sitk.GetArrayFromImage(image), ijk_to_ras_of(image), acquisition, name)


def ijk_to_ras_of(image: "SimpleITK.Image | SimpleITK.ImageFileReader") -> np.ndarray:
    """Return the 4x4 matrix of a SimpleITK image, or of a file whose information was read; of its first three axes."""
    axes = len(image.GetSpacing())
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(image.GetDirection(), (axes, axes))[:3, :3] * np.asarray(image.GetSpacing())[:3]
    matrix[:3, 3] = image.GetOrigin()[:3]
    return LPS_TO_RAS @ matrix


def same_grid(a: Volume, b: Volume, tolerance: float = 1e-2) -> bool:
    """Tell whether two volumes have the same shape and place their corners within `tolerance` mm."""
    if a.voxels.shape != b.voxels.shape:
        return False
    last = np.asarray(a.voxels.shape[::-1]) - 1
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]) * last
    return bool(np.abs(a.to_ras(corners) - b.to_ras(corners)).max() <= tolerance)


def resample(volume: Volume, reference: Volume, *, nearest: bool = False, outside: float = -1024.0) -> Volume:
    """Return `volume` interpolated onto the grid of `reference`, linearly or to the nearest voxel.

    No smoothing is applied: for a much coarser grid take `band_limited` first.
    """
    import SimpleITK as sitk

    interpolator = sitk.sitkNearestNeighbor if nearest else sitk.sitkLinear
    image = sitk.Resample(volume.to_sitk(), reference.to_sitk(), sitk.Transform(), interpolator, outside)
    return replace(reference, voxels=sitk.GetArrayFromImage(image), acquisition=volume.acquisition, name=volume.name)


def grid(centre: np.ndarray, size: tuple[int, int, int], spacing: float | tuple[float, float, float]) -> Volume:
    """Return an empty RAS-aligned float32 volume of `size` (i, j, k) voxels of `spacing` mm around a RAS point."""
    steps = np.broadcast_to(spacing, 3)
    matrix = np.diag([*steps, 1.0])
    matrix[:3, 3] = np.asarray(centre) - steps * (np.asarray(size) - 1) / 2
    return Volume(np.zeros(size[::-1], dtype=np.float32), matrix)


def band_limited(volume: Volume, spacing: float) -> Volume:
    """Return the volume averaged over whole voxels where it is much finer than `spacing` mm, as float32.

    What is then resampled at `spacing` does not alias; input that is not finer comes back as it is.
    """
    import SimpleITK as sitk

    shrink = [max(1, int(spacing / s + 0.25)) for s in volume.spacing]
    shrink = [min(factor, size) for factor, size in zip(shrink, volume.voxels.shape[::-1], strict=True)]
    image = sitk.Cast(volume.to_sitk(), sitk.sitkFloat32)
    return Volume.from_sitk(sitk.BinShrink(image, shrink), volume.acquisition, volume.name)


def isotropic(volume: Volume, spacing: float) -> Volume:
    """Return the volume on a RAS-aligned isotropic grid of `spacing` mm that covers it, as float32.

    Finer input is averaged over whole voxels first, so that nothing aliases.
    """
    size_ijk = np.asarray(volume.voxels.shape[::-1])
    corners = volume.to_ras(np.array(np.meshgrid(*[[-0.5, n - 0.5] for n in size_ijk])).reshape(3, -1).T)
    low, high = corners.min(0), corners.max(0)
    size = tuple(int(n) for n in np.maximum(1, np.ceil((high - low) / spacing - 1e-6)))
    return resample(band_limited(volume, spacing), grid((low + high) / 2, size, spacing))
