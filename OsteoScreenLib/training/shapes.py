"""Vertebra shapes measured on real people, for training: label maps and meshes turned into distance fields.

Nothing of this is shipped: the files are the user's (see `load_shapes` for the layout that is recognised), and only the
trained weights remain. Shapes under share-alike licences are left out on purpose.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from OsteoScreenLib.phantoms.spine import Spine
from OsteoScreenLib.training.meshes import Mesh, read_obj
from OsteoScreenLib.volume import Volume

_SIZE = (96, 120, 96)
_BACK = 84.0
"""The local field at 1 mm: lateral, anterior, cranial extent, of which `_BACK` mm lie behind the body's centre."""

_SLACK_MM = 3.0
"""How far a measured body may lie outside of its idealised mesh."""


@dataclass(frozen=True, eq=False)
class MeasuredVertebra:
    """A vertebra as two signed distance fields of 1 mm, stretched to a wanted size.

    `body_field` and `arch_field` have the axes (cranial, anterior, lateral); `size` is the measured (width, depth,
    height) of the body and `stretch` what its axes are multiplied by. `source` names where the shape comes from.
    """

    level: str
    source: str
    body_field: np.ndarray
    arch_field: np.ndarray
    size: tuple[float, float, float]
    stretch: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @cached_property
    def reach(self) -> float:
        """Radius in mm around the body's centre within which all of the vertebra lies."""
        return 75.0 * max(self.stretch)

    def body(self, points: np.ndarray) -> np.ndarray:
        """Return the signed distance in mm to the vertebral body, points (3, ...) in the vertebra's frame."""
        return self._sample(self.body_field, points)

    def posterior(self, points: np.ndarray) -> np.ndarray:
        """Return the signed distance in mm to arch and processes, points (3, ...) in the vertebra's frame."""
        return self._sample(self.arch_field, points)

    def fitted(self, spine: Spine, level: str, scale: Sequence[float] = (1.0, 1.0, 1.0)) -> "MeasuredVertebra":
        """Return the shape stretched to the body size that a spine has at a level, times `scale` along its axes."""
        stretch = tuple((np.asarray(spine.sizes[level]) / self.size * scale).tolist())
        return MeasuredVertebra(level, self.source, self.body_field, self.arch_field, self.size, stretch)

    def _sample(self, field: np.ndarray, points: np.ndarray) -> np.ndarray:
        from scipy.ndimage import map_coordinates

        x, y, z = (p / s for p, s in zip(points, self.stretch, strict=True))
        where = np.stack([z + _SIZE[2] / 2 - 0.5, y + _BACK, x + _SIZE[0] / 2 - 0.5])
        return map_coordinates(field, where, order=1, mode="nearest") * float(np.mean(self.stretch))


def load_shapes(data: Path) -> list[MeasuredVertebra]:
    """Return every vertebra shape found below `data`, skipping the folders that are absent.

    Recognised: ``labels_malekosh001`` (T5-L5, MIT) and ``vertebra_l3_tptbox`` (L3, Apache-2.0), each a map of
    vertebrae and one of subregions in the coding of TPTBox; ``meshes_visible_human`` (L1-L5, BSD-3), per level the
    surface of the whole and an idealised body (OBJ, m; anterior, left, cranial). A mean lumbar surface is left out: one
    smooth shape without a border between body and arch would add an invented border and no variation.
    """
    shapes = []
    malekosh = data / "labels_malekosh001"
    if malekosh.is_dir():
        parts = _read(malekosh / "sub-sample001_seg-subreg_msk.nii.gz")
        vertebrae = _read(malekosh / "sub-sample001_seg-vert_msk.nii.gz")
        shapes += _from_labels(vertebrae, parts, {c: _name(c) for c in range(12, 25)}, "malekosh sample001")
    tptbox = data / "vertebra_l3_tptbox"
    if tptbox.is_dir():
        parts = _read(tptbox / "sub-ct_seg-subreg_label-22_msk.nii.gz")
        vertebrae = _read(tptbox / "sub-ct_seg-vert_label-22_msk.nii.gz")
        shapes += _from_labels(vertebrae, parts, {22: "L3"}, "TPTBox label 22")
    if (data / "meshes_visible_human").is_dir():
        shapes += _from_meshes(data / "meshes_visible_human", "Visible Human (lumbosacral spine model)")
    return shapes


def _name(code: int) -> str:
    return f"T{code - 7}" if code < 20 else f"L{code - 19}"


def _read(path: Path) -> Volume:
    import SimpleITK as sitk

    return Volume.from_sitk(sitk.ReadImage(str(path)))


def _from_labels(vertebrae: Volume, parts: Volume, wanted: dict[int, str], source: str) -> list[MeasuredVertebra]:
    """Cut vertebrae out of a vertebra map and a subregion map (41-48 arch and processes, 49-50 body)."""
    is_body = np.isin(parts.voxels, (49, 50))
    centres = {}
    for code in np.unique(vertebrae.voxels[is_body]).tolist():
        centres[code] = _centroid(vertebrae, is_body & (vertebrae.voxels == code))
    shapes = []
    for code, level in wanted.items():
        whole = vertebrae.voxels == code
        body, arch = whole & is_body, whole & (parts.voxels > 40) & ~is_body
        below, above = centres.get(code + 1, centres[code]), centres.get(code - 1, centres[code])
        cranial = (above - below) if code not in (24,) else above - centres[code]
        frame = _frame(cranial, centres[code] - _centroid(vertebrae, arch))
        grid = _local_grid(centres[code], frame)
        fields = [_field_of_mask(vertebrae.with_voxels(m), grid) for m in (body, arch)]
        shapes.append(_shape(level, source, *fields))
    return shapes


def _from_meshes(folder: Path, source: str) -> list[MeasuredVertebra]:
    """Cut the bodies of L1-L5 off whole vertebrae.

    A body is what lies in front of the plane that touches the idealised body's back and, where the arch flares from its
    side as at L5, within `_SLACK_MM` of the idealised body.
    """
    levels = [*(f"L{n}" for n in range(1, 6)), "S1"]
    bodies = {level: read_obj(folder / f"{level}_body.obj", 1000.0) for level in levels}
    centres = [bodies[level].points.mean(0) for level in levels]
    shapes = []
    for n, level in enumerate(levels[:-1]):
        whole = read_obj(folder / f"{level}_Schrumpfverpacken.obj", 1000.0)
        frame = _frame(centres[max(n - 1, 0)] - centres[n + 1], centres[n] - whole.points.mean(0))
        shapes.append(_shape(level, source, *_cut(whole, bodies[level], centres[n], frame)))
    return shapes


def _cut(whole: Mesh, body: Mesh, centre: np.ndarray, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the local fields of body and arch of a mesh, computed at 2 mm; the middle third of the back is taken."""
    from scipy.ndimage import gaussian_filter, zoom

    local = (body.points - centre) @ frame
    back = local[np.abs(local[:, 0]) < np.ptp(local[:, 0]) / 6, 1].min()
    low = -np.array([_SIZE[0] / 2 - 0.5, _BACK, _SIZE[2] / 2 - 0.5])
    x, y, z = (low[n] + 0.5 + 2.0 * np.arange(_SIZE[n] // 2) for n in range(3))
    points = np.stack(np.meshgrid(z, y, x, indexing="ij")[::-1], axis=-1)
    flat = (points @ frame.T + centre).reshape(-1, 3)
    bone, beside = whole.distance(flat), np.full(len(flat), 20.0)
    near = bone < 6
    beside[near] = body.distance(flat[near]) - _SLACK_MM
    bone, beside = (
        zoom(field.reshape(points.shape[:3]), 2, order=1, grid_mode=True, mode="nearest") for field in (bone, beside)
    )
    cut = np.maximum(beside, (back - low[1] - np.arange(_SIZE[1]))[None, :, None])
    return tuple(gaussian_filter(np.maximum(bone, side), 0.5).astype(np.float32) for side in (cut, -cut))


def _centroid(volume: Volume, mask: np.ndarray) -> np.ndarray:
    return volume.to_ras(np.argwhere(mask)[:, ::-1].mean(0))


def _frame(cranial: np.ndarray, anterior: np.ndarray) -> np.ndarray:
    """Return orthonormal columns lateral (right), anterior, cranial."""
    z = cranial / np.linalg.norm(cranial)
    y = anterior - z * (anterior @ z)
    y /= np.linalg.norm(y)
    return np.stack([np.cross(y, z), y, z], axis=1)


def _local_grid(centre: np.ndarray, frame: np.ndarray) -> Volume:
    """Return an empty 1 mm grid in a vertebra's frame."""
    matrix = np.eye(4)
    matrix[:3, :3] = frame
    matrix[:3, 3] = centre - frame @ np.array([_SIZE[0] / 2 - 0.5, _BACK, _SIZE[2] / 2 - 0.5])
    return Volume(np.zeros(_SIZE[::-1], dtype=np.float32), matrix)


def _field_of_mask(mask: Volume, grid: Volume) -> np.ndarray:
    """Return the signed distances (mm) of a mask, computed at its own resolution and smoothed onto a local grid."""
    from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates

    index = np.argwhere(mask.voxels)
    pad = np.ceil(25 / np.asarray(mask.spacing[::-1])).astype(int)
    low = np.maximum(index.min(0) - pad, 0)
    high = np.minimum(index.max(0) + pad + 1, mask.voxels.shape)
    voxels = mask.voxels[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
    spacing = mask.spacing[::-1]
    signed = distance_transform_edt(~voxels, spacing) - distance_transform_edt(voxels, spacing)
    where = mask.to_ijk(grid.to_ras(np.indices(_SIZE).reshape(3, -1).T))[:, ::-1] - low
    local = map_coordinates(signed.astype(np.float32), where.T, order=1, mode="nearest").reshape(_SIZE).T
    return gaussian_filter(local, 1.0).astype(np.float32)


def _shape(level: str, source: str, body: np.ndarray, arch: np.ndarray) -> MeasuredVertebra:
    """Return a shape centred on its body, with the body's extent measured on the middle of its field."""
    inside = body < 0
    extent = [float(np.sqrt(12) * np.sqrt(np.var(c))) for c in np.argwhere(inside).T[::-1]]
    width, depth, height = extent[0] * 0.98 * 2 / np.sqrt(3), extent[1] * 2 / np.sqrt(3), extent[2] * 1.02
    return MeasuredVertebra(level, source, body, arch, (width, depth, height))
