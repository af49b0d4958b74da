"""The soft organs of chest, abdomen and pelvis, with attenuations that fit one contrast phase."""

import numpy as np

from OsteoScreenLib.phantoms.body import Body
from OsteoScreenLib.phantoms.solids import (
    UNBOUNDED,
    Shape,
    Solid,
    capsule,
    column,
    cropped,
    difference,
    dome,
    ellipsoid,
    grown,
    half_space,
    intersection,
    rippled,
    smooth_union,
    tube,
    tube_pieces,
    union,
)

GAS_HU = -960.0


def chest_solids(body: Body, rng: np.random.Generator) -> list[Solid]:
    """Return lungs with a few vessels, the domes of the diaphragm with fat below, heart and oesophagus."""
    p, s = body.patient, body.patient.scale
    chest = grown(column(body.cavity), -2.5)
    recess = half_space(body.at("T12", up=rng.uniform(-22, 8)), (0, rng.uniform(0.05, 0.25), -1))
    lung_hu, solids = rng.uniform(-890, -760), []
    thoracic = [centre for level, centre in body.spine.centres.items() if level.startswith("T")]
    for side in (1, -1):
        medial = body.at("T9")
        medial[0] = side * (max(side * centre[0] for centre in thoracic) + 25 * s)
        lung = intersection(chest, recess, half_space(medial, (-side, 0, 0)))
        low = (-UNBOUNDED, -UNBOUNDED, body.height("T12", -80))
        solids.append(cropped(lung, low, np.full(3, UNBOUNDED)).filled("lung", lung_hu, rng.uniform(15, 45)))
        for _ in range(rng.integers(3, 8)):
            start = body.at("T8", side * 42, 20, rng.uniform(0, 50))
            end = body.at("T9", side * rng.uniform(60, 120), rng.uniform(-30, 90), rng.uniform(-40, 60))
            vessel = tube(np.array([start, (start + end) / 2 + rng.normal(0, 6, 3), end]), np.array([5, 3.5, 1.5]) * s)
            solids.append(vessel.filled("lung vessel", p.contrast.vein))
    below = intersection(_under_diaphragm(body), grown(column(body.cavity), 1.0))
    below = cropped(below, (-UNBOUNDED, -UNBOUNDED, body.height("L2")), np.full(3, UNBOUNDED))
    solids.append(below.filled("diaphragm", p.visceral_fat_hu, 10, (rng.uniform(2.5, 4.5), 45)))
    heart = ellipsoid(body.at("T9", -22, 76, 6), np.array([58, 44, 46]) * s * rng.uniform(0.9, 1.1), _turned(0.5))
    chambers = ellipsoid(body.at("T9", -18, 72, 10), np.array([42, 30, 32]) * s, _turned(0.5))
    solids.append(grown(heart, 6 * s).filled("pericardial fat", p.visceral_fat_hu))
    solids.append(heart.filled("heart muscle", 50 + 4 * p.contrast.muscle, 8))
    solids.append(chambers.filled("heart blood", (p.contrast.artery + p.contrast.vein) / 2, 5))
    for right, front, hu in ((18, 58, p.contrast.artery), (-12, 66, (p.contrast.artery + p.contrast.vein) / 2)):
        course = np.array([body.at("T5", right, front - 8), body.at("T8", right - 14, front + 14)])
        solids.append(tube(course, rng.uniform(13, 18) * s).filled("great vessel of the heart", hu, 4))
    gullet = np.array([body.at("T5", -4, 26), body.at("T8", -8, 30), body.at("T10", -16, 42), body.at("T11", -26, 46)])
    solids += [piece.filled("oesophagus", 40, 10) for piece in tube_pieces(gullet, 7.5 * s)]
    return solids


def _under_diaphragm(body: Body) -> Shape:
    """Return what lies under the two domes of the diaphragm; the right one is higher."""
    s, domes = body.patient.scale, []
    for side, extra in ((1, 8), (-1, -4)):
        top = body.at("T10", side * 60, 36, body.patient.diaphragm_lift + extra)
        domes.append(dome(top, 60 * s, 58 * s))
    return union(*domes)


def organ_solids(body: Body, rng: np.random.Generator) -> list[Solid]:
    """Return the organs of abdomen and pelvis, from the back to the front."""
    return [
        *_liver_and_spleen(body, rng),
        *_kidneys(body, rng),
        *_stomach_and_pancreas(body, rng),
        *_colon(body, rng),
        *_small_bowel(body, rng),
        *_pelvic_organs(body, rng),
    ]


def _turned(angle: float, axis: int = 2) -> np.ndarray:
    """Return the rotation by `angle` rad about a coordinate axis."""
    c, s = np.cos(angle), np.sin(angle)
    a, b = [n for n in range(3) if n != axis]
    matrix = np.eye(3)
    matrix[a, a], matrix[a, b], matrix[b, a], matrix[b, b] = c, -s, s, c
    return matrix


def _kidneys(body: Body, rng: np.random.Generator) -> list[Solid]:
    """Return kidneys with cortex, fatty sinus and pelvis, adrenals, sometimes cysts and stones; one may be missing."""
    p, s, c, solids = body.patient, body.patient.scale, body.patient.contrast, []
    missing = rng.choice([1, -1]) if rng.random() < 0.04 else 0
    for side in (1, -1):
        centre = body.at(
            "L2", side * rng.uniform(58, 72), rng.uniform(-20, -6), (2 if side > 0 else 12) + rng.normal(0, 12)
        )
        adrenal = body.at("T12", side * rng.uniform(32, 40), 8, -4)
        for leg in (-6, 6):
            limb = capsule(np.add(adrenal, (0, 8, 6)), np.add(adrenal, (leg, -10, -6)), 3 * s)
            solids.append(limb.filled("adrenal", 30 + 0.5 * (c.pancreas - 30), 6))
        if side == missing:
            continue
        turn = _turned(side * rng.uniform(0.3, 0.6)) @ _turned(side * rng.uniform(-0.3, -0.1), axis=1)
        radii = np.array([31, 27, 55]) * s * rng.uniform(0.85, 1.1)
        kidney = ellipsoid(centre, radii, turn)
        cortex = (rng.uniform(6, 10) * s, c.kidney_cortex)
        around = intersection(grown(kidney, 4 + 0.15 * p.visceral), grown(column(body.cavity), -2))
        solids.append(around.filled("perirenal fat", p.visceral_fat_hu, 8))
        solids.append(kidney.filled("kidney", c.kidney_medulla, 10, cortex))
        hilum = centre - turn[:, 0] * side * 17 * s
        solids.append(ellipsoid(hilum, np.array([17, 10, 26]) * s, turn).filled("renal sinus", p.visceral_fat_hu, 25))
        solids.append(
            ellipsoid(hilum, np.array([9, 6, 12]) * s * rng.uniform(0.6, 1.3), turn).filled("renal pelvis", c.urine)
        )
        ureter = np.array(
            [hilum, body.at("L4", side * 38, 22), body.at("S1", side * 42, 40), body.at("S1", side * 40, 0, -70)]
        )
        solids += [piece.filled("ureter", c.urine) for piece in tube_pieces(ureter, 2.2 * s, size=1)]
        for _ in range(rng.poisson(0.012 * max(p.age - 40, 0))):
            spot = centre + turn @ (rng.normal(size=3) * radii * 0.55)
            solids.append(ellipsoid(spot, np.full(3, rng.uniform(4, 20))).filled("renal cyst", rng.uniform(-5, 18)))
        if rng.random() < 0.1:
            solids.append(
                ellipsoid(hilum + rng.normal(0, 6, 3), np.full(3, rng.uniform(2, 7))).filled(
                    "stone", rng.uniform(400, 1200)
                )
            )
    return solids


def _liver_and_spleen(body: Body, rng: np.random.Generator) -> list[Solid]:
    """Return liver with vessels, gallbladder and spleen, pressed into the cavity and off the spine."""
    s, c = body.patient.scale, body.patient.contrast
    inside = grown(column(body.cavity), -5)
    spine = ellipsoid(body.at("T12"), np.array([35, 30, 220]) * s)
    size = rng.uniform(0.88, 1.12, 3)
    right = ellipsoid(body.at("T12", 78, 28, rng.uniform(-18, 8)), np.array([74, 86, 96]) * s * size)
    left = ellipsoid(body.at("T12", 4, 66, 4), np.array([rng.uniform(55, 95), 32, 34]) * s)
    lobes = rippled(smooth_union(25 * s, right, left), rng.uniform(1, 5), 70 * s, rng)
    liver = difference(intersection(lobes, inside, grown(_under_diaphragm(body), -4)), spine)
    solids = [liver.filled("liver", c.liver, rng.uniform(4, 10))]
    for vein, hu in ((0.0, c.portal), (1.0, c.vein)):
        for _ in range(3):
            start = body.at("T12", 30, 45, -6 + 26 * vein)
            end = start + np.array([rng.uniform(25, 70), rng.uniform(-50, 35), rng.uniform(-40, 40)]) * s
            bent = (start + end) / 2 + rng.normal(0, 6, 3)
            solids.append(tube(np.array([start, bent, end]), np.array([6, 4, 2]) * s).filled("hepatic vessel", hu))
    for _ in range(rng.poisson(0.4)):
        spot = body.at("T12", rng.uniform(45, 110), rng.uniform(-10, 70), rng.uniform(-30, 30))
        solids.append(
            ellipsoid(spot, np.full(3, rng.uniform(4, 22))).filled("liver lesion", c.liver + rng.uniform(-70, 40))
        )
    if rng.random() < 0.85:
        bladder = ellipsoid(
            body.at("L1", 58, 66, -12), np.array([15, 17, 28]) * s * rng.uniform(0.6, 1.2), _turned(0.5, 0)
        )
        solids.append(bladder.filled("gallbladder", rng.uniform(0, 25), 3, (1.5, c.bowel_wall)))
        for _ in range(rng.integers(1, 5) if rng.random() < 0.15 else 0):
            spot = body.at("L1", 58, 60, -20) + rng.normal(0, 5, 3)
            solids.append(ellipsoid(spot, np.full(3, rng.uniform(2, 7))).filled("gallstone", rng.uniform(60, 700)))
    if rng.random() < 0.96:
        place = body.within("T11", rng.uniform(-0.75, -0.62), rng.uniform(-0.55, -0.15), rng.uniform(-28, 4))
        radii = np.array([34, 52, 50]) * s * rng.uniform(0.8, 1.25)
        spleen = intersection(ellipsoid(place, radii, _turned(0.45)), inside)
        solids.append(
            difference(spleen, ellipsoid(place + np.array([44, 25, 0]) * s, radii)).filled("spleen", c.spleen, 6)
        )
    return solids


def _with_gas(name: str, shape: Shape, level: np.ndarray, up: int, wall: float) -> Solid:
    """Return the gas that collects in the uppermost part of a hollow organ, above a level point."""
    return intersection(grown(shape, -wall), half_space(level, (0, -up, 0))).filled(name, GAS_HU, 10)


def _content(body: Body, rng: np.random.Generator, stool: float) -> tuple[float, float]:
    """Draw the HU and texture of what fills a piece of bowel: stool, oral contrast or fluid."""
    if rng.random() < stool:
        return rng.uniform(-250, 120), rng.uniform(30, 130)
    if body.patient.oral_contrast is not None and rng.random() < 0.7:
        return body.patient.oral_contrast * rng.uniform(0.5, 1.2), rng.uniform(10, 60)
    return rng.uniform(-5, 40), rng.uniform(5, 25)


def _stomach_and_pancreas(body: Body, rng: np.random.Generator) -> list[Solid]:
    """Return stomach with its gas, duodenum and pancreas."""
    p, s, c = body.patient, body.patient.scale, body.patient.contrast
    full = rng.uniform(0.55, 1.15)
    parts = [
        ellipsoid(body.at("T11", -64, 22, -6), np.array([40, 40, 40]) * s * full),
        ellipsoid(body.at("T12", -60, 58, -16), np.array([30, 32, 52]) * s * full),
        ellipsoid(body.at("L1", -14, 78, -10), np.array([46, 22, 24]) * s * full),
    ]
    inside = grown(column(body.cavity), -4)
    stomach = intersection(smooth_union(20 * s, *parts), inside)
    wall = rng.uniform(3, 6) * s
    hu, texture = _content(body, rng, 0.3)
    solids = [stomach.filled("stomach", hu, texture, (wall, c.bowel_wall + 5))]
    if rng.random() < 0.85:
        level = body.at("T12", 0, 48 + rng.uniform(-30, 35))
        solids.append(_with_gas("stomach gas", stomach, level, p.up, wall))
    age = p.visceral_fat_hu * 0.6 * max(0, p.age - 50) / 40 * rng.random()
    gland = np.array([body.at("L2", 38, 46, 6), body.at("L1", 14, 50, -8), body.at("L1", -22, 46, 8),
                      body.at("T12", -66, 14, -14)])  # fmt: skip
    radii = np.array([15, 10, 10, 9]) * s * rng.uniform(0.75, 1.1)
    solids += [piece.filled("pancreas", c.pancreas + age, 20) for piece in tube_pieces(gland, radii, size=1)]
    loop = np.array([body.at("L1", 30, 68, -4), body.at("L1", 58, 50, -10), body.at("L3", 56, 38, 8),
                     body.at("L3", 30, 44, -6), body.at("L3", -14, 54, 0)])  # fmt: skip
    hu, texture = _content(body, rng, 0.1)
    wall = (2.2, c.bowel_wall)
    solids += [
        piece.filled("duodenum", hu, texture, wall) for piece in tube_pieces(loop, rng.uniform(9, 14) * s, size=1)
    ]
    return solids


def _colon(body: Body, rng: np.random.Generator) -> list[Solid]:
    """Return the colon from caecum to rectum: haustrated, with stool, fluid or contrast, and gas on top."""
    p, s, c = body.patient, body.patient.scale, body.patient.contrast
    sag = rng.uniform(-50, 20)
    corners = [
        body.within("L5", 0.66, 0.3, -30), body.within("L4", 0.74, 0.15), body.within("L2", 0.78, 0.42, -14),
        body.within("L2", 0.62, 0.62, -8), body.within("L3", 0.0, 0.84, sag), body.within("L1", -0.62, 0.55, -4),
        body.within("L1", -0.84, 0.25, 14), body.within("L3", -0.84, 0.15), body.within("L5", -0.76, 0.12),
        body.within("S1", -0.66, 0.4, -12), body.at("S1", rng.uniform(-30, 25), 46, -22 + rng.uniform(-12, 30)),
        body.at("S1", rng.uniform(-15, 15), 12, -66), body.at("S1", 0, -28, -104), body.at("S1", 0, -22, -145),
    ]  # fmt: skip
    path = _subdivided(np.array(corners), 24 * s, 4 * s, rng)
    swelling = rng.uniform(0.6, 1.15)
    calibre = np.interp(np.linspace(0, 1, len(path)), [0, 0.15, 0.4, 0.55, 0.7, 0.9, 1], [30, 25, 21, 20, 15, 16, 22])
    radii = calibre * s * swelling * rng.uniform(0.78, 1.18, len(path))
    wall, solids, gas = (2.0, c.bowel_wall), [], []
    content, depth = _content(body, rng, 0.75), rng.uniform(-0.9, 0.7)
    for n, piece in enumerate(tube_pieces(path, radii)):
        if rng.random() < 0.2:
            content, depth = _content(body, rng, 0.75), rng.uniform(-0.9, 1.5)
        solids.append(piece.filled("colon", *content, wall))
        middle = path[min(2 * n + 1, len(path) - 1)]
        if depth < 0.9:
            level = middle + np.array([0, p.up * calibre[2 * n] * s * depth, 0])
            gas.append(_with_gas("colon gas", piece, level, p.up, 2.0))
    return solids + gas


def _subdivided(corners: np.ndarray, step: float, wander: float, rng: np.random.Generator) -> np.ndarray:
    """Return a smooth path through the corners with vertices about `step` mm apart, shifted by `wander` mm (SD)."""
    from scipy.interpolate import make_interp_spline

    lengths = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(corners, axis=0), axis=1))])
    count = max(3, round(lengths[-1] / step))
    path = make_interp_spline(lengths, corners, k=2 if len(corners) > 2 else 1)(np.linspace(0, lengths[-1], count))
    return path + rng.normal(0, wander, path.shape)


def _small_bowel(body: Body, rng: np.random.Generator) -> list[Solid]:
    """Return loops of small bowel and the mesenteric vessels between them, in front of spine and great vessels."""
    p, s, c, solids = body.patient, body.patient.scale, body.patient.contrast, []
    wall_mm = rng.uniform(1.8, 3.2)
    for _ in range(rng.integers(12, 24)):
        z = rng.uniform(body.height("S1", -55), body.height("L2"))
        room = _front_room(body, z)
        at = np.array([rng.uniform(-0.7, 0.7) * room[2], rng.uniform(room[0], room[1]), z])
        heading, points = rng.normal(size=3) * [1, 0.6, 0.6], []
        for _ in range(6):
            points.append(body.axis(at[2]) + np.array([at[0], at[1], 0]))
            heading = heading / np.linalg.norm(heading) + rng.normal(0, 0.55, 3) * [1, 0.7, 0.7]
            at = at + heading / np.linalg.norm(heading) * 20 * s
            room = _front_room(body, at[2])
            low, high = [-0.72 * room[2], room[0], body.height("S1", -75)], [0.72 * room[2], room[1], body.height("L1")]
            at = np.clip(at, low, high)
        hu, texture = _content(body, rng, 0.08)
        radius = rng.uniform(8, 15) * s
        gassy = rng.random() < 0.25
        for n, piece in enumerate(tube_pieces(np.array(points), radius)):
            solids.append(piece.filled("small bowel", hu, texture, (wall_mm, c.bowel_wall)))
            if gassy and rng.random() < 0.6:
                level = points[2 * n] + np.array([0, p.up * radius * rng.uniform(-0.5, 0.6), 0])
                solids.append(_with_gas("small bowel gas", piece, level, p.up, wall_mm))
    for _ in range(rng.integers(5, 12)):
        start = body.at("L2", rng.uniform(-6, 12), 52, rng.uniform(-30, 10))
        z = rng.uniform(body.height("S1", -10), body.height("L2"))
        room = _front_room(body, z)
        end = body.axis(z) + np.array([rng.uniform(-0.6, 0.6) * room[2], room[1], 0])
        vessel = tube(np.array([start, (start + end) / 2 + rng.normal(0, 8, 3), end]), np.array([2.6, 2, 1.2]) * s)
        solids.append(vessel.filled("mesenteric vessel", rng.choice([c.artery, c.portal])))
    return solids


def _front_room(body: Body, z: float) -> tuple[float, float, float]:
    """Return the nearest and farthest distance in front of the spine's axis and the half-width for loops at `z`."""
    c, row = body.cavity, body.cavity.rows(z)
    near = 46 * body.patient.scale
    far = c.y[row] + c.front[row] - body.axis(z)[1] - 13 * body.patient.scale
    return near, max(far, near + 4), float(c.half_width[row])


def _pelvic_organs(body: Body, rng: np.random.Generator) -> list[Solid]:
    """Return bladder, and uterus or prostate; pelvic side-wall muscle as two pads."""
    p, s, c, solids = body.patient, body.patient.scale, body.patient.contrast, []
    filling = rng.uniform(0.5, 1.5)
    low = body.at("S1", 0, 48, -112 + 12 * filling)
    if p.female and rng.random() < 0.85:
        uterus = ellipsoid(body.at("S1", rng.normal(0, 8), 18, -86), np.array([26, 34, 24]) * s * rng.uniform(0.6, 1.2))
        solids.append(uterus.filled("uterus", 50 + 3 * c.muscle, 12))
        for side in (1, -1):
            ovary = ellipsoid(body.at("S1", side * 42, 12, -70), np.full(3, rng.uniform(7, 20)))
            solids.append(ovary.filled("ovary", rng.uniform(5, 45), 8))
    if not p.female:
        prostate = ellipsoid(body.at("S1", 0, 32, -146), np.array([23, 17, 20]) * s * rng.uniform(0.8, 1.5))
        solids.append(prostate.filled("prostate", 40 + 2 * c.muscle, 12))
    bladder = ellipsoid(low, np.array([40, 32, 28]) * s * filling**0.6)
    solids.append(bladder.filled("bladder", c.urine, 5, (rng.uniform(2, 5), 40 + c.muscle)))
    return solids
