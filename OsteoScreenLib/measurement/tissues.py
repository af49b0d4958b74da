"""Air, subcutaneous fat, psoas and aortic blood in a CT: what an internal calibration hangs on, found by place and HU.

Fat lies under the skin around L1-L4, psoas beside the bodies, the aorta before them. Muscle and blood are read in balls
where the image is most even, as a reader places a region of interest. The windows are wide enough for a scanner whose
scale is 10 % and 15 HU off.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from OsteoScreenLib.levels import SCREENED
from OsteoScreenLib.measurement.frame import Frame
from OsteoScreenLib.volume import Volume, band_limited, grid, resample

STEP_MM = 2.0
AIR, FAT, PSOAS, BLOOD = TISSUES = ("air", "subcutaneous fat", "psoas", "aortic blood")
AIR_HU, FAT_HU, PSOAS_HU, BLOOD_HU = (-1300, -750), (-165, -50), (0, 110), (0, 700)
OUTSIDE = -2000.0
"""Given to places beyond the image."""

SKIN_MM, DEEP_MM = 5.0, 30.0
"""Fat is taken between these depths under the surface of the body."""
AIR_MM = 10.0
"""Air is taken at least so far from the body."""
BALL_MM = 6.0
BESIDE_MM = {"L3": (8.0, 16.0), "L4": (8.0, 22.0)}
"""How far from a body's side the middle of psoas is looked for."""
LEAST_ML = {AIR: 50.0, FAT: 3.0, PSOAS: 1.5, BLOOD: 1.5}
CLIPPED = 0.4
"""Share of air voxels at the image's lowest value from which their median says nothing."""


@dataclass(frozen=True)
class Tissue:
    """One tissue as found: its HU (mean of the middle half), SD of the single voxel in HU, and how much of it in ml."""

    name: str
    hu: float
    sd_hu: float
    ml: float


@dataclass(frozen=True, eq=False)
class Found:
    """The tissues found, why the others were not, and where.

    `places` (uint8, 1 + index in `TISSUES`) lies on a grid of 2 mm.
    """

    tissues: tuple[Tissue, ...]
    missing: Mapping[str, str]
    places: Volume


def find_tissues(volume: Volume, frames: Mapping[str, Frame]) -> Found:
    """Return the tissues of a CT in HU around the bodies whose frames are given (L1-L4 count)."""
    near = [frame for level, frame in frames.items() if level in SCREENED]
    coarse = _around(volume, near)
    body = _body(coarse.voxels)
    places = np.zeros(coarse.voxels.shape, np.uint8)
    found, missing = [], {}
    masks = {
        AIR: _air(coarse.voxels, body),
        FAT: _fat(coarse.voxels, body),
        PSOAS: _balls(coarse, _beside(near), PSOAS_HU, body),
        BLOOD: _balls(coarse, _before(near), BLOOD_HU, body),
    }
    for number, (name, mask) in enumerate(masks.items(), start=1):
        ml = float(mask.sum() * STEP_MM**3 / 1000)
        if ml < LEAST_ML[name]:
            missing[name] = f"no {name} was found ({ml:.1f} ml of {LEAST_ML[name]:g} ml needed)"
            continue
        hu = _voxels(volume, coarse, mask)
        if name == AIR and (hu <= volume.voxels.min()).mean() > CLIPPED:
            missing[name] = "air lies at the lowest value that the image can hold"
            continue
        places[mask] = number
        found.append(Tissue(name, _centre(hu), float(hu.std()), ml))
    return Found(tuple(found), missing, coarse.with_voxels(places))


def _around(volume: Volume, frames: Sequence[Frame]) -> Volume:
    """Return the slices around the bodies on a RAS-aligned grid of 2 mm, as wide as the image; float32."""
    centres = np.array([frame.centre for frame in frames])
    ends = np.array(np.meshgrid(*[[-0.5, n - 0.5] for n in volume.voxels.shape[::-1]])).reshape(3, -1).T
    corners = volume.to_ras(ends)
    low, high = corners.min(axis=0), corners.max(axis=0)
    low[2] = max(low[2], centres[:, 2].min() - 20)
    high[2] = min(high[2], centres[:, 2].max() + 20)
    size = np.maximum(1, np.floor((high - low) / STEP_MM)).astype(int)
    field = grid((low + high) / 2, tuple(size.tolist()), STEP_MM)
    return resample(band_limited(volume, STEP_MM), field, outside=OUTSIDE)


def _body(hu: np.ndarray) -> np.ndarray:
    """Return the trunk: the largest piece that is not air, without the table, its holes filled slice by slice."""
    from scipy import ndimage

    pieces, count = ndimage.label(ndimage.binary_opening(hu > -400, iterations=2))
    if count == 0:
        return np.zeros(hu.shape, bool)
    trunk = pieces == 1 + np.bincount(pieces.ravel())[1:].argmax()
    return np.stack([ndimage.binary_fill_holes(plane) for plane in trunk])


def _air(hu: np.ndarray, body: np.ndarray) -> np.ndarray:
    """Return the air around the patient: away from body, table and padding, at its most frequent value."""
    from scipy import ndimage

    free = ~ndimage.binary_dilation(hu > AIR_HU[1], iterations=2) & (hu > AIR_HU[0])
    free &= ndimage.distance_transform_edt(~body, STEP_MM) > AIR_MM
    free &= ndimage.maximum_filter(hu, 3) - ndimage.minimum_filter(hu, 3) > 0
    if not free.any():
        return free
    hu = ndimage.gaussian_filter(hu, 1.0)
    count, edges = np.histogram(hu[free], bins=np.arange(AIR_HU[0], AIR_HU[1] + 10, 10))
    peak = edges[count.argmax()] + 5
    return free & (np.abs(hu - peak) < 25)


def _fat(hu: np.ndarray, body: np.ndarray) -> np.ndarray:
    """Return the fat under the skin, without the voxels that touch anything else."""
    from scipy import ndimage

    depth = ndimage.distance_transform_edt(body, STEP_MM)
    fat = (ndimage.gaussian_filter(hu, 0.5) > FAT_HU[0]) & (ndimage.gaussian_filter(hu, 0.5) < FAT_HU[1])
    inner = ndimage.binary_erosion(fat) & (depth >= SKIN_MM) & (depth <= DEEP_MM)
    pieces, _ = ndimage.label(inner)
    outer = np.unique(pieces[(depth < SKIN_MM + 2 * STEP_MM) & inner])
    return inner & np.isin(pieces, outer[outer > 0])


def _beside(frames: Sequence[Frame]) -> list[np.ndarray]:
    """Return where the middle of psoas may lie: points (n, 3) in RAS mm beside L3 and L4, each side by itself.

    Higher up it is thin, and the kidneys lie beside it.
    """
    boxes = []
    for frame in frames:
        width, depth, _ = frame.size_mm
        for side in (1, -1) if frame.level in BESIDE_MM else ():
            x = side * (width / 2 + np.arange(*BESIDE_MM[frame.level], STEP_MM))
            boxes.append(_points(frame, x, np.arange(-depth / 4, depth / 4, STEP_MM)))
    return boxes


def _before(frames: Sequence[Frame]) -> list[np.ndarray]:
    """Return where the middle of the aorta may lie: points before each body, from its left edge to the midline."""
    return [
        _points(
            frame,
            np.arange(-frame.size_mm[0] / 2, 6.0, STEP_MM),
            frame.size_mm[1] / 2 + np.arange(7.0, 19.0, STEP_MM),
        )
        for frame in frames
    ]


def _points(frame: Frame, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return frame.to_ras(np.stack(np.meshgrid(x, y, np.arange(-6.0, 7.0, 3.0), indexing="ij"), axis=-1)).reshape(-1, 3)


def _balls(coarse: Volume, boxes: Sequence[np.ndarray], window: tuple[float, float], body: np.ndarray) -> np.ndarray:
    """Return the evenest ball of each box whose mean lies in the window, of those balls that agree with one another."""
    from scipy import ndimage

    mask = np.zeros(coarse.voxels.shape, bool)
    reach = int(BALL_MM // STEP_MM)
    ball = (np.mgrid[[slice(-reach, reach + 1)] * 3] ** 2).sum(axis=0) * STEP_MM**2 <= BALL_MM**2
    kernel = ball / ball.sum()
    hu = np.clip(ndimage.gaussian_filter(coarse.voxels, 0.7), -300, 1000)
    kept = []
    for box in boxes:
        at = np.rint(coarse.to_ijk(box)).astype(int)[:, ::-1]
        low, high = at.min(axis=0) - reach, at.max(axis=0) + reach + 1
        if (low < 0).any() or (high > coarse.voxels.shape).any():
            continue
        part = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        mean = ndimage.convolve(hu[part], kernel)
        spread = np.sqrt(np.maximum(ndimage.convolve(hu[part] ** 2, kernel) - mean**2, 0))
        index = tuple((at - low).T)
        good = (mean[index] > window[0]) & (mean[index] < window[1]) & body[tuple(at.T)]
        if good.any():
            best = np.where(good, spread[index], np.inf).argmin()
            kept.append((at[best], float(mean[index][best])))
    if len(kept) < 2:
        return mask
    usual = np.median([mean for _, mean in kept])
    for centre, mean in kept:
        if abs(mean - usual) <= 12:
            mask[tuple(slice(c - reach, c + reach + 1) for c in centre)] |= ball
    return mask


def _centre(hu: np.ndarray) -> float:
    """Return the mean of the middle half of the values: as robust as the median, and not held to whole HU."""
    low, high = np.percentile(hu, (25, 75))
    return float(hu[(hu >= low) & (hu <= high)].mean())


def _voxels(volume: Volume, coarse: Volume, mask: np.ndarray) -> np.ndarray:
    """Return the CT's own voxels nearest to the places of a mask."""
    points = coarse.to_ras(np.argwhere(mask)[:, ::-1])
    ijk = np.rint(volume.to_ijk(points)).astype(int)
    i, j, k = np.clip(ijk, 0, np.array(volume.voxels.shape[::-1]) - 1).T
    return volume.voxels[k, j, i].astype(np.float64)
