"""Where a gate closes: limits as data, each with the reason for it."""

import json
from pathlib import Path

_TABLE = json.loads(Path(__file__).with_name("limits.json").read_text(encoding="utf-8"))

LIMITS: dict[str, float] = {name: float(entry["value"]) for name, entry in _TABLE.items()}
"""The limits of ``limits.json`` by name; the unit stands in the name."""
