"""The film that a CT would have been: a digitally reconstructed radiograph (DRR), always marked as simulated."""

from pathlib import Path
from textwrap import wrap
from typing import Literal

import numpy as np

from OsteoScreenLib import RESEARCH_USE
from OsteoScreenLib.output import staged_file
from OsteoScreenLib.radiographs.film import Film
from OsteoScreenLib.radiographs.prepare import equalised
from OsteoScreenLib.volume import Volume, isotropic

View = Literal["lateral", "ap"]

PIXEL_MM = 1.0
WATER_PER_MM = 0.0206
"""Linear attenuation of water in 1/mm at about 60 keV, the mean energy of a spine film (NIST XCOM: 0.206 /cm)."""

_LETTER_PIXELS, _LINE_PIXELS = 6, 15


def simulated_film(volume: Volume, view: View = "lateral", pixel_mm: float = PIXEL_MM) -> Film:
    """Return the lateral or anteroposterior film of a CT: -log of what parallel rays would have left.

    Head up; on a lateral film the patient faces left, on an anteroposterior one the patient's right is on the left. One
    energy, no scatter, no magnification. What the CT does not hold is air, so its edges and its table show.
    """
    upright = isotropic(volume, pixel_mm)
    attenuation = WATER_PER_MM * np.clip(1 + upright.voxels / 1000, 0, None)
    along = attenuation.sum(axis=2 if view == "lateral" else 1) * pixel_mm
    return Film(along[::-1, ::-1].astype(np.float32), (pixel_mm, pixel_mm), f"{volume.name}, simulated {view} film")


def write_film(film: Film, path: Path) -> None:
    """Write a simulated film as an 8-bit PNG, its histogram equalised to be looked at, with what it is below the image.

    Raises `OutputError`.
    """
    from PIL import Image, ImageDraw

    grey = np.rint(equalised(film.pixels)).astype(np.uint8)
    lines = wrap(f"SIMULATED from CT. {RESEARCH_USE}", max(20, grey.shape[1] // _LETTER_PIXELS))
    picture = Image.fromarray(np.pad(grey, ((0, _LINE_PIXELS * len(lines) + 6), (0, 0))))
    ImageDraw.Draw(picture).text((3, len(grey) + 3), "\n".join(lines), fill=255, font_size=11)
    with staged_file(path) as staged:
        picture.save(staged, "PNG")
