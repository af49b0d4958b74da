"""The inputs that once made a reader fail, in ``corpus/<reader>/<digest>/``."""

from pathlib import Path

from Testing.fuzz.given import Given, digest, put, taken

CORPUS = Path(__file__).with_name("corpus")


def keep(reader: str, given: Given) -> Path:
    """Put an input into the corpus and return where it lies there."""
    folder = CORPUS / reader / digest(given)
    if not folder.is_dir():
        put(given, folder)
    return folder.relative_to(CORPUS)


def kept(reader: str) -> list[Given]:
    """Return the inputs of a reader in the corpus."""
    place = CORPUS / reader
    return [taken(folder) for folder in sorted(place.iterdir())] if place.is_dir() else []
