"""Fracture grade and spine angles from the six-point heights; suggestions, which a person has to confirm.

Grades follow Genant et al. (J Bone Miner Res 1993; 8: 1137): 20 to 25 % of a height lost is mild, 25 to 40 % moderate,
more than 40 % severe. What a body has lost is judged by its neighbours: its ratios of heights by theirs, and its
posterior height by theirs where it is lower. Norms by level and sex are not used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib import levels as table
from OsteoScreenLib.findings import DENSITY, Finding, Findings, Severity
from OsteoScreenLib.measurement.heights import PLACES, Heights

if TYPE_CHECKING:
    import pandas as pd

GRADES: tuple[tuple[float, str], ...] = ((0.0, "none"), (0.20, "mild"), (0.25, "moderate"), (0.40, "severe"))
"""Share of height lost from which each Genant grade, 0 to 3, is counted, and its name."""
NEIGHBOURS = 2
"""A body is compared with the nearest ones above and below it, at most so many on each side."""
READING_MM, READING_VOXELS = 0.3, 0.2
"""SD of a height: a part that is always there, and a part of the mask's resolution (Testing/benchmarks/morphometry)."""
NATURAL = 0.03
"""SD of a height ratio among whole bodies of one spine, taken where the neighbours agree better by chance."""
EVEN = 0.75
"""A body that has lost this share of its largest loss behind, too, is crushed."""
SURE = 1.64
"""Grades within so many SDs of the loss are possible: 90 % of a normal distribution."""
_KINDS = dict(zip(PLACES, ("wedge", "biconcave", "crush"), strict=True))


@dataclass(frozen=True)
class Shape:
    """What a body's heights say: ratios, the share of height lost, and the suggested grade.

    `wedge_ratio` is anterior to posterior, `biconcavity_ratio` middle to posterior, `crush_ratio` posterior to the
    neighbours' posterior height. `loss` is the largest share of height lost, `loss_sd` how well it is known; `kind` is
    Genant's (wedge, biconcave or crush). Grades from `lowest` to `highest` are possible.
    """

    level: str
    wedge_ratio: float
    biconcavity_ratio: float
    crush_ratio: float
    loss: float
    loss_sd: float
    kind: str
    grade: int
    lowest: int
    highest: int

    @property
    def text(self) -> str:
        """The grade in words, with its doubt."""
        name = f"suggested grade {self.grade}"
        if self.grade:
            name += f" ({GRADES[self.grade][1]}, {self.kind})"
        if self.lowest == self.highest:
            return name
        return f"{name}; {self.lowest} to {self.highest} possible"


@dataclass(frozen=True)
class Angles:
    """How the spine bends from the upper endplate of `first` to the lower endplate of `last`, in degrees.

    `lordosis` is positive where it is hollow behind. `scoliosis` is the largest angle between two endplates seen from
    the front (Cobb), of whichever levels.
    """

    first: str
    last: str
    lordosis: float
    scoliosis: float


def grade(loss: float) -> int:
    """Return Genant's grade, 0 to 3, of a share of height lost."""
    return max(n for n, (line, _) in enumerate(GRADES) if loss >= line or n == 0)


def shapes(heights: Mapping[str, Heights]) -> dict[str, Shape]:
    """Return the shape of each body against its neighbours; a body without a neighbour has none.

    The expected posterior height is the body's own, or that between the neighbours where it is higher; the expected
    anterior and middle heights are that times the neighbours' median ratios. S1 takes no part.
    """
    order = [one.name for one in table.LEVELS]
    usable = {level: one for level, one in heights.items() if level != "S1"}
    found = {}
    for level, own in usable.items():
        above, below = (
            sorted((n for n in usable if side * (order.index(n) - order.index(level)) > 0), key=order.index)[::side]
            for side in (-1, 1)
        )
        near = [*above[:NEIGHBOURS], *below[:NEIGHBOURS]]
        if near:
            steps = [order.index(name) - order.index(level) for name in near]
            found[level] = _shape(own, [usable[name] for name in near], steps)
    return found


def angles(heights: Mapping[str, Heights]) -> Angles | None:
    """Return how the spine bends over all bodies with heights; None for fewer than two."""
    ordered = [heights[one.name] for one in table.LEVELS if one.name in heights]
    if len(ordered) < 2:
        return None
    lateral = _unit(np.sum([one.frame.lateral for one in ordered], axis=0))
    cranial = np.sum([one.frame.cranial for one in ordered], axis=0)
    cranial = _unit(cranial - (cranial @ lateral) * lateral)
    anterior = np.cross(cranial, lateral)

    def tilt(normal: np.ndarray, towards: np.ndarray) -> float:
        return float(np.degrees(np.arctan2(normal @ towards, normal @ cranial)))

    pairs = [(above.upper, below.lower) for above, below in combinations(ordered, 2)]
    bends = [abs(tilt(lower, lateral) - tilt(upper, lateral)) for upper, lower in pairs]
    first, last = ordered[0], ordered[-1]
    lordosis = tilt(last.lower, anterior) - tilt(first.upper, anterior)
    return Angles(first.level, last.level, lordosis, max(bends))


def with_shapes(rows: "pd.DataFrame", heights: Mapping[str, Heights], found: Mapping[str, Shape]) -> "pd.DataFrame":
    """Return measurements with the heights and what they say, NaN and "-" where a body has none.

    Added are ``anterior_height_mm, middle_height_mm, posterior_height_mm``; ``wedge_ratio, biconcavity_ratio,
    crush_ratio, height_loss_ratio`` (share lost); ``genant_grade`` (0 to 3) and ``genant_suggested``, its words.
    """
    nan = float("nan")
    own = [heights.get(level) for level in rows["level"]]
    shaped = [found.get(level) for level in rows["level"]]
    added = {f"{name}_height_mm": [nan if one is None else getattr(one, name) for one in own] for name in PLACES}
    ratios = ("wedge_ratio", "biconcavity_ratio", "crush_ratio")
    added |= {name: [nan if one is None else getattr(one, name) for one in shaped] for name in ratios}
    added["height_loss_ratio"] = [nan if one is None else one.loss for one in shaped]
    added["genant_grade"] = [nan if one is None else float(one.grade) for one in shaped]
    added["genant_suggested"] = ["-" if one is None else one.text for one in shaped]
    return rows.assign(**added)


def fracture_findings(found: Mapping[str, Shape]) -> Findings:
    """Return a finding for each suggested fracture; its HU are not to be used where it is no mild or doubtful one."""
    said = []
    for shape in found.values():
        if not shape.grade:
            continue
        severity = Severity.CAUTION if shape.lowest else Severity.NOTE
        if shape.grade > 1:
            severity = Severity.CLOSED if shape.lowest else Severity.CAUTION
        text = (
            f"A vertebral fracture is possible: {shape.text} (Genant), {shape.loss:.0%} ± {shape.loss_sd:.0%} of a "
            "height lost against the neighbours. A person has to confirm it."
        )
        said.append(Finding("fracture", severity, text, DENSITY, (shape.level,)))
    return tuple(said)


def _between(steps: list[int], values: list[float]) -> float:
    """Return what neighbours so many levels away make of a value here: a robust line where they lie on both sides.

    Bodies grow from head to foot. Beyond the last neighbour nothing is extrapolated: the median stands.
    """
    from scipy.stats import theilslopes

    if len(values) < 3 or min(steps) > 0 or max(steps) < 0:
        return float(np.median(values))
    return float(theilslopes(values, steps).intercept)


def _shape(own: Heights, near: list[Heights], steps: list[int]) -> Shape:
    ratios = {name: [getattr(one, name) / one.posterior for one in near] for name in PLACES}
    usual = {name: float(np.median(values)) for name, values in ratios.items()}
    beside = _between(steps, [one.posterior for one in near])
    posterior = max(own.posterior, beside)
    losses = {name: 1 - getattr(own, name) / (posterior * usual[name]) for name in PLACES}
    worst = max(losses, key=losses.get)
    read = np.hypot(READING_MM, READING_VOXELS * own.resolution_mm) / posterior
    spread = np.std([one.posterior / beside for one in near] if worst == "posterior" else ratios[worst])
    sd = float(np.hypot(read, max(spread, NATURAL)) * np.sqrt(1 + 1 / len(near)))
    loss = float(losses[worst])
    crushed = losses["posterior"] >= EVEN * loss > 0
    return Shape(
        level=own.level,
        wedge_ratio=own.anterior / own.posterior,
        biconcavity_ratio=own.middle / own.posterior,
        crush_ratio=own.posterior / beside,
        loss=loss,
        loss_sd=sd,
        kind="crush" if crushed else _KINDS[worst],
        grade=grade(loss),
        lowest=grade(loss - SURE * sd),
        highest=grade(loss + SURE * sd),
    )


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)
