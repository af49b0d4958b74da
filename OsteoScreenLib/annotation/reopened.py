"""A case of a dataset comes back to be reviewed: its CT, and its masks as something to work on."""

import numpy as np

from OsteoScreenLib.annotation.dataset import Case, MaskRecord
from OsteoScreenLib.result import ModelUse, Segmentation
from OsteoScreenLib.volume import Volume


def reopened(case: Case) -> tuple[Volume, Segmentation]:
    """Return the CT of a case and its current mask, with the engine's proposal that this was corrected from, if any.

    Raises `InputError` and `LabelMapError` where files are damaged.
    """
    volume, labels = case.read()
    record = case.current.record
    proposal = case.labels(volume, case.proposal) if case.proposal else None
    corrected = proposal is not None and not np.array_equal(proposal.voxels, labels.voxels)
    return volume, Segmentation(
        labels=labels,
        findings=record.findings,
        engine=record.engine or "label map",
        device="none",
        models=_models(record),
        notes=(f"From the dataset's case {case.id}.",),
        proposal=proposal if corrected else None,
    )


def _models(record: MaskRecord) -> tuple[ModelUse, ...]:
    """Return the models that a record names, as ``name version hash``."""
    named = [model.split() for model in record.models]
    return tuple(ModelUse(*parts, trained_on="what its card names") for parts in named if len(parts) == 3)
