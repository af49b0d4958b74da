"""What our segments and measures are called in DICOM: SNOMED CT and DICOM terms, UCUM units, and our own for the rest.

The terms are those of DICOM PS3.16 (context groups 7150, 7166, 7464, 7469) as pydicom's dictionary holds them, so that
a word here is a word there. S1 is the one level that the dictionary lacks; its code is SNOMED CT's 65985001, "Structure
of first sacral vertebra".
"""

from dataclasses import dataclass

from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from OsteoScreenLib.annotation.segments import LAYERS, Segment
from OsteoScreenLib.levels import Level

OURS = "99OSTEOSCREEN"
"""The coding scheme of what has no code elsewhere: a table's column by its own name."""

STATISTICS: dict[str, Code] = {
    "mean": codes.SCT.Mean,
    "sd": codes.SCT.StandardDeviation,
    "median": codes.SCT.Median,
    "p10": codes.SCT.TenthPercentile,
    "p90": codes.SCT.NinetiethPercentile,
}
"""The word of a column that says how many voxels became one number."""

UNITS: dict[str, tuple[Code, Code | None]] = {
    "hu": (codes.UCUM.HounsfieldUnit, codes.DCM.AttenuationCoefficient),
    "ml": (codes.UCUM.CubicCentimeter, codes.SCT.Volume),
    "mm2": (codes.UCUM.SquareMillimeter, codes.SCT.Area),
    "mm": (codes.UCUM.Millimeter, None),
    "mg_cm3": (codes.UCUM.MilligramsPerCubicCentimeter, None),
    "percent": (codes.UCUM.Percent, None),
    "deg": (codes.UCUM.Degree, None),
    "ratio": (codes.UCUM.NoUnits, None),
}
"""The ending of a column: its unit, and the quantity where the unit alone tells it."""

UNITLESS: dict[str, Code] = {
    "rad_score": Code("rad_score", OURS, "Rad-score (log odds)"),
    "probability": codes.DCM.Probability,
    "calibrated_probability": Code("calibrated_probability", OURS, "Calibrated probability"),
    "genant_grade": Code("genant_grade", OURS, "Suggested Genant grade of vertebral fracture"),
}
"""Columns of numbers without a unit."""

BOUNDS: dict[str, str] = {"_low": "lower bound", "_high": "upper bound"}
"""What the end of a column says that is one end of another one's interval."""

REGIONS: dict[str, Code] = {
    "shell": Code("shell", OURS, "Cortical shell of vertebral body"),
    "roi": Code("roi", OURS, "Anterior ellipse in trabecular bone of vertebral body"),
}
"""What the first word of a column measures in where that is no segment."""


@dataclass(frozen=True)
class Term:
    """One measured column: where (one of `LAYERS`, of `REGIONS`, or empty), what, by which statistic, in what."""

    region: str
    name: Code
    statistic: Code | None
    unit: Code


def vertebra(level: Level) -> Code:
    """Return the code of a vertebra."""
    return Code(level.snomed, "SCT", f"{level.name} vertebra")


def property_of(segment: Segment) -> tuple[Code, Code]:
    """Return category and type of a segment's property: a body is its vertebra, its trabecular part bone tissue."""
    if segment.part == "body":
        return codes.SCT.AnatomicalStructure, vertebra(segment.level)
    return codes.SCT.Tissue, codes.SCT.BoneTissue


def term_of(column: str) -> Term | None:
    """Return what a column of measurements is in DICOM, or None where its name says no unit that is known here.

    A column whose unit does not tell its quantity, such as a height in mm, is named by a code of ours, and so are the
    bounds of an interval.
    """
    for ending, bound in BOUNDS.items():
        whole = term_of(column.removesuffix(ending)) if column.endswith(ending) else None
        if whole:
            meaning = f"{column.removesuffix(ending).replace('_', ' ')}, {bound}"
            return Term(whole.region, Code(column, OURS, meaning), None, whole.unit)
    if column in UNITLESS:
        return Term("", UNITLESS[column], None, codes.UCUM.NoUnits)
    region, _, rest = column.partition("_")
    if region not in (*LAYERS, *REGIONS):
        region, rest = "", column
    ending = next((unit for unit in UNITS if rest.endswith(f"_{unit}")), None)
    if ending is None:
        return None
    unit, quantity = UNITS[ending]
    words = rest.removesuffix(f"_{ending}").split("_")
    statistic = STATISTICS.get(words[0]) if len(words) == 1 else None
    plain = region and quantity and (statistic or words == [str(quantity.meaning).lower()])
    name = quantity if plain else Code(column, OURS, column.replace("_", " "))
    return Term(region, name, statistic if plain else None, unit)
