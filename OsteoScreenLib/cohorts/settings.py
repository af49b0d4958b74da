"""What all cases of a cohort are screened with, and the key of a case: the hash of its input, models and settings."""

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from OsteoScreenLib import __version__
from OsteoScreenLib.errors import InputError
from OsteoScreenLib.file_digest import file_sha256
from OsteoScreenLib.model_choice import ROLES, in_use
from OsteoScreenLib.models import find, read_card


@dataclass(frozen=True)
class Settings:
    """The settings of `screening.screen` that are the same for a whole cohort, as it takes them."""

    engine: str = "st-unet"
    device: str = "auto"
    cutoffs: Path | None = None
    site: Path | None = None
    flips: bool = False
    ungated: bool = False
    scenes: bool = False


def described(settings: Settings) -> dict[str, object]:
    """Return what settles the numbers of a cohort besides its images, as JSON: software, models, settings.

    Files count by their content. The device is left out: where a network ran is no other result. Raises `InputError`
    for an engine that is one case's label map, `ModelError` for a model that is not there.
    """
    return {
        "software": __version__,
        "models": {name: read_card(find(name)).sha256 for name in map(in_use, ROLES)},
        "engine": _engine(settings.engine),
        "settings": {name: value for name, value in asdict(settings).items() if name in ("flips", "ungated", "scenes")},
        "cutoffs": settings.cutoffs and _content(settings.cutoffs),
        "site": settings.site and _content(settings.site),
    }


def key_of(input_sha256: str, settings: dict[str, object]) -> str:
    """Return the key (hex) of a case with this input under these settings, as `described` gives them."""
    return hashlib.sha256(json.dumps([input_sha256, settings], sort_keys=True).encode()).hexdigest()


def _engine(engine: str) -> str:
    """Return an engine's name with what its model's files hold."""
    kind, _, folder = engine.partition(":")
    if engine == "totalsegmentator":
        try:
            return f"{engine} {version('TotalSegmentator')}"
        except PackageNotFoundError:
            return engine
    if kind in ("nnunet", "monai") and folder:
        return f"{kind}:{_folder_sha256(Path(folder))}"
    if engine != "st-unet":
        raise InputError(f"A cohort cannot be screened with {engine}: give a network, not one case's label map.")
    return engine


@lru_cache(maxsize=1)
def _folder_sha256(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if not files:
        raise InputError(f"{folder} is no model's folder: there are no files in it.")
    names = [f"{path.relative_to(folder).as_posix()} {_content(path)}" for path in files]
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def _content(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
