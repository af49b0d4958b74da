"""What is known of a segmentation besides its label map, as text: for a file, or for a node of a scene."""

import json
from dataclasses import asdict

from OsteoScreenLib.annotation import review as reviews
from OsteoScreenLib.annotation.packed import pack, unpack
from OsteoScreenLib.findings import findings_from_plain
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
    """Return the segmentation that `to_json` described, with a label map."""
    facts = json.loads(text)
    findings = [{**finding, "centre": tuple(finding["centre"])} for finding in facts["findings"]]
    return Segmentation(
        labels=labels,
        findings=tuple(VertebraFinding(**finding) for finding in findings),
        engine=facts["engine"],
        device=facts["device"],
        models=tuple(ModelUse(**model) for model in facts["models"]),
        notes=tuple(facts["notes"]),
        doubts=findings_from_plain(facts.get("doubts", [])),
        review=reviews.from_json(json.dumps(facts.get("review", []))),
        proposal=labels.with_voxels(unpack(facts["proposal"])) if facts.get("proposal") else None,
    )
