"""The readers that are fuzzed, by name."""

from Testing.fuzz.reader import Reader
from Testing.fuzz.readers import images

READERS: dict[str, Reader] = {reader.name: reader for room in (images,) for reader in room.READERS}
