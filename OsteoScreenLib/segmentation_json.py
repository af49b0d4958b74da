"""What is known of a segmentation besides its label map, as text: for a file, or for a node of a scene."""

import json
from dataclasses import asdict, dataclass

import numpy as np

from OsteoScreenLib.annotation import review as reviews
from OsteoScreenLib.annotation.packed import pack, unpack
from OsteoScreenLib.errors import InputError
from OsteoScreenLib.findings import Findings
from OsteoScreenLib.plain_json import from_text
from OsteoScreenLib.result import ModelUse, Segmentation, VertebraFinding
from OsteoScreenLib.volume import Volume


def to_json(segmentation: Segmentation) -> str:
    """Return all that is known of a segmentation but its label map as JSON; `from_json` reads it."""
    return json.dumps(
        {
            "findings": [asdict(finding) for finding in segmentation.findings],
            "engine": segmentation.engine,
            "device": segmentation.device,
            "models": [asdict(model) for model in segmentation.models],
            "notes": segmentation.notes,
            "doubts": [asdict(doubt) for doubt in segmentation.doubts],
            "review": json.loads(reviews.to_json(segmentation.review)),
            "proposal": pack(segmentation.proposal.voxels) if segmentation.proposal else None,
        }
    )


def from_json(text: str, labels: Volume) -> Segmentation:
    """Return the segmentation that `to_json` described, with a label map. Raises `InputError`."""
    facts = from_text(text, _Facts, "What is known of the segmentation")
    return Segmentation(
        labels=labels,
        findings=facts.findings,
        engine=facts.engine,
        device=facts.device,
        models=facts.models,
        notes=facts.notes,
        doubts=facts.doubts,
        review=facts.review,
        proposal=_on_grid(unpack(facts.proposal), labels) if facts.proposal else None,
    )


def _on_grid(voxels: np.ndarray, grid: Volume) -> Volume:
    """Return a label map on a grid; raises `InputError` where it is of another shape."""
    if voxels.shape != grid.voxels.shape:
        raise InputError("The proposal that is kept with the segmentation is of another image. Segment it again.")
    return grid.with_voxels(voxels)


@dataclass(frozen=True)
class _Facts:
    findings: tuple[VertebraFinding, ...]
    engine: str
    device: str
    models: tuple[ModelUse, ...]
    notes: tuple[str, ...]
    doubts: Findings = ()
    review: reviews.Review = ()
    proposal: str | None = None
