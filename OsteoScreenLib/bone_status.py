"""Bone status by T-score, as the WHO parts it: names, bounds and colours, in one table."""

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True)
class BoneStatus:
    """One class: its name, the T-scores it begins and ends at, and a colour (RGB in [0, 1])."""

    name: str
    low: float
    high: float
    color: tuple[float, float, float]


STATUSES: tuple[BoneStatus, ...] = (
    BoneStatus("normal", -1.0, inf, (0.34, 0.71, 0.91)),
    BoneStatus("osteopenia", -2.5, -1.0, (0.94, 0.89, 0.26)),
    BoneStatus("osteoporosis", -inf, -2.5, (0.84, 0.37, 0.00)),
)
"""WHO 1994, for DXA alone: a CT number is not a T-score. The order is that of a detector's class scores."""

NAMES: tuple[str, ...] = tuple(status.name for status in STATUSES)


def status_of(t_score: float) -> int:
    """Return the place in `STATUSES` of a T-score: 0 from -1.0 up, 2 from -2.5 down, 1 between.

    Raises `ValueError` for what is not a finite number.
    """
    if not -inf < t_score < inf:
        raise ValueError(f"a T-score is a number, not {t_score}")
    return 0 if t_score >= -1.0 else 2 if t_score <= -2.5 else 1
