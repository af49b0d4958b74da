"""The readers that are fuzzed, by name."""

from Testing.fuzz.reader import Reader
from Testing.fuzz.readers import dicom, images, labels

READERS: dict[str, Reader] = {reader.name: reader for room in (images, labels, dicom) for reader in room.READERS}
