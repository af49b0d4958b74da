"""JSON files that others may have written."""

import json
from pathlib import Path
from typing import Any


def read_json(path: Path) -> Any:
    """Return what a JSON file holds. Raises `ValueError` where it is none, `OSError` where it cannot be read."""
    try:
        return json.loads(path.read_bytes())
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
