"""What a narrow panel shows of the table of measurements: few columns, short heads, the reason where there is none."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from OsteoScreenLib.findings import Findings
from OsteoScreenLib.measurement.gate import in_place


@dataclass(frozen=True)
class PanelColumn:
    """One column of a panel: head, unit, the columns of the table that it shows (with a stroke between), digits."""

    title: str
    unit: str
    names: tuple[str, ...]
    digits: int = 0

    def text(self, row: Mapping[str, str | float], findings: Findings) -> str:
        """Return the numbers of a row as text, else why they are not to be used, else a dash."""
        values = [row.get(name, math.nan) for name in self.names]
        if any(isinstance(value, str) or math.isnan(value) for value in values):
            return in_place(findings, self.names[0], str(row["level"]))
        return "/".join(f"{value:.{self.digits}f}" for value in values)


PANEL_COLUMNS: tuple[PanelColumn, ...] = (
    PanelColumn("Trab.", "HU", ("trabecular_mean_hu",)),
    PanelColumn("Ellipse", "HU", ("roi_mean_hu",)),
    PanelColumn("vBMD", "mg/cm³", ("vbmd_mg_cm3",)),
    PanelColumn("Volume", "ml", ("body_volume_ml",), 1),
    PanelColumn("Heights", "mm", ("anterior_height_mm", "middle_height_mm", "posterior_height_mm")),
    PanelColumn("Genant", "grade?", ("genant_grade",)),
)
"""Heights are those in front, in the middle and behind; the grade is a suggestion."""
