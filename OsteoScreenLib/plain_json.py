"""JSON that others may have written: a file, or the text that a scene keeps with a node."""

import json
from pathlib import Path
from typing import Any, TypeVar

from OsteoScreenLib.errors import InputError, first_fault

Kind = TypeVar("Kind")


def read_json(path: Path) -> Any:
    """Return what a JSON file holds. Raises `ValueError` where it is none, `OSError` where it cannot be read."""
    try:
        return json.loads(path.read_bytes())
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def from_text(text: str | bytes, kind: type[Kind], what: str) -> Kind:
    """Return what a JSON text holds as a dataclass or other type. Raises `InputError`, which names `what` it is."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_json(text)
    except ValidationError as error:
        raise InputError(f"{what} cannot be read: {first_fault(error, 'the text')}. Make it again.") from error
