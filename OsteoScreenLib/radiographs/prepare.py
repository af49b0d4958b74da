"""What is done to a film before a network sees it: each published system's steps, in their published order."""

import numpy as np

VERTE_X_SHAPE = (1024, 512)
TEXTURE_SIDE = KNEE_SIDE = 224
"""Rows and columns that the networks take."""

BORDER = 0.05
"""Share of rows and columns that VERTE-X cuts off at each border."""

_LEVELS = 256
_BLANK = 0.02


def verte_x(pixels: np.ndarray) -> np.ndarray:
    """Return a lateral radiograph (row, column) as VERTE-X takes it, (1024, 512) in [0, 1].

    Histogram equalisation, min-max scaling, 5 % cut off at the borders; then 512 wide where it is wider than high, else
    1024 high and at most 512 wide, its aspect kept; zeros around it (METHODS: J Bone Miner Res 38(6):887, 2023).
    """
    cut = without_border(scaled(equalised(pixels)), BORDER)
    rows, columns = cut.shape
    height, width = VERTE_X_SHAPE
    factor = width / columns if columns > rows else min(height / rows, width / columns)
    return padded(resized(cut, (round(rows * factor), round(columns * factor))), VERTE_X_SHAPE)


def verte_x_vfa(pixels: np.ndarray) -> np.ndarray:
    """Return a DXA VFA image (row, column) as VERTE-X takes it: as a radiograph, but always 1024 high.

    What is then wider than 512 loses as much on either side.
    """
    cut = without_border(scaled(equalised(pixels)), BORDER)
    rows, columns = cut.shape
    height, width = VERTE_X_SHAPE
    high = resized(cut, (height, max(1, round(columns * height / rows))))
    spare = max(0, high.shape[1] - width)
    return padded(high[:, spare // 2 : high.shape[1] - (spare - spare // 2)], VERTE_X_SHAPE)


def bone_texture(pixels: np.ndarray) -> np.ndarray:
    """Return a DXA spine image (row, column) as 224 x 224 in [0, 1]: scaled, 8 bit, its middle square around L1-L4."""
    eight_bit = np.rint(scaled(pixels) * (_LEVELS - 1)).astype(np.float32) / (_LEVELS - 1)
    return resized(middle_square(eight_bit), (TEXTURE_SIDE, TEXTURE_SIDE))


def knee(pixels: np.ndarray) -> np.ndarray:
    """Return a knee radiograph (row, column) as 224 x 224 in [0, 1]; its aspect is not kept, as in the paper."""
    return resized(scaled(without_blank_margin(pixels)), (KNEE_SIDE, KNEE_SIDE))


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
    rows, columns = (round(share * n) for n in pixels.shape)
    return pixels[rows : pixels.shape[0] - rows, columns : pixels.shape[1] - columns]


def without_blank_margin(pixels: np.ndarray) -> np.ndarray:
    """Return pixels without the borders' rows and columns of one value only: collimators, burned-in frames.

    A value counts as one within 2 % of the image's range; an image that is blank altogether stays as it is.
    """
    span = _BLANK * np.ptp(pixels)
    rows, columns = (np.flatnonzero(np.ptp(pixels, axis=axis) > span) for axis in (1, 0))
    if not len(rows) or not len(columns):
        return pixels
    return pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def middle_square(pixels: np.ndarray) -> np.ndarray:
    """Return the largest square in the middle."""
    side = min(pixels.shape)
    top, left = ((n - side) // 2 for n in pixels.shape)
    return pixels[top : top + side, left : left + side]


def resized(pixels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return pixels (row, column) interpolated linearly to a shape, smoothed first where that is coarser."""
    import torch
    from torch.nn.functional import interpolate

    image = torch.from_numpy(np.ascontiguousarray(pixels, np.float32))[None, None]
    return interpolate(image, size=shape, mode="bilinear", align_corners=False, antialias=True)[0, 0].numpy()


def padded(pixels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return pixels in the middle of zeros of a shape that holds them."""
    extra = [total - n for total, n in zip(shape, pixels.shape, strict=True)]
    return np.pad(pixels, [(n // 2, n - n // 2) for n in extra])
