"""What a reader is given: a few files with their content, one of which it is pointed to."""

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Link:
    """A symbolic link in place of a file's content."""

    target: str


Given = Mapping[str, bytes | Link]
"""Content by name; names may lie in folders."""


def put(given: Given, folder: Path) -> None:
    """Write the files into a folder, which is emptied before."""
    if folder.is_dir():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    for name, content in given.items():
        path = folder / name
        if path.parent != folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Link):
            path.symlink_to(content.target)
        else:
            path.write_bytes(content)


def taken(folder: Path) -> Given:
    """Return the files of a folder as they were put there."""
    paths = sorted(path for path in folder.rglob("*") if path.is_symlink() or path.is_file())
    return {
        path.relative_to(folder).as_posix(): Link(os.readlink(path)) if path.is_symlink() else path.read_bytes()
        for path in paths
    }


def digest(given: Given) -> str:
    """Return a short name for an input, made from what it holds."""
    said = hashlib.sha256()
    for name in sorted(given):
        said.update(repr((name, given[name])).encode())
    return said.hexdigest()[:12]
