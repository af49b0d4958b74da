"""Everything OsteoScreen refuses, as one family of exceptions.

A message is one line for the person at the screen: what is wrong with the input, and what to do.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import ValidationError


def first_fault(error: "ValidationError", whole: str = "the file") -> str:
    """Return the first of what pydantic found wrong as ``place: message``; `whole` is the place of the whole."""
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or whole}: {first['msg']}"


LONGEST = 800
"""Characters of a message that are kept: what an input holds may stand in it, and be of any length."""


class OsteoScreenError(Exception):
    """The base of all errors that a user can cause and mend.

    Its message is kept as one line of characters that print, so that no input can write to a terminal through it.
    """

    def __init__(self, message: str) -> None:
        line = "".join(letter if letter.isprintable() else "\ufffd" for letter in " ".join(message.split()))
        super().__init__(line if len(line) <= LONGEST else line[:LONGEST] + "…")


class InputError(OsteoScreenError):
    """The file, folder or image is not something the requested job can work on."""


class LabelMapError(OsteoScreenError):
    """A label map does not follow the coding, or does not lie on the volume's grid."""


class AnatomyError(OsteoScreenError):
    """The image is readable but does not show the anatomy that the job needs."""


class ModelError(OsteoScreenError):
    """A model is missing, altered, or of an architecture this version does not know."""


class OutputError(OsteoScreenError):
    """The result cannot be written where it was asked for."""


class DiskFullError(OutputError):
    """The disk that a folder lies on is full."""

    def __init__(self, folder: "Path") -> None:
        super().__init__(f"The disk of {folder} is full. Make room, or choose another place.")


class Cancelled(OsteoScreenError):
    """The user stopped the job; whatever was there before is untouched."""

    def __init__(self) -> None:
        super().__init__("Cancelled. Nothing was written.")
