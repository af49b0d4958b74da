"""A detection as text: for a file, or for a node of a scene."""

import json
from dataclasses import asdict

from OsteoScreenLib.result import DetectedVertebra, Detection, ModelUse, SliceBox


def to_json(detection: Detection) -> str:
    """Return a detection as JSON; `from_json` reads it."""
    return json.dumps(asdict(detection))


def from_json(text: str) -> Detection:
    """Return the detection that `to_json` wrote."""
    facts = json.loads(text)
    return Detection(
        boxes=tuple(SliceBox(**_tuples(box)) for box in facts["boxes"]),
        vertebrae=tuple(DetectedVertebra(**_tuples(one)) for one in facts["vertebrae"]),
        model=ModelUse(**facts["model"]),
        device=facts["device"],
        notes=tuple(facts["notes"]),
    )


def _tuples(values: dict) -> dict:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
