"""Outputs are written beside their place and renamed into it: whole, or not at all."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from OsteoScreenLib.errors import DiskFullError, OsteoScreenError, OutputError

NEARLY_FULL = 64 * 2**10
"""Bytes: with less free space, a failure to write is the disk's."""


@contextmanager
def staged_folder(output: Path, owned: Iterable[str] = ()) -> Iterator[Path]:
    """Yield an empty folder whose files move into `output` when the block ends well, replacing files of their names.

    Files in `output` named in `owned` that the block did not make again are removed: they belong to a former run.
    Nothing else there is touched, and after an error nothing has changed. Raises `OutputError` at once where
    `output` cannot be written.
    """
    with _scratch(output) as scratch:
        yield scratch
        with _told(output):
            if not output.exists():
                output.parent.mkdir(parents=True, exist_ok=True)
                scratch.chmod(0o777 & ~_umask())
                scratch.rename(output)
            else:
                made = {file.name for file in scratch.iterdir()}
                for name in sorted(made):
                    os.replace(scratch / name, output / name)
                for name in set(owned) - made:
                    (output / name).unlink(missing_ok=True)


@contextmanager
def new_folder(output: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes `output` when the block ends well, in one step.

    Where another process has made `output` meanwhile, that one stays. Raises `OutputError` as `staged_folder`.
    """
    with _scratch(output.parent) as scratch:
        yield scratch
        with _told(output):
            output.parent.mkdir(parents=True, exist_ok=True)
            scratch.chmod(0o777 & ~_umask())
            try:
                scratch.rename(output)
            except OSError:
                if not output.is_dir():
                    raise


def write_once(path: Path, text: str, mode: int = 0o644) -> bool:
    """Write a short text to `path` in one step unless something is there; return whether this process was the first.

    Raises `OutputError` where it cannot be written.
    """
    with _told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(prefix=".osteoscreen-", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(beside, mode)
            os.link(beside, path)
        except FileExistsError:
            return False
        finally:
            os.unlink(beside)
    return True


@contextmanager
def staged_file(output: Path) -> Iterator[Path]:
    """Yield a path with the name of `output`; what is written there replaces `output` when the block ends well.

    Raises `OutputError` at once where `output` cannot be written.
    """
    if output.is_dir():
        raise OutputError(f"{output} is a folder; give the name of a file to write.")
    with _scratch(output.parent) as scratch:
        yield scratch / output.name
        with _told(output):
            output.parent.mkdir(parents=True, exist_ok=True)
            os.replace(scratch / output.name, output)


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Yield a hidden empty folder on the file system of `folder`, in it or in the nearest folder above that exists."""
    with _told(folder):
        nearest = folder.absolute()
        while not (nearest.exists() or nearest.is_symlink()):
            nearest = nearest.parent
        if not nearest.is_dir():
            raise OutputError(f"Cannot write to {folder}: {nearest} is not a folder. Choose another place.")
        scratch = Path(tempfile.mkdtemp(prefix=".osteoscreen-", dir=nearest))
    try:
        yield scratch
    except Exception as error:
        if disk_full(error, scratch):
            raise DiskFullError(folder) from error
        raise
    finally:
        with suppress(FileNotFoundError):
            shutil.rmtree(scratch)


def says_disk_full(error: BaseException | None) -> bool:
    """Tell whether an error is the operating system's word that a disk or a quota is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def disk_full(error: BaseException, folder: Path) -> bool:
    """Tell whether an error means that the disk of a folder is full, whether or not the library that met it said so."""
    if isinstance(error, DiskFullError) or says_disk_full(error) or says_disk_full(error.__cause__):
        return True
    ours = isinstance(error, OsteoScreenError) and not isinstance(error, OutputError)
    return not ours and folder.exists() and shutil.disk_usage(folder).free < NEARLY_FULL


@contextmanager
def _told(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"Cannot write to {output}: {error.strerror or error}. Choose another place.") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
