"""Cuts through a CT with outlines, as data that the page draws: a grey image, and lines and words over it in mm.

All cuts follow radiological convention: the patient's right, or front, is on the left of the picture.
"""

import base64
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from types import MappingProxyType

import numpy as np

from OsteoScreenLib import levels as table
from OsteoScreenLib.measurement.frame import Frame, boxes, crop, sample
from OsteoScreenLib.measurement.heights import SixPoints
from OsteoScreenLib.measurement.hounsfield import AnteriorRoi
from OsteoScreenLib.measurement.tissues import FAT, TISSUES
from OsteoScreenLib.volume import Volume

WINDOW, LEVEL = 800.0, 200.0
"""Bone window in HU."""
SLAB_MM = 3.0
"""The grey image is the mean over this thickness; outlines are those of the plane in its middle."""
OVERVIEW_PIXEL_MM, CUT_PIXEL_MM = 0.4, 0.25
TISSUE_PIXEL_MM = 0.8
SOFT_WINDOW = (500.0, 0.0)
TISSUE_COLORS = ("#56b4e9", "#f0e442", "#d55e00", "#cc79a7")
"""Of `measurement.tissues.TISSUES`, in their order."""
LEFT, POSTERIOR = np.array([-1.0, 0, 0]), np.array([0, -1.0, 0])


@dataclass(frozen=True)
class Line:
    """A path in SVG syntax, in mm from the picture's upper left corner; `kind` is its class on the page."""

    path: str
    color: str
    kind: str


@dataclass(frozen=True)
class Picture:
    """One cut: size in mm, grey PNG (base64), lines over it, (x, y, text) labels, edge marks, scale bar in mm."""

    alt: str
    width: float
    height: float
    png: str
    lines: tuple[Line, ...]
    labels: tuple[tuple[float, float, str], ...]
    marks: dict[str, str | None]
    scale: int


@dataclass(frozen=True, eq=False)
class _Plane:
    """Where each pixel lies: `points` (rows, columns, 3) in RAS mm, and the unit normal for the slab."""

    points: np.ndarray
    normal: np.ndarray
    pixel: float

    def grey(self, volume: Volume, window: float = WINDOW, level: float = LEVEL) -> str:
        steps = np.array([-SLAB_MM / 2, 0.0, SLAB_MM / 2])
        planes = [sample(volume, self.points + step * self.normal, outside=-1024.0) for step in steps]
        shown = np.clip((np.mean(planes, axis=0) - level) / window + 0.5, 0, 1)
        return _png(np.rint(shown * 255).astype(np.uint8))

    def outline(self, soft: Volume) -> list[np.ndarray]:
        """Return where a mask's smooth share crosses one half, as loops (n, 2) of x, y in mm."""
        from matplotlib.figure import Figure

        stride = 8
        ijk = soft.to_ijk(self.points[::stride, ::stride])
        reach = 1 + stride * self.pixel / np.asarray(soft.spacing)
        near = ((ijk > -reach) & (ijk < reach + soft.voxels.shape[::-1])).all(axis=-1).nonzero()
        if not near[0].size:
            return []
        start = [max(0, stride * (int(index.min()) - 1)) for index in near]
        rows, columns = (slice(a, stride * (int(index.max()) + 2)) for a, index in zip(start, near, strict=True))
        share = sample(soft, self.points[rows, columns])
        if not share.min() < 0.5 < share.max():
            return []
        loops = Figure().add_subplot().contour(share, [0.5]).allsegs[0]
        return [(loop + start[::-1] + 0.5) * self.pixel for loop in loops if len(loop) > 8]

    @property
    def size(self) -> tuple[float, float]:
        rows, columns = self.points.shape[:2]
        return columns * self.pixel, rows * self.pixel


def overviews(
    volume: Volume,
    labels: Volume,
    cut_off: Iterable[str] = (),
    six_points: Mapping[str, SixPoints] = MappingProxyType({}),
    said: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Picture, Picture]:
    """Return the sagittal and the coronal view of the whole labelled spine, a level's name beside each body.

    The sagittal plane bends sideways and the coronal one forwards through the body centres, so that every body is
    met in its middle in scoliosis and lordosis; distances up-down and across stay true. `cut_off` names the levels
    that the field of view cuts; they are marked. The sagittal view shows the heights of bodies with `six_points`, and
    what is `said` of a level beside its name.
    """
    found = boxes(labels)
    softened = {
        level: (_soft(labels, box, level), _soft(labels, box, level, trabecular=True)) for level, box in found.items()
    }
    centres = np.array([_centre(labels, box, level) for level, box in found.items()]).reshape(-1, 3)
    low, high = _extent(volume)
    line = centres[np.argsort(centres[:, 2])] if len(centres) else ((low + high) / 2)[None]
    middle = (line.min(axis=0) + line.max(axis=0)) / 2
    top, bottom = min(high[2], line[-1, 2] + 60), max(low[2], line[0, 2] - 85)
    z = np.arange(top, bottom, -OVERVIEW_PIXEL_MM)
    bend = [np.interp(z, line[:, 2], line[:, axis]) for axis in (0, 1)]
    straight = np.ones_like(z)

    def view(name: str, spine: np.ndarray, across: np.ndarray, reach: tuple[float, float], marks: str) -> Picture:
        axis = int(np.argmax(np.abs(across)))
        ends = sorted((np.array([low[axis], high[axis]]) - middle[axis]) * across[axis])
        columns = np.arange(max(ends[0], -reach[0]), min(ends[1], reach[1]), OVERVIEW_PIXEL_MM)
        plane = _Plane(spine[:, None] + columns[None, :, None] * across, np.eye(3)[1 - axis], OVERVIEW_PIXEL_MM)
        lines, words = [], []
        for level, (body, trabecular) in softened.items():
            color = _hex(level)
            loops = plane.outline(body)
            if not loops:
                continue
            lines += [Line(_path(loops), color, "body"), Line(_path(plane.outline(trabecular)), color, "trabecular")]
            edge = max(loops, key=len)
            middle_y = (edge[:, 1].min() + edge[:, 1].max()) / 2
            word = f"{level} (cut)" if level in cut_off else level
            if name == "Sagittal":
                word += f" {said[level]}" if level in said else ""
                if level in six_points:
                    points = np.array(six_points[level])
                    columns_mm = (points - plane.points[0, 0]) @ across
                    flat = np.stack([columns_mm, top - points[..., 2]], axis=-1) + plane.pixel / 2
                    lines.append(Line(_path([flat[0], flat[1], *flat.swapaxes(0, 1)]), "#fff", "height"))
            words.append((edge[:, 0].min() - 2.0, middle_y, word))
        alt = f"{name} overview of the spine with outlines of {', '.join(found) or 'no vertebra'}."
        return Picture(alt, *plane.size, plane.grey(volume), tuple(lines), tuple(words), _marks(marks), 50)

    sideways = np.column_stack([bend[0], middle[1] * straight, z])
    forwards = np.column_stack([middle[0] * straight, bend[1], z])
    return (
        view("Sagittal", sideways, POSTERIOR, (75, 70), "AP"),
        view("Coronal", forwards, LEFT, (75, 75), "RL"),
    )


def vertebra_cuts(volume: Volume, labels: Volume, frame: Frame, roi: AnteriorRoi | None) -> tuple[Picture, Picture]:
    """Return the axial and the sagittal cut through the middle of one body, in its own frame, with the ellipse."""
    level, color = frame.level, _hex(frame.level)
    box = boxes(labels)[level]
    body, trabecular = _soft(labels, box, level), _soft(labels, box, level, trabecular=True)
    ellipse = "with the anterior ellipse" if roi else "without an ellipse"

    def cut(name: str, x: tuple, y: tuple, axes: tuple, marks: str, outline: np.ndarray | None) -> Picture:
        across, down, normal = axes
        columns, rows = (np.arange(*limits, CUT_PIXEL_MM) + CUT_PIXEL_MM / 2 for limits in (x, y))
        points = frame.centre + rows[:, None, None] * down + columns[None, :, None] * across
        plane = _Plane(points, normal, CUT_PIXEL_MM)
        lines = [
            Line(_path(plane.outline(mask)), color, kind) for mask, kind in ((body, "body"), (trabecular, "trabecular"))
        ]
        if outline is not None:
            local = outline - frame.centre
            shape = np.column_stack([local @ across - x[0], local @ down - y[0]])
            lines.append(Line(_path([np.vstack([shape, shape[:1]])]), "#fff", "roi"))
        alt = f"{name} cut through the middle of {level} with outlines of body and trabecular compartment, {ellipse}."
        return Picture(alt, *plane.size, plane.grey(volume), tuple(lines), (), _marks(marks), 20)

    axial = (-frame.lateral, -frame.anterior, frame.cranial)
    sagittal = (-frame.anterior, -frame.cranial, frame.lateral)
    return (
        cut("Axial", (-40, 40), (-32, 48), axial, "RLAP", roi.outline() if roi else None),
        cut("Sagittal", (-32, 48), (-28, 28), sagittal, "AP", _slab_side(roi) if roi else None),
    )


def tissue_picture(volume: Volume, places: Volume) -> Picture:
    """Return the axial slice with the most of the tissues that HU were calibrated by, each outlined and named."""
    k = int((places.voxels > TISSUES.index(FAT) + 1).sum(axis=(1, 2)).argmax())
    _, nj, ni = places.voxels.shape
    corner, (right, front, _) = places.to_ras(np.array([ni - 1, nj - 1, k])), places.spacing
    rows, columns = (np.arange(0, length, TISSUE_PIXEL_MM) for length in (nj * front, ni * right))
    points = corner + rows[:, None, None] * POSTERIOR + columns[None, :, None] * LEFT
    plane = _Plane(points, np.array([0.0, 0, 1]), TISSUE_PIXEL_MM)
    lines, words = [], []
    for number, (name, color) in enumerate(zip(TISSUES, TISSUE_COLORS, strict=True), start=1):
        loops = plane.outline(places.with_voxels((places.voxels == number).astype(np.float32)))
        if loops:
            lines.append(Line(_path(loops), color, "tissue"))
            words.append(name)
    alt = f"Axial slice with outlines of {', '.join(words)}, by which HU were calibrated."
    grey = plane.grey(volume, *SOFT_WINDOW)
    return Picture(alt, *plane.size, grey, tuple(lines), (), _marks("RLAP"), 100)


def _slab_side(roi: AnteriorRoi) -> np.ndarray:
    """Return the four corners (RAS mm) of the ellipse's slab as seen from the side."""
    forward = np.asarray(roi.anterior) * roi.semi_axes_mm[1]
    up = np.cross(roi.lateral, roi.anterior) * roi.slab_mm / 2
    return np.asarray(roi.centre) + np.array([forward + up, forward - up, -forward - up, -forward + up])


def _soft(labels: Volume, box: tuple[slice, slice, slice], level: str, trabecular: bool = False) -> Volume:
    """Return a mask's share per voxel around its box, smoothed by less than a voxel, so that outlines show no steps."""
    from scipy import ndimage

    part = crop(labels, box, margin=3)
    mask = table.trabecular_mask(part.voxels, level) if trabecular else table.body_mask(part.voxels, level)
    return part.with_voxels(ndimage.gaussian_filter(mask.astype(np.float32), 0.7))


def _centre(labels: Volume, box: tuple[slice, slice, slice], level: str) -> np.ndarray:
    part = crop(labels, box, margin=0)
    return part.to_ras(np.argwhere(table.body_mask(part.voxels, level))[:, ::-1].mean(axis=0))


def _extent(volume: Volume) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and highest RAS coordinates (mm) of the image's corners."""
    last = np.array(volume.voxels.shape[::-1]) - 1
    corners = volume.to_ras(np.array(np.meshgrid(*[[0, n] for n in last])).reshape(3, -1).T)
    return corners.min(axis=0), corners.max(axis=0)


def _marks(letters: str) -> dict[str, str | None]:
    return dict(zip_longest(("left", "right", "top", "bottom"), letters))


def _hex(level: str) -> str:
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in table.BY_NAME[level].color)


def _path(loops: Iterable[np.ndarray]) -> str:
    return "".join("M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in loop) for loop in loops)


def _png(grey: np.ndarray) -> str:
    from matplotlib.image import imsave

    file = io.BytesIO()
    imsave(file, np.repeat(grey[..., None], 3, axis=2), format="png")
    return base64.b64encode(file.getvalue()).decode("ascii")
