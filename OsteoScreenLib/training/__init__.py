"""Training of OsteoScreen's networks on synthetic and corrected data; needs the `train` extra."""
