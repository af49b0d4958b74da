"""The readers that are fuzzed, by name."""

from Testing.fuzz.reader import Reader
from Testing.fuzz.readers import archives, dicom, films, images, labels, models, records, tables

_ROOMS = (images, labels, dicom, films, models, records, tables, archives)

READERS: dict[str, Reader] = {reader.name: reader for room in _ROOMS for reader in room.READERS}
