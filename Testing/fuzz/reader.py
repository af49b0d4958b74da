"""A reader under test: good inputs to begin with, how they are spoilt, and how it is called."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from Testing.fuzz.given import Given


@dataclass(frozen=True)
class Reader:
    """One reader of the library, by the name that reports use.

    `seeds` are good inputs and `spoil` changes one of them; `read` is given the folder where they lie. It may raise
    `OsteoScreenError`, and `AssertionError` where what it returns breaks what the library promises.
    """

    name: str
    seeds: Callable[[], list[Given]]
    spoil: Callable[[Random, Given], Given]
    read: Callable[[Path], object]

    def input_of(self, seeds: list[Given], seed: int, number: int) -> Given:
        """Return input `number` of a run with a seed: the same one whenever it is asked for."""
        rng = Random(f"{self.name} {seed} {number}")
        return self.spoil(rng, rng.choice(seeds))
