"""Disease of the lower spine, drawn at random: wear, fractures, slips, tumours, and what surgeons leave behind.

The truth stays exact: osteophytes are body, all of them cortical shell; gas and chalk in discs are not body; cement,
screws and tumours inside a body stay body and keep its compartments.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from OsteoScreenLib.phantoms import foci
from OsteoScreenLib.phantoms.discs import cage, calcification, disc_between, vacuum
from OsteoScreenLib.phantoms.fractures import collapse
from OsteoScreenLib.phantoms.lesions import Lesions
from OsteoScreenLib.phantoms.metal import SCREW_LEVELS, instrumentation
from OsteoScreenLib.phantoms.osteophytes import random_rim
from OsteoScreenLib.phantoms.solids import Solid, ellipsoid
from OsteoScreenLib.phantoms.spine import SPINE_LEVELS, Spine, narrowed, slipped
from OsteoScreenLib.phantoms.vertebra import AnalyticVertebra, VertebraShape

MOBILE = SPINE_LEVELS[:-1]
"""The levels with a disc below."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: what, at which level (of two neighbours the upper), and how much, in the unit named."""

    kind: str
    level: str
    amount: float
    unit: str


@dataclass(frozen=True)
class Disease:
    """A spine with all that is wrong with it.

    `inserts` are painted after the discs and under the bodies, `implants` over everything; RAS mm of anatomy space.
    """

    spine: Spine
    vertebrae: dict[str, VertebraShape]
    lesions: Mapping[str, Lesions] = field(default_factory=dict)
    inserts: tuple[Solid, ...] = ()
    implants: tuple[Solid, ...] = ()
    findings: tuple[Finding, ...] = ()


def random_disease(
    spine: Spine, vertebrae: dict[str, VertebraShape], rng: np.random.Generator, amount: float
) -> Disease:
    """Draw what is wrong with a healthy spine; `amount` in (0, 1] scales how likely each kind is.

    At 1 a patient has a slip with probability 0.3, screws 0.25, metastases 0.25 and cement 0.2; a lumbar disc is worn
    with 0.6 and a thoracic one with 0.3; a body is fractured with 0.2.
    """
    case = _Case(spine, dict(vertebrae), {level: Lesions() for level in SPINE_LEVELS}, [], [], [])
    worn = _wear(case, rng, amount)
    _fractures(case, rng, amount)
    _slip(case, rng, amount)
    _rims_and_endplates(case, rng, amount, worn)
    _tumours(case, rng, amount)
    _surgery(case, rng, amount)
    lesions = {level: lesion for level, lesion in case.lesions.items() if lesion != Lesions()}
    return Disease(case.spine, case.vertebrae, lesions, tuple(case.inserts), tuple(case.implants), tuple(case.findings))


@dataclass
class _Case:
    """A patient in the making."""

    spine: Spine
    vertebrae: dict[str, VertebraShape]
    lesions: dict[str, Lesions]
    inserts: list[Solid]
    implants: list[Solid]
    findings: list[Finding]

    def found(self, kind: str, level: str, amount: float = 1.0, unit: str = "") -> None:
        self.findings.append(Finding(kind, level, float(amount), unit))

    def has(self, kind: str, level: str) -> bool:
        return any(f.kind == kind and f.level == level for f in self.findings)


def _lumbar(level: str) -> bool:
    return not level.startswith("T")


def _crushed(shape: VertebraShape) -> bool:
    """Tell whether a body was drawn much lower in front than its spine has it: at the rim that it had is no bone."""
    return isinstance(shape, AnalyticVertebra) and shape.crush + shape.wedge > 0.15


def _wear(case: _Case, rng: np.random.Generator, amount: float) -> list[str]:
    """Narrow worn discs; returns the levels above them."""
    worn = [level for level in MOBILE if rng.random() < amount * (0.6 if _lumbar(level) else 0.3)]
    case.spine = narrowed(case.spine, {level: case.spine.discs[level] * rng.uniform(0.3, 0.9) for level in worn})
    for level in worn:
        case.found("worn disc", level, case.spine.discs[level], "mm high")
    return worn


def _fractures(case: _Case, rng: np.random.Generator, amount: float) -> None:
    for level in MOBILE:
        if rng.random() < 0.2 * amount:
            case.spine, case.vertebrae[level], pits, lost = collapse(case.spine, case.vertebrae, level, rng)
            band = (foci.fracture_band(case.spine.sizes[level], rng),) if rng.random() < 0.4 else ()
            case.lesions[level] += pits + Lesions(foci=band)
            case.found("fracture", level, 100 * lost, "% of height")


def _slip(case: _Case, rng: np.random.Generator, amount: float) -> None:
    if rng.random() < 0.3 * amount:
        level = "L4" if rng.random() < 0.6 else "L5"
        mm = rng.uniform(3, 14) * (1 if rng.random() < 0.85 else -0.5)
        case.spine = slipped(case.spine, level, mm)
        case.found("spondylolisthesis", level, mm, "mm")


def _rims_and_endplates(case: _Case, rng: np.random.Generator, amount: float, worn: list[str]) -> None:
    """Add what comes with worn discs at the bodies beside them, bridges along the whole spine, and Schmorl nodes."""
    bridging = rng.random() < 0.15 * amount
    for n, level in enumerate(SPINE_LEVELS):
        size = case.spine.sizes[level]
        beside = [side for side, name in ((1, SPINE_LEVELS[n - 1] if n else ""), (-1, level)) if name in worn]
        if (beside or bridging) and rng.random() < 0.85 and not case.has("fracture", level):
            gaps = (case.spine.discs[SPINE_LEVELS[n - 1]] if n else 4.0, case.spine.discs[level] or 1.0)
            height = rng.uniform(5, 12) if bridging else rng.gamma(3.0, 1.8)
            steepness = rng.uniform(0.7, 1.0) if bridging else rng.uniform(0.0, 0.9)
            rim = random_rim(size, gaps, height, steepness, rng)
            if not _crushed(case.vertebrae[level]):
                case.lesions[level] += Lesions(growths=(rim,))
                case.found("osteophytes", level, height, "mm")
        for side in beside:
            if rng.random() < 0.35:
                case.lesions[level] += Lesions(foci=(foci.endplate_sclerosis(size, side, rng),))
                case.found("endplate sclerosis", level)
        for side in (1, -1):
            if level in MOBILE and rng.random() < 0.2 * amount:
                deep = rng.uniform(2.5, 8)
                case.lesions[level] += _schmorl(size, side, deep, rng)
                case.found("Schmorl node", level, deep, "mm deep")
    for level in worn:
        disc = disc_between(case.spine, level, SPINE_LEVELS[SPINE_LEVELS.index(level) + 1])
        for kind, likely, draw in (("vacuum", 0.4, vacuum), ("disc calcification", 0.2, calcification)):
            if rng.random() < likely:
                case.inserts.append(draw(disc, rng))
                case.found(kind, level)


def _schmorl(size: foci.Size, side: int, deep: float, rng: np.random.Generator) -> Lesions:
    """Return a node through an endplate with the dense rim around it."""
    width, depth, height = size
    where = np.array([rng.uniform(-0.2, 0.2) * width, rng.uniform(-0.28, 0.15) * depth, side * height / 2])
    radii = np.array([rng.uniform(3, 8), rng.uniform(3, 7), deep])
    rim = foci.Focus(
        ellipsoid(where, radii + rng.uniform(1.5, 3)), rng.uniform(200, 450), 30, softness=2.0, strength=0.7
    )
    return Lesions(pits=(ellipsoid(where, radii),), foci=(rim,) if rng.random() < 0.6 else ())


def _tumours(case: _Case, rng: np.random.Generator, amount: float) -> None:
    for level in SPINE_LEVELS:
        if rng.random() < 0.12 * amount:
            case.lesions[level] += Lesions(foci=(foci.haemangioma(case.spine.sizes[level], rng),))
            case.found("haemangioma", level)
    if rng.random() < 0.25 * amount:
        kinds = {"lytic metastasis": foci.lytic_metastasis, "sclerotic metastasis": foci.sclerotic_metastasis}
        kind = str(rng.choice(list(kinds)))
        share = rng.uniform(0.1, 0.8)
        for level in SPINE_LEVELS:
            for _ in range(rng.poisson(1.2) if rng.random() < share else 0):
                case.lesions[level] += Lesions(foci=(kinds[kind](case.spine.sizes[level], rng),))
                case.found(kind, level)


def _surgery(case: _Case, rng: np.random.Generator, amount: float) -> None:
    broken = [f.level for f in case.findings if f.kind == "fracture"]
    if rng.random() < 0.2 * amount:
        for level in broken or [str(rng.choice(MOBILE))]:
            case.lesions[level] += Lesions(foci=(foci.cement(case.spine.sizes[level], rng),))
            case.found("cement", level)
    if rng.random() < 0.25 * amount:
        count = int(rng.integers(2, 5))
        slips = [f.level for f in case.findings if f.kind == "spondylolisthesis"]
        start = SCREW_LEVELS.index(slips[0]) if slips else int(rng.integers(0, len(SCREW_LEVELS) - 1))
        levels = SCREW_LEVELS[start : start + count]
        case.implants += instrumentation(case.spine, levels, rng)
        for level in levels:
            case.found("screws", level)
        for upper, lower in pairwise(levels):
            if rng.random() < 0.4:
                case.inserts.append(cage(disc_between(case.spine, upper, lower), rng))
                case.found("cage", upper)
