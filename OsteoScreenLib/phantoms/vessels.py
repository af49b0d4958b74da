"""The great vessels in front of the spine and their branches, with plaques and clips."""

import numpy as np

from OsteoScreenLib.phantoms.body import Body
from OsteoScreenLib.phantoms.solids import Solid, capsule, ellipsoid, tube, tube_pieces


def vessel_solids(body: Body, rng: np.random.Generator) -> list[Solid]:
    """Return aorta and caval vein with their branches, plaques with age, sometimes an aneurysm or clips."""
    p, s, c, solids = body.patient, body.patient.scale, body.patient.contrast, []
    radius = (8.5 + 0.05 * p.age) * s * rng.uniform(0.88, 1.12)
    twist = rng.normal(0, 1, 3) * 0.08 * p.age
    aorta_path = np.array([
        _beside(body, "T5", -0.9, radius), _beside(body, "T7", -0.8, radius), _beside(body, "T9", -0.6, radius),
        _beside(body, "T11", -0.25, radius), _beside(body, "L1", -0.12 + 0.01 * twist[0], radius + abs(twist[1]) * 0.5),
        _beside(body, "L3", -0.18 + 0.03 * twist[1], radius + abs(twist[2])), _beside(body, "L4", -0.08, radius, -6),
    ])  # fmt: skip
    aorta_radii = np.array([1.12, 1.12, 1.1, 1.05, 0.95, 0.88, 0.82]) * radius
    if rng.random() < 0.002 * max(p.age - 50, 0):
        aorta_radii[5] *= rng.uniform(1.4, 2.4)
        aorta_path[5, 1] += aorta_radii[5] - radius
    cava_radius = rng.uniform(8, 12) * s
    cava = np.array([
        _beside(body, "L5", 0.25, cava_radius), _beside(body, "L3", 0.34, cava_radius),
        _beside(body, "L1", 0.42, cava_radius + 4), body.at("T11", 24, 42), body.at("T9", 18, 58),
    ])  # fmt: skip
    solids += [v.filled("inferior vena cava", c.vein, 4) for v in tube_pieces(cava, cava_radius, size=1)]
    wall = (rng.uniform(1.2, 2.2), 45.0)
    solids += [v.filled("aorta", c.artery, 4, wall) for v in tube_pieces(aorta_path, aorta_radii, size=1)]
    for side in (1, -1):
        fork = np.array([aorta_path[-1], body.at("L5", side * 22, 32, -8), body.at("S1", side * 44, 28, -22),
                         body.at("S1", side * 66, 66, -68), body.at("S1", side * 72, 82, -110)])  # fmt: skip
        size = radius * np.array([0.62, 0.5, 0.48, 0.42, 0.4])
        veins = fork + np.array([side * 4, -11, -4]) * s
        veins[0] = cava[0]
        solids += [v.filled("iliac vein", c.vein, 4) for v in tube_pieces(veins, size * 1.15, size=1)]
        solids += [v.filled("iliac artery", c.artery, 4) for v in tube_pieces(fork, size, size=1)]
        solids += _plaques(fork, size, p.age, 0.5, rng)
        hilum = body.at("L2", side * 52, -2, 6)
        start = aorta_path[4]
        for hu, size, shift in ((c.artery, 2.8, 0), (c.vein, 4.2, 8)):
            renal = np.array(
                [np.add(start, (side * radius, shift * 0.6, 0)), body.at("L1", side * 30, 22 + shift, -22), hilum]
            )
            solids.append(tube(renal, size * s).filled("renal vessel", hu))
    trunk = aorta_path[4] + np.array([0, radius, 0])
    mesenteric = np.array([trunk, trunk + np.array([2, 14, -18]) * s, trunk + np.array([6, 24, -90]) * s])
    solids.append(tube(mesenteric, np.array([3.8, 3.6, 2.5]) * s).filled("mesenteric artery", c.artery))
    coeliac = np.array([np.add(trunk, (0, 0, 14 * s)), trunk + np.array([4, 14, 18]) * s, body.at("T12", 34, 48)])
    solids.append(tube(coeliac, np.array([3.5, 3.2, 2.4]) * s).filled("coeliac trunk", c.artery))
    portal = np.array([body.at("L2", 8, 56), body.at("L1", 18, 54), body.at("T12", 38, 48, -4)])
    solids.append(tube(portal, 6.5 * s).filled("portal vein", c.portal))
    splenic = np.array([body.at("L1", 14, 56), body.at("L1", -24, 44, 10), body.at("T12", -78, 2, -8)])
    solids.append(tube(splenic, 4 * s).filled("splenic vein", c.portal))
    solids += _plaques(aorta_path, aorta_radii, p.age, 1.0, rng)
    if rng.random() < 0.05:
        for _ in range(rng.integers(3, 12)):
            spot = body.at("L2", rng.uniform(20, 70), rng.uniform(40, 70), rng.uniform(-60, 60))
            solids.append(capsule(spot, spot + rng.normal(0, 3, 3), 0.9).filled("clip", rng.uniform(1500, 3000)))
    return solids


def _beside(body: Body, level: str, turn: float, radius: float, up: float = 0.0) -> np.ndarray:
    """Return the centre of a vessel lying on a body, `turn` quarter-circles from its front to the patient's right."""
    width, depth, _ = body.spine.sizes[level]
    angle = turn * np.pi / 2
    x, y = np.sin(angle) * (width / 2 + radius + 2), np.cos(angle) * (depth / 2 + radius + 2.5)
    return body.axis(body.height(level, up)) + np.array([x, y, 0])


def _plaques(path: np.ndarray, radii: np.ndarray, age: float, share: float, rng: np.random.Generator) -> list[Solid]:
    """Return calcified plaques on a vessel's wall, more of them with age; `share` scales their number."""
    solids = []
    amount = max(0.0, age - 45) / 45 * rng.gamma(1.2, 12) * share
    for _ in range(min(rng.poisson(amount), 45)):
        n = int(rng.integers(len(path) // 3, len(path) - 1))
        t, angle = rng.random(), rng.uniform(0, 2 * np.pi)
        outward = np.array([np.cos(angle), np.sin(angle), 0])
        radius = (1 - t) * radii[n] + t * radii[n + 1]
        spot = (1 - t) * path[n] + t * path[n + 1] + outward * (radius - 0.5)
        axes = np.stack([outward, [-outward[1], outward[0], 0], [0, 0, 1]], axis=1)
        size = (rng.uniform(0.7, 1.6), rng.uniform(1.5, 5), rng.uniform(1.5, 8))
        solids.append(ellipsoid(spot, size, axes).filled("plaque", rng.uniform(400, 1300)))
    return solids
