"""What is done to a film before a network sees it: each published system's steps, in their published order."""

from dataclasses import dataclass

import numpy as np

VERTE_X_SHAPE = (1024, 512)
TEXTURE_SIDE = KNEE_SIDE = 224
"""Rows and columns that the networks take."""

BORDER = 0.05
"""Share of rows and columns that VERTE-X cuts off at each border."""

_LEVELS = 256
_BLANK = 0.02


@dataclass(frozen=True)
class Placement:
    """Where a film lies in what a network sees: `box` of it (top, left, rows, columns), made `size` (rows, columns).

    That is put in the middle of `shape`: with zeros around it, or, where it is larger, without its edges.
    """

    box: tuple[int, int, int, int]
    size: tuple[int, int]
    shape: tuple[int, int]

    def cut(self, pixels: np.ndarray) -> np.ndarray:
        """Return the box of a film (row, column)."""
        top, left, rows, columns = self.box
        return pixels[top : top + rows, left : left + columns]

    def fit(self, box: np.ndarray) -> np.ndarray:
        """Return the film's box (row, column) as the network sees it, of `shape`."""
        return centred(resized(box, self.size), self.shape)

    @property
    def window(self) -> tuple[float, float, float, float]:
        """Top, left, rows and columns, in pixels of the film, of all that the network sees; zeros around it count."""
        steps = [box / new for box, new in zip(self.box[2:], self.size, strict=True)]
        before = [_half(total - new) for total, new in zip(self.shape, self.size, strict=True)]
        starts = [at - n * step for at, n, step in zip(self.box[:2], before, steps, strict=True)]
        return (*starts, *(total * step for total, step in zip(self.shape, steps, strict=True)))


def verte_x(pixels: np.ndarray) -> np.ndarray:
    """Return a lateral radiograph (row, column) as VERTE-X takes it, (1024, 512) in [0, 1].

    Histogram equalisation, min-max scaling, 5 % cut off at the borders; then 512 wide where it is wider than high, else
    1024 high and at most 512 wide, its aspect kept; zeros around it (METHODS: J Bone Miner Res 38(6):887, 2023).
    """
    place = verte_x_placement(pixels)
    return place.fit(place.cut(scaled(equalised(pixels))))


def verte_x_placement(pixels: np.ndarray) -> Placement:
    """Return where a lateral radiograph (row, column) lies in what VERTE-X sees."""
    box = _within_border(pixels.shape, BORDER)
    rows, columns = box[2:]
    height, width = VERTE_X_SHAPE
    factor = width / columns if columns > rows else min(height / rows, width / columns)
    return Placement(box, (max(1, round(rows * factor)), max(1, round(columns * factor))), VERTE_X_SHAPE)


def verte_x_vfa(pixels: np.ndarray) -> np.ndarray:
    """Return a DXA VFA image (row, column) as VERTE-X takes it: as a radiograph, but always 1024 high.

    What is then wider than 512 loses as much on either side.
    """
    place = verte_x_vfa_placement(pixels)
    return place.fit(place.cut(scaled(equalised(pixels))))


def verte_x_vfa_placement(pixels: np.ndarray) -> Placement:
    """Return where a DXA VFA image (row, column) lies in what VERTE-X sees."""
    box = _within_border(pixels.shape, BORDER)
    rows, columns = box[2:]
    height = VERTE_X_SHAPE[0]
    return Placement(box, (height, max(1, round(columns * height / rows))), VERTE_X_SHAPE)


def bone_texture(pixels: np.ndarray) -> np.ndarray:
    """Return a DXA spine image (row, column) as 224 x 224 in [0, 1]: scaled, 8 bit, its middle square around L1-L4."""
    eight_bit = np.rint(scaled(pixels) * (_LEVELS - 1)).astype(np.float32) / (_LEVELS - 1)
    place = bone_texture_placement(pixels)
    return place.fit(place.cut(eight_bit))


def bone_texture_placement(pixels: np.ndarray) -> Placement:
    """Return where a DXA spine image (row, column) lies in what the texture networks see: its largest middle square."""
    side = min(pixels.shape)
    top, left = ((n - side) // 2 for n in pixels.shape)
    return Placement((top, left, side, side), (TEXTURE_SIDE, TEXTURE_SIDE), (TEXTURE_SIDE, TEXTURE_SIDE))


def knee(pixels: np.ndarray) -> np.ndarray:
    """Return a knee radiograph (row, column) as 224 x 224 in [0, 1]; its aspect is not kept, as in the paper."""
    place = knee_placement(pixels)
    return place.fit(scaled(place.cut(pixels)))


def knee_placement(pixels: np.ndarray) -> Placement:
    """Return where a knee radiograph (row, column) lies in what the network sees: all within its blank margins."""
    return Placement(without_blank_margin(pixels), (KNEE_SIDE, KNEE_SIDE), (KNEE_SIDE, KNEE_SIDE))


def equalised(pixels: np.ndarray) -> np.ndarray:
    """Return pixels whose values are spread evenly over [0, 255]."""
    from monai.transforms import HistogramNormalize

    return np.asarray(HistogramNormalize(num_bins=_LEVELS, min=0, max=_LEVELS - 1)(pixels), np.float32)


def scaled(pixels: np.ndarray) -> np.ndarray:
    """Return pixels with their least value at 0 and their greatest at 1."""
    low, high = float(pixels.min()), float(pixels.max())
    return ((pixels - low) / max(high - low, 1e-12)).astype(np.float32)


def without_border(pixels: np.ndarray, share: float) -> np.ndarray:
    """Return pixels without a share of their rows and columns at each of the four borders."""
    top, left, rows, columns = _within_border(pixels.shape, share)
    return pixels[top : top + rows, left : left + columns]


def _within_border(shape: tuple[int, int], share: float) -> tuple[int, int, int, int]:
    top, left = (round(share * n) for n in shape)
    return top, left, shape[0] - 2 * top, shape[1] - 2 * left


def without_blank_margin(pixels: np.ndarray) -> tuple[int, int, int, int]:
    """Return the box (top, left, rows, columns) without the borders' rows and columns of one value only.

    Collimators and burned-in frames are such. A value counts as one within 2 % of the image's range; of an image that
    is blank altogether the box is all.
    """
    span = _BLANK * np.ptp(pixels)
    rows, columns = (np.flatnonzero(np.ptp(pixels, axis=axis) > span) for axis in (1, 0))
    if not len(rows) or not len(columns):
        return (0, 0, *pixels.shape)
    top, left = int(rows[0]), int(columns[0])
    return top, left, int(rows[-1]) + 1 - top, int(columns[-1]) + 1 - left


def resized(pixels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return pixels (row, column) interpolated linearly to a shape, smoothed first where that is coarser."""
    import torch
    from torch.nn.functional import interpolate

    image = torch.from_numpy(np.ascontiguousarray(pixels, np.float32))[None, None]
    return interpolate(image, size=shape, mode="bilinear", align_corners=False, antialias=True)[0, 0].numpy()


def centred(pixels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return pixels in the middle of a shape: with zeros around them, or without their edges where they are larger."""
    extra = [total - n for total, n in zip(shape, pixels.shape, strict=True)]
    before = [_half(n) for n in extra]
    after = [n - half for n, half in zip(extra, before, strict=True)]
    inner = tuple(slice(max(0, -a), n - max(0, -b)) for n, a, b in zip(pixels.shape, before, after, strict=True))
    return np.pad(pixels[inner], [(max(0, a), max(0, b)) for a, b in zip(before, after, strict=True)])


def _half(extra: int) -> int:
    """Return how much of what is there too much (or, negative, too little) comes before the middle."""
    return extra // 2 if extra >= 0 else -(-extra // 2)
