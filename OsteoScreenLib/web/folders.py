"""Folders on this machine that the person names in the page; never where the page is served to other machines."""

from pathlib import Path
from typing import TYPE_CHECKING

from OsteoScreenLib.errors import InputError

if TYPE_CHECKING:
    from OsteoScreenLib.web.desk import Desk


def named_folder(desk: "Desk", text: str | None, what: str) -> Path:
    """Return a folder as it was typed. Raises `InputError` where nothing was, or the page is open to other machines."""
    if not desk.local:
        raise InputError("Folders are named only in a page that is served to its own machine alone (without --host).")
    if not (text or "").strip():
        raise InputError(f"Type the folder of {what} first.")
    path = Path(text.strip()).expanduser()
    if not path.is_absolute():
        raise InputError(f"Type the whole path of {what}, from the root of this machine.")
    return path
