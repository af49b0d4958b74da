"""What once made a reader fail, and a hundred fresh inputs: each is read, or refused in one line."""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from Testing.fuzz.campaign import run
from Testing.fuzz.corpus import CORPUS, kept
from Testing.fuzz.given import Given
from Testing.fuzz.reader import Reader
from Testing.fuzz.readers import READERS

FRESH = 100


@pytest.fixture
def scratch() -> Iterator[Path]:
    """Return a folder, in memory where the system has one."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    yield folder
    shutil.rmtree(folder)


@dataclass(frozen=True)
class Replayed(Reader):
    """A reader whose inputs are those of its corpus as they are."""

    def input_of(self, seeds: list[Given], seed: int, number: int) -> Given:
        """Return input `number` of the corpus."""
        return kept(self.name)[number]


@pytest.mark.parametrize("name", READERS)
def test_what_once_failed_does_so_no_more(name: str, scratch: Path) -> None:
    reader = Replayed(**vars(READERS[name]))
    tally = run(reader, reader.seeds(), len(kept(name)), 0, scratch)
    assert tally.failures == []


@pytest.mark.parametrize("name", READERS)
def test_fresh_inputs_are_read_or_refused(name: str, scratch: Path) -> None:
    tally = run(READERS[name], READERS[name].seeds(), FRESH, 12, scratch)
    assert tally.failures == []
    assert tally.inputs == FRESH


def test_every_folder_of_the_corpus_has_a_reader() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} <= set(READERS)
