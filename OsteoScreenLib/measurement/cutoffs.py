"""HU reference lines: configuration with its source shown, since cut-offs differ between scanners and populations."""

from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.levels import BY_NAME
from OsteoScreenLib.plain_json import read_json

PUBLISHED = Path(__file__).with_name("cutoffs.json")


@dataclass(frozen=True)
class Cutoff:
    """One published line: trabecular HU of a level, what being at or below it meant, and in which cohort."""

    level: str
    hu: float
    meaning: str
    source: str


def load_cutoffs(path: Path = PUBLISHED) -> tuple[Cutoff, ...]:
    """Return the reference lines of a JSON file, the published ones by default.

    The file is ``{"cutoffs": [{"level": "L1", "hu": 160, "meaning": "...", "source": "..."}, ...]}``; an empty list
    shows none. Raises `InputError` if the file is not that.
    """
    try:
        cutoffs = tuple(_cutoff(entry) for entry in read_json(path)["cutoffs"])
    except OSError as error:
        raise InputError(f"Cannot read the reference lines in {path}: {error.strerror or error}.") from error
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise InputError(
            f"{path} does not hold reference lines ({error}): it must be JSON with a list 'cutoffs' of objects with "
            "level, hu, meaning and source."
        ) from error
    return cutoffs


def _cutoff(entry: dict) -> Cutoff:
    cutoff = Cutoff(str(entry["level"]), float(entry["hu"]), str(entry["meaning"]), str(entry["source"]))
    if not isfinite(cutoff.hu):
        raise ValueError(f"{cutoff.hu} is no HU")
    if cutoff.level not in BY_NAME:
        raise ValueError(f"no vertebra is called {cutoff.level}")
    if not cutoff.source.strip():
        raise ValueError(f"the line at {cutoff.hu:g} HU has no source")
    return cutoff
