"""A detection as text: for a file, or for a node of a scene."""

import json
from dataclasses import asdict

from OsteoScreenLib.plain_json import from_text
from OsteoScreenLib.result import Detection


def to_json(detection: Detection) -> str:
    """Return a detection as JSON; `from_json` reads it."""
    return json.dumps(asdict(detection))


def from_json(text: str) -> Detection:
    """Return the detection that `to_json` wrote. Raises `InputError` where the text is none."""
    return from_text(text, Detection, "The detection")
