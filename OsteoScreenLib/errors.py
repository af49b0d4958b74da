"""Everything OsteoScreen refuses, as one family of exceptions.

A message is one line for the person at the screen: what is wrong with the input, and what to do.
"""


class OsteoScreenError(Exception):
    """The base of all errors that a user can cause and mend."""


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


class Cancelled(OsteoScreenError):
    """The user stopped the job; whatever was there before is untouched."""

    def __init__(self) -> None:
        super().__init__("Cancelled. Nothing was written.")
