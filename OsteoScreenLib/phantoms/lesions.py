"""What disease adds to a vertebra: pits in the body, bone that grows on it, foci of another density inside.

Shapes are in the vertebra's own frame (mm; lateral, anterior, cranial; the origin is the centre of the body).
"""

from dataclasses import dataclass

import numpy as np

from OsteoScreenLib.phantoms.solids import Shape

_TRABECULA_SPACING_MM = 4.5


@dataclass(frozen=True)
class Focus:
    """A region of a vertebral body that attenuates differently; the body's outline and truth stay as they are.

    `hu` fills it, with `texture` HU of grain; `columns` HU are added on thickened vertical trabeculae. The edge is
    `softness` mm wide and `strength` is the share of bone that is replaced. It ends `depth` mm under the surface of the
    body; None keeps below the cortex.
    """

    shape: Shape
    hu: float
    texture: float = 10.0
    columns: float = 0.0
    softness: float = 1.5
    strength: float = 1.0
    depth: float | None = None

    def share(self, local: np.ndarray, body: np.ndarray, cortex_mm: float) -> np.ndarray:
        """Return the share in [0, 1] of the focus at points (3, ...) whose distance to the body is `body` mm."""
        inside = np.clip(0.5 - self.shape(local) / self.softness, 0, 1)
        depth = cortex_mm if self.depth is None else self.depth
        return self.strength * inside * np.clip(0.5 - (body + depth), 0, 1)

    def fill(self, local: np.ndarray, grain: np.ndarray) -> np.ndarray:
        """Return HU at points (3, ...), `grain` being noise of unit SD there."""
        hu = self.hu + self.texture * grain
        if self.columns:
            x, y = (np.float32(2 * np.pi / _TRABECULA_SPACING_MM) * axis for axis in local[:2])
            wander = np.sin(local[2] / 7) + 0.6 * grain
            dots = np.cos(x + 0.4 * y + wander) + np.cos(1.15 * y - 0.3 * x + np.sin(0.31 * x))
            hu = hu + np.float32(self.columns) * np.clip(dots, 0, 2) / 2
        return hu


@dataclass(frozen=True)
class Lesions:
    """All that is wrong with one vertebra.

    `pits` are cut out of the body and hold disc material (Schmorl nodes, sunken endplates). `growths` are bone outside
    it (osteophytes, syndesmophytes): as in masks that radiologists draw, they belong to the body, and here wholly to
    its cortical shell, so that they never count as trabecular bone. `foci` change density alone.
    """

    pits: tuple[Shape, ...] = ()
    growths: tuple[Shape, ...] = ()
    foci: tuple[Focus, ...] = ()

    def __add__(self, other: "Lesions") -> "Lesions":
        """Return both together."""
        return Lesions(self.pits + other.pits, self.growths + other.growths, self.foci + other.foci)
