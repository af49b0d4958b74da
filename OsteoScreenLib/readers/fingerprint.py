"""SHA-256 of an input, for the provenance of a result."""

import hashlib
import re
from pathlib import Path

from OsteoScreenLib.file_digest import file_sha256
from OsteoScreenLib.readers.dicom import series_files
from OsteoScreenLib.readers.files import is_image_file, reachable


def input_sha256(path: Path | str, series: str | None = None) -> str:
    """Return the SHA-256 (hex) of the file, or of all files that `read_volume` would take for the same arguments.

    Several files are hashed as their sorted digests, so that neither names, order nor place matter.
    Raises `InputError` as `read_volume` does.
    """
    path = reachable(path)
    files = _with_data_file(path) if is_image_file(path) else series_files(path, series)
    digests = sorted(file_sha256(file) for file in files)
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def _with_data_file(path: Path) -> list[Path]:
    if path.suffix.lower() not in (".mhd", ".nhdr"):
        return [path]
    pattern = r"^(?:ElementDataFile\s*=|data file:)\s*(.+?)\s*$"
    named = re.search(pattern, path.read_text(errors="replace"), re.MULTILINE)
    data = path.parent / named.group(1) if named else path
    return [path, data] if data != path and data.is_file() else [path]
