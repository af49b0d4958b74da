"""The folder of what belongs to the user: own models, choices, compiled loops."""

import os
from pathlib import Path


def user_folder() -> Path:
    """Return $OSTEOSCREEN_HOME, or where the system keeps such."""
    if named := os.environ.get("OSTEOSCREEN_HOME"):
        return Path(named)
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "OsteoScreen"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "osteoscreen"
