"""What a department's own table does to the measurements of a case."""

from typing import TYPE_CHECKING

from OsteoScreenLib.findings import Finding, Findings, Measure, Severity
from OsteoScreenLib.measurement.calibration import Calibration
from OsteoScreenLib.measurement.site import Site, site_calibration
from OsteoScreenLib.volume import Acquisition, Volume

if TYPE_CHECKING:
    import pandas as pd


def apply_site(
    rows: "pd.DataFrame", volume: Volume, calibration: Calibration | None, site: Site | None
) -> "tuple[pd.DataFrame, Calibration | None, Findings]":
    """Return measurements with ``trabecular_site_hu, roi_site_hu`` (raw HU less the scanner's offset), and what to say.

    Where the table was fitted to QCT, its line takes the place of the given calibration. Without a site all is as it
    was; a scanner or voltage that the table lacks changes nothing and is cautioned against.
    """
    if site is None:
        return rows, calibration, ()
    scanner = site.scanner(volume.acquisition or Acquisition())
    if scanner is None:
        text = f"The site table '{site.name}' lacks this scanner at this tube voltage: nothing of it was applied."
        return rows, calibration, (Finding("site table", Severity.CAUTION, text, (Measure.BMD,)),)
    added = {f"{part}_site_hu": rows[f"{part}_mean_hu"] - scanner.offset_hu for part in ("trabecular", "roi")}
    own = site_calibration(site, scanner)
    line = f", vBMD = {scanner.intercept_mg:+.1f} + {scanner.mg_per_hu:.3f} x HU" if own else ""
    text = (
        f"By the site table '{site.name}' this scanner reads {scanner.offset_hu:+.1f} HU against the others "
        f"({scanner.cases} cases){line}."
    )
    return rows.assign(**added), own or calibration, (Finding("site table", Severity.NOTE, text, (Measure.BMD,)),)
