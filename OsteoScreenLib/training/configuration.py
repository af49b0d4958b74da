"""Settings of a training run from a TOML file, and from what the command line says on top of it."""

import tomllib
from dataclasses import asdict
from pathlib import Path

from OsteoScreenLib.errors import InputError, first_fault
from OsteoScreenLib.training.trainer import Settings

SMOKE = Settings(steps=30, batch=1, checkpoint_every=30, validate_every=5, validation_samples=1)
"""A run of some two minutes that shows no more than that everything works together and the loss falls."""


def load_settings(path: Path | None, **given: int | float | None) -> Settings:
    """Return the settings of a file, replaced by those of `given` that are not None; without a file the defaults.

    The file names fields of `Settings` as they are (``steps = 1500``). Raises `InputError` for anything else in it.
    """
    from pydantic import ConfigDict, TypeAdapter, ValidationError
    from pydantic.dataclasses import dataclass

    strict = dataclass(frozen=True, config=ConfigDict(extra="forbid"))(Settings)
    wanted = {**_table(path), **{name: value for name, value in given.items() if value is not None}}
    try:
        return Settings(**asdict(TypeAdapter(strict).validate_python({"steps": 1500, **wanted})))
    except ValidationError as error:
        raise InputError(f"{path.name if path else 'The settings'}: {first_fault(error)}.") from error


def _table(path: Path | None) -> dict[str, object]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # tomllib's own error is a ValueError
        raise InputError(f"{path} cannot be read as TOML: {error}.") from error
