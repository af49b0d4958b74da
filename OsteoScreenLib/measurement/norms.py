"""What L1 usually measures at an age: a published reference as data with its source, and a position within it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from OsteoScreenLib.findings import Finding, Findings, Measure, Severity
from OsteoScreenLib.measurement.acquisition import CONTRAST
from OsteoScreenLib.volume import Acquisition

PUBLISHED = Path(__file__).with_name("norms.json")
ADULT = 18
POSITION, NO_POSITION = "position for age", "No position for age is given"


@dataclass(frozen=True)
class Norm:
    """Trabecular HU of one level by age, at one tube voltage, for both sexes together; linear between `ages`."""

    level: str
    kvp: float
    ages: tuple[float, ...]
    means_hu: tuple[float, ...]
    sds_hu: tuple[float, ...]
    source: str

    def at(self, age: float) -> tuple[float, float]:
        """Return mean and SD in HU at an age in years; beyond the ends they are those of the ends."""
        return float(np.interp(age, self.ages, self.means_hu)), float(np.interp(age, self.ages, self.sds_hu))


def load_norm(path: Path = PUBLISHED) -> Norm:
    """Return the reference in a JSON file, the published one by default."""
    facts = json.loads(path.read_text(encoding="utf-8"))
    columns = (tuple(float(point[key]) for point in facts["points"]) for key in ("age", "mean_hu", "sd_hu"))
    return Norm(facts["level"], float(facts["kvp"]), *columns, facts["source"])


def age_in_years(text: str | None) -> float | None:
    """Return an age as DICOM writes it (``049Y``, ``18M``) in years, None where it is none."""
    found = re.fullmatch(r"0*(\d+)([DWMY])", (text or "").strip().upper())
    return int(found[1]) / {"Y": 1, "M": 12, "W": 52.18, "D": 365.25}[found[2]] if found else None


def norm_findings(
    hu: Mapping[str, float], made: Acquisition | None, findings: Findings, norm: Norm | None = None
) -> Findings:
    """Return a note with the position of L1's HU among people of its age, or with why none is given.

    Only for adults of known age, at the reference's tube voltage, where no contrast agent was given and nothing else
    speaks against the HU. The position is in SDs, like a Z-score, but is none: it is no DXA.
    """
    norm = norm or load_norm()
    value, made = hu.get(norm.level, float("nan")), made or Acquisition()
    if not np.isfinite(value):
        return ()
    age = age_in_years(made.patient_age)
    against = [
        one.check
        for one in findings
        if one.touches(Measure.HU, norm.level) and (one.severity is not Severity.NOTE or one.check == CONTRAST)
    ]
    if age is None or age < ADULT:
        reason = "the age is not known" if age is None else "the reference is for adults"
    elif made.kvp is None or abs(made.kvp - norm.kvp) > 0.5:
        reason = f"the reference is for {norm.kvp:g} kVp"
    elif against:
        reason = f"something speaks against the HU ({', '.join(dict.fromkeys(against))})"
    else:
        mean, sd = norm.at(age)
        position = (value - mean) / sd
        text = (
            f"{value:.0f} HU is about {abs(position):.1f} SD {'below' if position < 0 else 'above'} the mean of adults "
            f"of {age:.0f} years ({mean:.0f} ± {sd:.0f} HU, both sexes; {norm.source}). No Z-score: it is no DXA."
        )
        return (Finding(POSITION, Severity.NOTE, text, (), (norm.level,)),)
    text = f"{NO_POSITION} because {reason}."
    return (Finding(POSITION, Severity.NOTE, text, (), (norm.level,)),)
