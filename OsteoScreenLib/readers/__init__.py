"""Files and DICOM folders become volumes in HU; what is not a CT volume is refused with one line."""

from OsteoScreenLib.readers.fingerprint import input_sha256
from OsteoScreenLib.readers.labels import read_labels
from OsteoScreenLib.readers.volumes import read_volume

__all__ = ["input_sha256", "read_labels", "read_volume"]
