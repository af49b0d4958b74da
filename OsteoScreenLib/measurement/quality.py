"""The gate on a case before it is measured: everything that speaks against its numbers, as findings."""

from OsteoScreenLib.findings import Findings, worst_first
from OsteoScreenLib.measurement.acquisition import acquisition_findings
from OsteoScreenLib.result import Segmentation
from OsteoScreenLib.volume import Volume


def quality_findings(volume: Volume, segmentation: Segmentation) -> Findings:
    """Return what speaks against the numbers of a segmented CT, the worst first; empty if nothing does."""
    return worst_first((*acquisition_findings(volume),))
