"""The bones around the spine: ribs and cartilage, pelvis, the sacrum below S1, proximal femora, sometimes metal."""

from collections.abc import Callable

import numpy as np

from OsteoScreenLib.phantoms.body import Body
from OsteoScreenLib.phantoms.solids import (
    Solid,
    capsule,
    curved_plate,
    difference,
    ellipsoid,
    half_space,
    intersection,
    smooth_union,
    tube,
    tube_pieces,
)

Place = Callable[[float, float, float], np.ndarray]
"""Maps (right, front, up) in mm of a mean pelvis, from the centre of S1, to RAS mm."""

# Per rib: how far around the chest its bone goes (rad from the back midline) and its drop on the way, in mm.
_RIBS = {
    "T5": (2.45, 75), "T6": (2.4, 85), "T7": (2.35, 95), "T8": (2.25, 98), "T9": (2.1, 96), "T10": (1.95, 92),
    "T11": (1.55, 70), "T12": (1.05, 45),
}  # fmt: skip


def rib_solids(body: Body, rng: np.random.Generator) -> list[Solid]:
    """Return the ribs T5-T12 on both sides as curved tubes with a cortex, their cartilages and the lower sternum."""
    p, solids = body.patient, []
    cortex = (p.bone_cortex_mm, p.bone_cortex)
    short_twelfth = rng.uniform(0.6, 1.15)
    slope = rng.uniform(0.85, 1.2)
    cartilage_hu = rng.uniform(70, 130)
    calcified = 350 * max(0.0, p.age - 40) / 50 * rng.random()
    sternum = _sternum_point(body)
    for level in (name for name in _RIBS if name in body.spine.centres):
        for side in (1, -1):
            end, drop = _RIBS[level]
            if level == "T12":
                end *= short_twelfth * rng.uniform(0.85, 1.15)
                if rng.random() < 0.04:
                    continue
            path = _rib_path(body, level, side, end + rng.normal(0, 0.04), drop * slope * p.scale)
            radii = np.interp(np.linspace(0, 1, len(path)), [0, 0.12, 0.6, 1], [5.2, 3.8, 3.4, 3.8]) * p.scale
            marrow = p.bone_marrow * 0.6 + rng.uniform(0, 60)
            solids += [
                piece.filled(f"rib {level}", marrow, 20, cortex) for piece in tube_pieces(path, radii, height=1.6)
            ]
            if level not in ("T11", "T12"):
                goal = sternum + np.array([side * 14, 0, -max(0, int(level[1:]) - 6) * 9.0]) * p.scale
                middle = (path[-1] + goal) / 2 + np.array([side * 4, 3, -14]) * p.scale
                cartilage = np.array([path[-1], middle, goal])
                shell = (1.2, cartilage_hu + calcified)
                solids += [
                    piece.filled("costal cartilage", cartilage_hu, 20 + calcified / 3, shell)
                    for piece in tube_pieces(cartilage, 4.0 * p.scale, height=1.5, size=1)
                ]
    top = sternum + np.array([0, -4, 160 * p.scale])
    solids.append(tube(np.array([sternum, top]), 8 * p.scale).filled("sternum", p.bone_marrow * 0.7, 20, cortex))
    return solids


def _sternum_point(body: Body) -> np.ndarray:
    """Return the lower end of the sternum, in the chest wall in front of T9 or T10."""
    return body.cavity.point(body.height("T9", -10), np.pi, -4.0)


def _rib_path(body: Body, level: str, side: int, end: float, drop: float) -> np.ndarray:
    """Return a rib from the side of its vertebral body, past the transverse process, around the chest wall."""
    scale, spine = body.patient.scale, body.spine
    centre, frame = spine.centres[level], spine.frames[level]
    width, depth, height = spine.sizes[level]
    local = [
        (width / 2 + 3, -depth / 2 + 2, height * 0.3),
        (width / 2 + 14 * scale, -depth / 2 - 12 * scale, height * 0.35),
    ]
    start = np.array([centre + frame @ np.array([side * right, front, up]) for right, front, up in local])
    end = max(end, 0.85)
    angles = np.linspace(0.78, end, max(3, round((end - 0.7) / 0.17)))
    progress = (angles - 0.6) / (end - 0.6)
    points = []
    for angle, way in zip(angles, progress, strict=True):
        z = start[-1, 2] - drop * way**0.9
        points.append(body.cavity.point(z, side * angle, -5.0 * scale))
    return np.concatenate([start, points])


def pelvis_solids(body: Body, rng: np.random.Generator) -> list[Solid]:
    """Return pelvis, femora and sacrum as one rigid group that tilts with S1; sometimes a hip prosthesis."""
    p = body.patient
    pose = _pelvic_frame(body)
    size = p.scale * np.array([1.06 if p.female else 1.0, 1.0, 0.93 if p.female else 1.0]) * rng.normal(1, 0.03, 3)

    def place(right: float, front: float, up: float) -> np.ndarray:
        return body.spine.centres["S1"] + pose @ (np.array([right, front, up]) * size)

    cortex = (p.bone_cortex_mm, p.bone_cortex)
    marrow = p.bone_marrow * 0.8
    solids = _sacrum(body, rng)
    prosthesis = int(rng.choice([1, -1])) if rng.random() < 0.06 else 0
    for side in (1, -1):
        solids += _hip_bone(body, side, place, pose, rng)
        head = place(side * 88, 34, -88)
        solids += _femur(body, side, head, place, side == prosthesis)
    symphysis = capsule(place(0, 84, -112), place(0, 72, -138), 5 * p.scale)
    solids.append(symphysis.filled("symphysis", 90, 10))
    if rng.random() < 0.15:
        spot = ellipsoid(place(rng.choice([1, -1]) * 62, -34, -5), np.array([7, 9, 10]) * p.scale)
        solids.append(intersection(spot, half_space(body.at("S1", front=-14), (0, 1, 0))).filled(
            "sclerosis", marrow + rng.uniform(200, 500), 30, cortex
        ))  # fmt: skip
    return solids


def _pelvic_frame(body: Body) -> np.ndarray:
    """Return the pelvis' axes (columns right, front, up): level when S1 leans forward by 38 degrees."""
    frame = body.spine.frames["S1"]
    lean = np.arctan2(frame[1, 2], frame[2, 2]) - np.radians(38)
    lean = float(np.clip(lean, -0.45, 0.45)) * 0.8
    tilt = float(np.clip(np.arctan2(-frame[2, 0], frame[0, 0]), -0.2, 0.2))
    forward = np.array([[1, 0, 0], [0, np.cos(lean), np.sin(lean)], [0, -np.sin(lean), np.cos(lean)]])
    sideways = np.array([[np.cos(tilt), 0, np.sin(tilt)], [0, 1, 0], [-np.sin(tilt), 0, np.cos(tilt)]])
    return sideways @ forward


def _hip_bone(body: Body, side: int, place: Place, pose: np.ndarray, rng: np.random.Generator) -> list[Solid]:
    """Return iliac wing, acetabulum, pubis and ischium of one side."""
    p, s = body.patient, body.patient.scale
    cortex, marrow = (p.bone_cortex_mm, p.bone_cortex), p.bone_marrow * 0.8
    flare = rng.uniform(0.28, 0.42) + 0.05 * p.female
    turn = rng.uniform(0.82, 1.0)
    along = np.array([side * np.cos(turn), np.sin(turn), 0.0])
    outward = np.array([side * np.sin(turn), -np.cos(turn), 0.0])
    up = np.array([0.0, 0.0, 1.0]) * np.cos(flare) + outward * np.sin(flare)
    normal = outward * np.cos(flare) - np.array([0.0, 0.0, 1.0]) * np.sin(flare)
    axes = pose @ np.stack([along, up, normal], axis=1)
    outline = np.array(
        [[-66, -22], [-44, -36], [-8, -58], [36, -58], [56, -30], [68, 8], [56, 34], [22, 58], [-18, 62], [-52, 42],
         [-72, 8]], dtype=float,
    ) * s  # fmt: skip
    wing = curved_plate(place(side * 87, 4, -14), axes, outline, bulge=9 * s, thickness=(5.5 * s, 13 * s))
    joint = ellipsoid(place(side * 60, -34, -10), np.array([24, 27, 8]) * s, axes)
    head = place(side * 88, 34, -88)
    socket = ellipsoid(head + np.array([-side * 6, 0, 8]) * s, np.full(3, 31.0) * s)
    outer = head + np.array([side * 9, 0, -6]) * s
    socket = intersection(socket, half_space(outer, (side * 1.0, 0.15, -0.6)))
    cup = ellipsoid(head, np.full(3, 26.0) * s)
    ring = np.array([
        place(side * 68, 48, -84), place(side * 40, 74, -100), place(side * 12, 84, -116), place(side * 12, 74, -136),
        place(side * 36, 22, -150), place(side * 54, -8, -146), place(side * 72, 10, -108),
    ])  # fmt: skip
    radii = np.array([12, 7, 9, 8, 7, 16, 14]) * s
    return [
        smooth_union(8 * s, wing, joint).filled("iliac wing", marrow, 25, cortex),
        *(piece.filled("pubis and ischium", marrow, 25, cortex) for piece in tube_pieces(ring, radii, size=1)),
        difference(socket, cup).filled("acetabulum", marrow * 1.2, 25, (p.bone_cortex_mm + 0.5, p.bone_cortex)),
    ]


def _femur(body: Body, side: int, head: np.ndarray, place: Place, prosthesis: bool) -> list[Solid]:
    """Return head, neck, trochanter and shaft of a femur, or a metal hip."""
    p, s = body.patient, body.patient.scale
    cortex = (p.bone_cortex_mm, p.bone_cortex)
    trochanter, shaft = place(side * 132, 22, -112), place(side * 132, 20, -300)
    marrow = p.bone_marrow + 40
    thick = (5.5, p.bone_cortex * 1.25)
    solids = [
        tube(np.array([trochanter - [0, 0, 25 * s], shaft]), 15 * s).filled("femoral shaft", -20, 15, thick),
        smooth_union(
            12 * s, tube(np.array([head, trochanter]), np.array([15, 18]) * s), ellipsoid(head, np.full(3, 24.0) * s)
        ).filled("proximal femur", marrow, 25, cortex),
    ]
    if prosthesis:
        stem = tube(np.array([head, trochanter - [0, 0, 12 * s], shaft]), np.array([7, 9, 5]) * s)
        solids.append(ellipsoid(head, np.full(3, 26.0) * s).filled("hip prosthesis head", 3000))
        solids.append(stem.filled("hip prosthesis stem", 3000))
    return solids


def _sacrum(body: Body, rng: np.random.Generator) -> list[Solid]:
    """Return the alae beside S1 and the sacrum below it, curving backwards and then forwards to the coccyx."""
    p, s = body.patient, body.patient.scale
    frame, centre = body.spine.frames["S1"], body.spine.centres["S1"]
    width, depth, height = body.spine.sizes["S1"]
    cortex, marrow = (p.bone_cortex_mm * 0.8, p.bone_cortex * 0.8), p.bone_marrow * 0.7
    right = frame[:, 0]
    curve = rng.uniform(0.12, 0.24)
    lean = np.arctan2(frame[1, 2], frame[2, 2])
    point, radii = centre - frame[:, 2] * height / 2, [(44, 13, 13), (36, 11, 11.5), (29, 9, 10), (20, 7, 9)]
    solids, segments, holes, canal = [], [], [], [centre - frame[:, 1] * (depth / 2 + 9)]
    for n, (wide, deep, tall) in enumerate(np.array(radii) * s):
        lean -= curve
        down = np.array([0.0, -np.sin(lean), -np.cos(lean)])
        ahead = np.array([0.0, np.cos(lean), -np.sin(lean)])
        middle = point + down * tall
        axes = np.stack([right, ahead, -down], axis=1)
        segments.append(ellipsoid(middle, (wide, deep, tall * 1.25), axes))
        for side in (1, -1):
            gap = middle + right * side * wide * 0.52 + down * tall * (-0.95 if n == 0 else -1.0)
            holes.append(capsule(gap + ahead * deep * 1.2, gap - ahead * deep * 1.4, (4.5 - 0.6 * n) * s))
        canal.append(middle - ahead * (deep + 3 * s))
        point = middle + down * tall
    canal = np.array(canal)
    for side in (1, -1):
        ala = centre + frame @ (np.array([side * (width / 2 + 12 * s), -6 * s, -2 * s]))
        solids.append(
            ellipsoid(ala, np.array([28 * s, 22 * s, height / 2 + 4 * s]), frame).filled("ala", marrow, 25, cortex)
        )
    solids.append(smooth_union(8 * s, *segments).filled("sacrum", marrow, 25, cortex))
    crest = canal[1:] - frame[:, 1] * 0 + np.array([0, -12 * s, -2 * s])
    solids.append(tube(crest, np.array([9, 8, 6, 4]) * s).filled("sacral crest", marrow + 60, 25, cortex))
    solids.append(tube(canal, np.array([8, 7, 6, 4, 3]) * s).filled("sacral canal", rng.uniform(-70, 10)))
    solids += [hole.filled("sacral foramen", p.visceral_fat_hu + 30) for hole in holes[:6]]
    lean -= 0.5
    tip = point + np.array([0.0, -np.sin(lean), -np.cos(lean)]) * 32 * s
    solids.append(tube(np.array([point, tip]), np.array([6, 3.5]) * s).filled("coccyx", marrow, 25, cortex))
    return solids
