"""The sections of the panel, one file each, and what they share. No computing here: they call OsteoScreenLib."""
