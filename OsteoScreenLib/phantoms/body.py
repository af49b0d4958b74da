"""The trunk around one spine: the outlines of skin, muscle and cavity, and where things lie relative to the spine."""

import numpy as np

from OsteoScreenLib.phantoms.patient import Patient
from OsteoScreenLib.phantoms.solids import Contour
from OsteoScreenLib.phantoms.spine import Spine

_BELOW_SACRUM, _ABOVE_CHEST = 320.0, 160.0

# Muscle outline of a lean adult: half-width, front and back depth from the spine's centre line, in mm.
_OUTLINE = {
    "top": (150, 95, 80), "T5": (152, 108, 82), "T8": (150, 132, 66), "T10": (144, 138, 62), "T12": (136, 128, 55),
    "L2": (127, 108, 50), "L4": (130, 98, 50), "S1": (150, 96, 66), "S1-60": (166, 94, 96), "S1-120": (168, 84, 104),
    "bottom": (166, 76, 92),
}  # fmt: skip

# How far the body cavity lies inside the muscle outline: at the sides, in front and behind, in mm.
_WALL = {
    "top": (16, 14, 12), "T5": (16, 14, 14), "T8": (15, 13, 12), "T10": (14, 12, 12), "T12": (14, 11, 12),
    "L2": (15, 10, 17), "L4": (19, 10, 28), "S1": (50, 12, 58), "S1-60": (92, 16, 62), "S1-120": (106, 22, 66),
    "S1-150": (140, 60, 96),
    "bottom": (160, 90, 120),
}  # fmt: skip


class Body:
    """The trunk around one spine: where a point beside it lies, and the outlines of skin, muscle and cavity.

    Heights and offsets in mm for the mean adult are scaled to the patient; the trunk follows the smoothed spine.
    """

    def __init__(self, spine: Spine, patient: Patient) -> None:
        self.spine, self.patient = spine, patient
        self.s1 = float(spine.centres["S1"][2])
        order = sorted(spine.centres, key=lambda level: spine.centres[level][2])
        self._path = np.array([spine.centres[level] for level in order], dtype=float)
        top = spine.centres[order[-1]][2]
        scale = patient.scale
        self.knots = {
            "bottom": self.s1 - _BELOW_SACRUM * scale, "S1-120": self.s1 - 120 * scale,
            "S1-60": self.s1 - 60 * scale, "S1-150": self.s1 - 150 * scale, "top": float(top + _ABOVE_CHEST * scale),
            **{level: float(spine.centres[level][2]) for level in order},
        }  # fmt: skip
        self.muscle = self._outline({}, 0)
        self.cavity = self._outline(_WALL, -1)
        self.skin = self._skin()

    def height(self, level: str, up: float = 0.0) -> float:
        """Return the height in RAS mm of a level's body centre, `up` scaled mm above it."""
        return self.knots[level] + up * self.patient.scale

    def axis(self, z: float) -> np.ndarray:
        """Return the point of the spine's centre line at height `z`, straight beyond its ends."""
        return np.array([*(np.interp(z, self._path[:, 2], self._path[:, n]) for n in (0, 1)), z])

    def at(self, level: str, right: float = 0.0, front: float = 0.0, up: float = 0.0) -> np.ndarray:
        """Return the point at scaled offsets in mm from the spine's centre line near a level, in RAS mm."""
        z = self.height(level, up)
        return self.axis(z) + np.array([right, front, 0.0]) * self.patient.scale

    def within(self, level: str, across: float, deep: float, up: float = 0.0) -> np.ndarray:
        """Return a point of the cavity: `across` in [-1, 1] to the right, `deep` in [-1, 1] from back to front."""
        z = self.height(level, up)
        c, row = self.cavity, self.cavity.rows(z)
        depth = c.front[row] if deep > 0 else c.back[row]
        return np.array([c.x[row] + across * c.half_width[row], c.y[row] + deep * depth, z])

    def _table(self, values: dict[str, float], z: np.ndarray, blur: float = 12.0) -> np.ndarray:
        from scipy.ndimage import gaussian_filter1d

        known = sorted((self.knots[name], value) for name, value in values.items() if name in self.knots)
        return gaussian_filter1d(np.interp(z, *np.transpose(known)), blur, mode="nearest")

    def _heights(self) -> np.ndarray:
        return np.arange(self.knots["bottom"], self.knots["top"], 1.0)

    def _outline(self, wall: dict[str, tuple[float, float, float]], sign: int) -> Contour:
        p, z = self.patient, self._heights()
        width, front, back = (self._table({k: v[n] for k, v in _OUTLINE.items()}, z) * p.scale for n in range(3))
        belly = self._table(
            {"T8": 0, "T10": 0.1, "T12": 0.45, "L2": 0.9, "L4": 1.0, "S1": 0.75, "S1-60": 0.25, "S1-120": 0}, z
        )
        front, width = front + belly * p.visceral, width + 0.42 * belly * p.visceral
        if p.female:
            waist = self._table({"T10": 0.95, "L2": 0.9, "L4": 0.94, "S1-60": 1.02}, z)
            width, front = width * waist, front * 0.95
        if wall:
            side, ahead, behind = (self._table({k: v[n] for k, v in wall.items()}, z) for n in range(3))
            muscle = p.scale * p.muscularity
            width, front, back = (
                width + sign * side * muscle,
                front + sign * ahead * muscle,
                back + sign * behind * p.scale,
            )
        x, y = (self._table({level: c[n] for level, c in self.spine.centres.items()}, z, 25.0) for n in (0, 1))
        floor = 12.0
        return Contour(float(z[0]), 1.0, x, y, *(np.maximum(a, floor) for a in (width, front, back)), squareness=0.35)

    def _skin(self) -> Contour:
        p, m, z = self.patient, self.muscle, self._heights()
        fat = p.subcutaneous
        front = self._table({"T5": 0.5, "T10": 0.5, "L2": 0.85, "L4": 1.1, "S1": 1.1, "S1-120": 0.7}, z)
        side = self._table({"T5": 0.5, "T10": 0.5, "L2": 0.7, "L4": 0.9, "S1": 0.9, "S1-60": 1.0}, z)
        loin = self._table({"T8": 6, "T10": 10, "T12": 18, "L2": 24, "L4": 25, "S1": 12, "S1-60": 0}, z) * p.scale
        back = loin + fat * self._table({"T5": 0.4, "T10": 0.4, "L2": 0.6, "L4": 0.9, "S1": 1.1, "S1-60": 1.0}, z)
        return Contour(
            m.bottom, m.step, m.x, m.y, m.half_width + 3 + side * fat, m.front + 3 + front * fat,
            m.back + 3 + back, squareness=0.35,
        )  # fmt: skip
