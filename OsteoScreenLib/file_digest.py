"""The SHA-256 of files: what a result was made from, what a model is, whether a file was changed."""

import hashlib
from pathlib import Path


def file_sha256(*paths: Path) -> str:
    """Return the SHA-256 of files, one after the other, as hexadecimal. Raises `OSError` as opening them does."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                digest.update(block)
    return digest.hexdigest()
