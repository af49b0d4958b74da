"""Vertebral levels and parts: their codes, names, colours and terminology, in one table.

A label map holds ``10 * vertebra + part`` (uint16). Vertebra codes are those of VerSe and TPTBox
(T1 = 8 ... T12 = 19, L1 = 20 ... L5 = 24, S1 = 26); part 1 is the cortical shell, 2 the trabecular
compartment. The vertebral body is both parts together.
"""

from dataclasses import dataclass

import numpy as np

SHELL, TRABECULAR = 1, 2

SHELL_MM = 1.5
"""Depth of the shell compartment below the surface of the body, in mm.

The cortex itself is thinner; on clinical CT its partial volume reaches about this deep, so that the trabecular
compartment beneath holds no cortical signal.
"""

PARTS: dict[int, str] = {SHELL: "cortical shell", TRABECULAR: "trabecular"}


@dataclass(frozen=True)
class Level:
    """One vertebra: code as in VerSe, name, colour (RGB in [0, 1]) and SNOMED CT code."""

    code: int
    name: str
    color: tuple[float, float, float]
    snomed: str


_THORACIC_SNOMED = (
    "64864005", "53733008", "1626008", "73071006", "56401006", "45296009",
    "62487009", "11068009", "82687006", "7610001", "12989004", "23215003",
)  # fmt: skip

LEVELS: tuple[Level, ...] = (
    *(Level(8 + i, f"T{i + 1}", (0.55, 0.55 + 0.01 * i, 0.60), snomed) for i, snomed in enumerate(_THORACIC_SNOMED)),
    Level(20, "L1", (0.90, 0.62, 0.00), "66794005"),
    Level(21, "L2", (0.34, 0.71, 0.91), "14293000"),
    Level(22, "L3", (0.00, 0.62, 0.45), "36470004"),
    Level(23, "L4", (0.80, 0.47, 0.65), "11994002"),
    Level(24, "L5", (0.84, 0.37, 0.00), "49668003"),
    Level(26, "S1", (0.60, 0.60, 0.60), "65985001"),
)

BY_NAME: dict[str, Level] = {level.name: level for level in LEVELS}
BY_CODE: dict[int, Level] = {level.code: level for level in LEVELS}

SCREENED: tuple[str, ...] = ("L1", "L2", "L3", "L4")
"""The levels that the screening measures (Liu et al. 2024; ISCD: L1-L4)."""

TOTALSEGMENTATOR: dict[int, str] = {
    26: "S1",
    **{32 - n: f"L{n}" for n in range(1, 6)},
    **{44 - n: f"T{n}" for n in range(1, 13)},
}
"""Whole vertebrae as TotalSegmentator's task `total` (version 2) numbers them: 26 S1, 27 L5 ... 31 L1, 32 T12 ..."""


def label(level: str, part: int) -> int:
    """Return the label-map value of a part (1 shell, 2 trabecular) of a level such as ``"L1"``."""
    return 10 * BY_NAME[level].code + part


def body_mask(labels: np.ndarray, level: str) -> np.ndarray:
    """Return the boolean mask of a level's vertebral body, shell and trabecular together."""
    return labels // 10 == BY_NAME[level].code


def trabecular_mask(labels: np.ndarray, level: str) -> np.ndarray:
    """Return the boolean mask of a level's trabecular compartment."""
    return labels == label(level, TRABECULAR)


def levels_in(labels: np.ndarray) -> list[str]:
    """Return the names of the levels that a label map holds, from head to foot."""
    codes = np.unique(labels[labels > 0] // 10)
    return [BY_CODE[code].name for code in codes.tolist() if code in BY_CODE]


def in_our_coding(labels: np.ndarray) -> bool:
    """Tell whether a label map holds something, and nothing but ``10 * vertebra + part``."""
    values = np.unique(labels[labels > 0]).tolist()
    return bool(values) and all(value // 10 in BY_CODE and value % 10 in PARTS for value in values)
