"""The sections of the panel, one file each: its variables, its widgets, and what its buttons call."""

from typing import Protocol


class Section(Protocol):
    """A part of the panel that folds."""

    title: str

    def build(self) -> None:
        """Put the widgets where the panel is being built."""
