"""Axial slices of invented patients whose bone follows a T-score: what a detector of bone status learns from."""

from dataclasses import dataclass, replace

import numpy as np

from OsteoScreenLib.bone_status import status_of
from OsteoScreenLib.detection.slices import PIXEL_MM, SIZE, SLAB_MM
from OsteoScreenLib.levels import BY_CODE
from OsteoScreenLib.phantoms.render import render
from OsteoScreenLib.phantoms.t_score import bone_of, random_t_score
from OsteoScreenLib.training.patients import exposed, training_scene
from OsteoScreenLib.volume import grid

LEAST_MM2 = 350.0
"""A body of which a slice shows less is not asked for: its endplate is only grazed."""

MARGIN = 16
"""Pixels around what a detector sees, so that training can cut anywhere in them."""

_BEYOND_MM = 18.0
_OFF_MM = 6.0


@dataclass(frozen=True)
class Body:
    """A vertebral body in a slice: its level and its box x, y, width, height in pixels."""

    level: str
    box: tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Patient:
    """Slices (n, row, column) in HU of one patient, the bodies in each, the T-score and its place in `STATUSES`."""

    hu: np.ndarray
    bodies: tuple[tuple[Body, ...], ...]
    t_score: float
    status: int


def slice_patient(rng: np.random.Generator, slices: int, disease: float = 0.3) -> Patient:
    """Draw a patient and some axial slices between T12 and L5, each exposed by the same scanner."""
    t_score = random_t_score(rng)
    scene = replace(training_scene(rng, [], disease), bone=bone_of(t_score, rng))
    centres = np.array([scene.centre(level) for level in ("L4", "L3", "L2", "L1")])
    steps = (PIXEL_MM, PIXEL_MM, float(SLAB_MM))
    stack, bodies = [], []
    for z in np.sort(rng.uniform(centres[0, 2] - _BEYOND_MM, centres[-1, 2] + _BEYOND_MM, slices))[::-1]:
        middle = [np.interp(z, centres[:, 2], centres[:, axis]) for axis in range(2)] + rng.normal(0, _OFF_MM, 2)
        hu, labels = render(scene, grid([*middle, z], (SIZE + 2 * MARGIN, SIZE + 2 * MARGIN, 1), steps), rng)
        stack.append(hu[0, ::-1, ::-1])
        bodies.append(bodies_in(labels[0, ::-1, ::-1], PIXEL_MM))
    # Far apart in z, so that the scanner's noise and blur stay within a slice.
    seen = exposed(np.stack(stack), (PIXEL_MM, PIXEL_MM, 12.0), rng)
    return Patient(seen, tuple(bodies), t_score, status_of(t_score))


def bodies_in(labels: np.ndarray, pixel: float) -> tuple[Body, ...]:
    """Return the bodies that a slice of a label map (row, column; coding of `levels`) shows well enough."""
    from scipy.ndimage import find_objects

    codes = labels // 10
    found = []
    for code, place in enumerate(find_objects(codes.astype(np.int32)), start=1):
        if place is None or code not in BY_CODE or (codes[place] == code).sum() * pixel**2 < LEAST_MM2:
            continue
        rows, columns = place
        size = columns.stop - columns.start, rows.stop - rows.start
        found.append(Body(BY_CODE[code].name, (float(columns.start), float(rows.start), *map(float, size))))
    return tuple(found)
