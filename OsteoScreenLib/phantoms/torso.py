"""The abdomen around a synthetic spine: everything in the scan that is not a vertebra, in painting order."""

import numpy as np

from OsteoScreenLib.phantoms.body import Body
from OsteoScreenLib.phantoms.organs import chest_solids, organ_solids
from OsteoScreenLib.phantoms.patient import Patient, random_patient
from OsteoScreenLib.phantoms.ribs_pelvis import pelvis_solids, rib_solids
from OsteoScreenLib.phantoms.solids import (
    Shape,
    Solid,
    capsule,
    column,
    ellipsoid,
    grown,
    half_space,
    intersection,
    tube,
    tube_pieces,
)
from OsteoScreenLib.phantoms.spine import Spine
from OsteoScreenLib.phantoms.vessels import vessel_solids

MEAN_L3_WIDTH_MM = 46.0


def torso_solids(spine: Spine, rng: np.random.Generator) -> list[Solid]:
    """Draw the abdomen and lower chest of a random patient around a spine, in painting order.

    Table, arms, skin, fat, muscles, lungs, organs, bowel, vessels, ribs, pelvis and sacrum below S1, sometimes metal;
    everything is placed relative to the spine's curve and sized with the spine. The vertebrae, discs and the canal are
    not part of it. RAS mm and HU; the same seed gives the same abdomen.
    """
    patient = random_patient(spine.sizes["L3"][0] / MEAN_L3_WIDTH_MM, rng)
    body = Body(spine, patient)
    return [
        *_table_solids(body, rng),
        *_arm_solids(body, rng),
        *_trunk_solids(body, rng),
        *_shifted(body, chest_solids(body, rng)),
        *_muscle_solids(body, rng),
        *_shifted(body, organ_solids(body, rng)),
        *vessel_solids(body, rng),
        *rib_solids(body, rng),
        *pelvis_solids(body, rng),
    ]


def _shifted(body: Body, organs: list[Solid]) -> list[Solid]:
    """Return organs as far up or down the spine as breathing, posture and build put them in this patient."""
    return [organ.moved((0, 0, body.patient.viscera_shift)) for organ in organs]


def muscle_hu(patient: Patient, rng: np.random.Generator) -> float:
    """Draw the HU of one muscle: lower with fatty infiltration, higher with contrast."""
    return rng.uniform(45, 62) + patient.contrast.muscle - 45 * patient.muscle_infiltration * rng.uniform(0.3, 1)


def _table_solids(body: Body, rng: np.random.Generator) -> list[Solid]:
    """Return one or two curved layers under the patient, or nothing when the table was left out of the field."""
    if rng.random() < 0.12:
        return []
    side = -body.patient.up
    skin = body.skin
    behind = skin.y - skin.back if side < 0 else skin.y + skin.front
    rows = skin.rows(np.array([body.height("S1", -60), body.height("T10")]))
    touch = (behind[rows[0] : rows[1]].min() if side < 0 else behind[rows[0] : rows[1]].max()) + side * rng.uniform(
        1, 22
    )
    x = float(skin.x.mean()) + rng.normal(0, 12)
    radius, width = rng.uniform(350, 1500), rng.uniform(190, 260)
    solids = []
    for _ in range(rng.integers(1, 3)):
        thickness = rng.uniform(8, 45)
        arc = _arc(x, touch + side * thickness / 2, radius, thickness, width, side)
        shell = (rng.uniform(1, 3), rng.uniform(-150, 400))
        solids.append(arc.filled("table", rng.uniform(-970, -750), shell=shell))
        touch += side * (thickness + rng.uniform(2, 40))
    return solids


def _arc(x: float, y: float, radius: float, thickness: float, width: float, side: int) -> Shape:
    """Return an endless trough whose lowest line is at (x, y), hollow towards the patient."""
    axis_y = np.float32(y - side * radius)

    def distance(points: np.ndarray) -> np.ndarray:
        dx, dy = points[0] - np.float32(x), points[1] - axis_y
        ring = np.abs(np.sqrt(dx * dx + dy * dy) - np.float32(radius)) - np.float32(thickness / 2)
        return np.maximum(np.maximum(ring, np.abs(dx) - np.float32(width)), -side * dy)

    sag = radius - np.sqrt(max(radius**2 - width**2, 0))
    ys = sorted([y + side * thickness, y - side * (sag + thickness)])
    return Shape(distance, np.array([x - width, ys[0], -1e4]), np.array([x + width, ys[1], 1e4]))


def _arm_solids(body: Body, rng: np.random.Generator) -> list[Solid]:
    """Return arms beside the body in one patient of six: fat, muscle and bone."""
    if rng.random() > 0.17:
        return []
    p, solids = body.patient, []
    for side in (1, -1):
        if rng.random() < 0.2:
            continue
        radius = rng.uniform(36, 48) * p.scale + 0.25 * p.subcutaneous
        path = []
        for level in ("T5", "L1", "S1-120"):
            row = body.skin.rows(body.height(level))
            x = body.skin.x[row] + side * (body.skin.half_width[row] + radius + rng.uniform(-2, 15))
            path.append([x, body.skin.y[row] + rng.uniform(-10, 40), body.height(level)])
        path = np.array(path)
        shell = (1.8, 10.0)
        solids += [s.filled("arm fat", p.fat_hu, 6, shell) for s in tube_pieces(path, radius, size=1)]
        inner = radius - 3 - 0.3 * p.subcutaneous
        solids += [s.filled("arm muscle", muscle_hu(p, rng), 10) for s in tube_pieces(path, inner, size=1)]
        cortex = (3.5, p.bone_cortex * 1.4)
        solids += [s.filled("arm bone", 20, 10, cortex) for s in tube_pieces(path, 10 * p.scale, size=1)]
    return solids


def _trunk_solids(body: Body, rng: np.random.Generator) -> list[Solid]:
    """Return skin with its fat, the muscle outline, the fat of the cavity, and the mesh of fat between muscles."""
    p = body.patient
    pelvic_floor = half_space(body.at("S1", up=-158), (0, 0, -1))
    return [
        column(body.skin).filled("skin", p.fat_hu, 6, (rng.uniform(1.4, 2.4), rng.uniform(-20, 40))),
        column(body.muscle).filled("muscle", muscle_hu(p, rng), 8 + 25 * p.muscle_infiltration),
        intersection(column(body.cavity), pelvic_floor).filled("cavity", p.visceral_fat_hu, 10),
    ]


# Muscles beside the spine: level -> offsets to the side and to the front of the spine's centre line, radius, in mm.
_PARASPINAL = {
    "iliocostalis": {
        "T5": (34, -46, 8), "T8": (44, -50, 10), "T10": (45, -49, 13), "T12": (47, -47, 16), "L2": (49, -46, 20),
        "L4": (47, -48, 20), "S1": (30, -50, 12),
    },
    "longissimus": {
        "T5": (22, -46, 12), "T8": (25, -50, 14), "T10": (26, -50, 16), "T12": (27, -50, 18), "L2": (28, -51, 19),
        "L4": (28, -53, 19), "S1": (22, -54, 12),
    },
    "multifidus": {"T12": (13, -42, 8), "L2": (14, -43, 10), "L4": (15, -45, 12), "S1": (17, -46, 13)},
    "quadratus lumborum": {
        "T12": (48, -26, 5), "L1": (54, -25, 8), "L3": (64, -24, 12), "L4": (72, -24, 12), "L5": (80, -24, 8),
    },
    "psoas": {
        "L1": (28, -8, 6), "L2": (31, -6, 11), "L3": (36, -2, 15), "L4": (41, 3, 19), "L5": (46, 14, 20),
        "S1": (54, 30, 18),
    },
}  # fmt: skip


def _muscle_solids(body: Body, rng: np.random.Generator) -> list[Solid]:
    """Return the muscles beside the spine and the hip, those beside the spine each in a thin layer of fat."""
    p, solids = body.patient, []
    build = p.scale * p.muscularity * (0.9 if p.female else 1.0)
    cleft = rng.uniform(0.2, 1.0) + 1.2 * p.muscle_infiltration
    for side in (1, -1):
        sheath, flesh = [], []
        for name, course in _PARASPINAL.items():
            path = np.array([body.at(level, side * right, front) for level, (right, front, _) in course.items()])
            radii = np.array([radius for _, _, radius in course.values()]) * build * rng.uniform(0.88, 1.1)
            hu, streaks = muscle_hu(p, rng), 10 + 45 * p.muscle_infiltration
            sheath += [piece.filled(f"{name} fat", p.fat_hu) for piece in tube_pieces(path, radii + cleft)]
            flesh += [piece.filled(name, hu, streaks) for piece in tube_pieces(path, radii)]
        solids += sheath + flesh
        course = [body.at("S1", side * 54, 30), body.at("S1", side * 66, 48, -45), body.at("S1", side * 84, 52, -95)]
        solids.append(tube(np.array(course), 18 * build).filled("iliopsoas", muscle_hu(p, rng), 12))
        crus = np.array([body.at("T12", side * 14, 24), body.at("L1", side * 14, 23), body.at("L2", side * 12, 20)])
        solids.append(tube(crus, np.array([5, 5, 3]) * p.scale).filled("crus", muscle_hu(p, rng)))
        solids += _gluteal(body, side, rng)
    return solids


def _gluteal(body: Body, side: int, rng: np.random.Generator) -> list[Solid]:
    """Return the layer of fat between the gluteal muscles and the bone-side muscles, as a curved cleft."""
    p = body.patient
    maximus = ellipsoid(body.at("S1", side * 70, -72, -84), np.array([64, 34, 82]) * p.scale)
    cleft = ellipsoid(body.at("S1", side * 78, -48, -75), np.array([50, 18, 70]) * p.scale * rng.uniform(0.5, 1, 3))
    trunk = grown(column(body.skin), -3)
    return [
        intersection(maximus, trunk).filled("gluteus maximus", muscle_hu(p, rng), 15 + 40 * p.muscle_infiltration),
        cleft.filled("gluteal fat", p.visceral_fat_hu, 10),
        ellipsoid(body.at("S1", side * 118, -8, -35), np.array([24, 45, 52]) * p.scale).filled(
            "gluteus medius", muscle_hu(p, rng), 15 + 30 * p.muscle_infiltration
        ),
        capsule(body.at("S1", side * 30, -40, -75), body.at("S1", side * 105, -15, -95), 10 * p.scale).filled(
            "piriformis", muscle_hu(p, rng), 12
        ),
    ]
