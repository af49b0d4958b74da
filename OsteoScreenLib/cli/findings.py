"""A finding as a line on the terminal."""

from OsteoScreenLib.findings import Finding


def finding_line(finding: Finding) -> str:
    """Return how bad a finding is, and what it is."""
    return f"{finding.severity.capitalize()}: {finding.sentence}"
