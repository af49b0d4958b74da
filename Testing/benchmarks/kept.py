"""Rows of a long benchmark, each kept in a file, so that the run may be stopped and started."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from OsteoScreenLib.output import staged_file


def kept_row(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the row in a file; where there is none, make it and keep it there first."""
    if not path.exists():
        row = make()
        with staged_file(path) as staged:
            staged.write_text(json.dumps(row), encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))
