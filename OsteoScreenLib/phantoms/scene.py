"""A whole synthetic patient: spine, vertebra shapes, bone density and the abdomen around them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from OsteoScreenLib.phantoms.disease import Disease, Finding, random_disease
from OsteoScreenLib.phantoms.lesions import Lesions
from OsteoScreenLib.phantoms.solids import Solid
from OsteoScreenLib.phantoms.spine import SPINE_LEVELS, USUAL_LORDOSIS, Spine, random_spine
from OsteoScreenLib.phantoms.torso import torso_solids
from OsteoScreenLib.phantoms.vertebra import VertebraShape, random_vertebra

HEALTHY = Lesions()

DrawVertebra = Callable[[Spine, str, np.random.Generator, float], VertebraShape]
"""Draws the shape of one level of a spine; the number is the probability of a fracture."""


@dataclass(frozen=True)
class Bone:
    """How dense the vertebrae are: HU means of the compartments, cortex thickness in mm, texture SD in HU.

    `gradients` is the relative change of a level's density from its centre to the front and to the top.
    """

    trabecular: dict[str, float]
    gradients: dict[str, tuple[float, float]]
    cortex: float
    cortex_mm: float
    texture: float
    arch_marrow: float
    arch_cortex: float
    arch_cortex_mm: float
    endplate_sclerosis: float


@dataclass(frozen=True)
class Warp:
    """A smooth displacement of space: a few long sine waves, the same whatever grid looks at it.

    `waves` (n, 3) in rad/mm, `phases` (n, 3), `shifts` (n, 3) amplitudes in mm.
    """

    waves: np.ndarray
    phases: np.ndarray
    shifts: np.ndarray

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Return the displacement in mm, shaped as `points` (3, ...)."""
        moved = np.zeros_like(points)
        for wave, phase, shift in zip(self.waves, self.phases, self.shifts, strict=True):
            angle = np.tensordot(wave.astype(np.float32), points, 1)
            for axis in range(3):
                moved[axis] += np.float32(shift[axis]) * np.sin(angle + np.float32(phase[axis]))
        return moved

    @property
    def reach(self) -> float:
        """The largest displacement in mm."""
        return float(np.abs(self.shifts).sum(0).max()) if len(self.shifts) else 0.0


@dataclass(frozen=True)
class Scene:
    """A patient to be scanned: everything is placed in anatomy space (S1 at the origin) and posed into RAS mm.

    `lesions`, `inserts` (under the bodies), `implants` (over everything) and `findings` are what `disease` drew.
    """

    spine: Spine
    vertebrae: dict[str, VertebraShape]
    bone: Bone
    solids: tuple[Solid, ...]
    pose: np.ndarray
    warp: Warp
    lesions: Mapping[str, Lesions] = field(default_factory=dict)
    inserts: tuple[Solid, ...] = ()
    implants: tuple[Solid, ...] = ()
    findings: tuple[Finding, ...] = ()

    def to_anatomy(self, ras: np.ndarray) -> np.ndarray:
        """Map points (3, ...) from RAS mm to anatomy space, as float32."""
        inverse = np.linalg.inv(self.pose).astype(np.float32)
        points = np.tensordot(inverse[:3, :3], ras.astype(np.float32), 1)
        points += inverse[:3, 3].reshape(3, *[1] * (points.ndim - 1))
        return points + self.warp(points)

    def to_ras(self, anatomy: np.ndarray) -> np.ndarray:
        """Map points (3, ...) from anatomy space to RAS mm; the warp is inverted by iteration, to about 0.1 mm."""
        anatomy = np.asarray(anatomy, dtype=np.float32)
        points = anatomy
        for _ in range(6):
            points = anatomy - self.warp(points)
        moved = np.tensordot(self.pose[:3, :3].astype(np.float32), points, 1)
        return moved + self.pose[:3, 3].astype(np.float32).reshape(3, *[1] * (points.ndim - 1))

    def centre(self, level: str) -> np.ndarray:
        """Return a body's centre in RAS mm."""
        return self.to_ras(self.spine.centres[level].reshape(3, 1))[:, 0]


def random_warp(rng: np.random.Generator, amplitude: float) -> Warp:
    """Draw a warp of three waves 60 to 200 mm long and up to `amplitude` mm high."""
    directions = rng.normal(size=(3, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    waves = directions * (2 * np.pi / rng.uniform(60, 200, (3, 1)))
    return Warp(waves, rng.uniform(0, 2 * np.pi, (3, 3)), rng.uniform(-1, 1, (3, 3)) * amplitude / 3)


def random_bone(rng: np.random.Generator) -> Bone:
    """Draw bone density from severe osteoporosis to a young athlete; levels of one spine resemble each other."""
    mean = rng.uniform(20, 280)
    cortex = rng.uniform(350, 1100)
    return Bone(
        trabecular={level: mean + rng.normal(0, 10) for level in SPINE_LEVELS},
        gradients={level: tuple(rng.normal(0, 0.06, 2).tolist()) for level in SPINE_LEVELS},
        cortex=cortex,
        cortex_mm=rng.uniform(0.35, 1.1),
        texture=rng.uniform(5, 45),
        arch_marrow=mean + rng.uniform(0, 150),
        arch_cortex=cortex * rng.uniform(0.6, 1.3),
        arch_cortex_mm=rng.uniform(0.5, 1.6),
        endplate_sclerosis=rng.uniform(0, 250) if rng.random() < 0.35 else 0.0,
    )


def random_pose(rng: np.random.Generator, degrees: float = 8.0) -> np.ndarray:
    """Draw how the patient lies: a 4x4 rigid transform with rotations of SD `degrees` about three axes."""
    a, b, c = np.radians(rng.normal(0, degrees, 3))
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    pose = np.eye(4)
    pose[:3, :3] = x @ y @ z
    return pose


def random_scene(
    rng: np.random.Generator,
    warp: float = 4.0,
    tilt: float = 3.0,
    fracture: float = 0.08,
    disease: float = 0.0,
    draw: DrawVertebra = random_vertebra,
    lordosis: tuple[float, float] = USUAL_LORDOSIS,
) -> Scene:
    """Draw a patient: `warp` mm of elastic variation, `tilt` degrees (SD) of pose, `fracture` probability per level.

    `disease` in [0, 1] scales how likely each kind of disease is (see `disease.random_disease`; its fractures come on
    top and take the spine above with them). At 0 nothing is drawn for it: a seed keeps its healthy patient. `draw`
    makes the vertebrae, `lordosis` is that of `random_spine`.
    """
    healthy = random_spine(rng, lordosis)
    shapes = {level: draw(healthy, level, rng, fracture) for level in SPINE_LEVELS}
    bone = random_bone(rng)
    ill = random_disease(healthy, shapes, rng.spawn(1)[0], disease) if disease > 0 else Disease(healthy, shapes)
    return Scene(
        spine=ill.spine,
        vertebrae=ill.vertebrae,
        bone=bone,
        solids=tuple(torso_solids(ill.spine, rng)),
        pose=random_pose(rng, tilt),
        warp=random_warp(rng, rng.uniform(0, warp)),
        lesions=ill.lesions,
        inserts=ill.inserts,
        implants=ill.implants,
        findings=ill.findings,
    )
