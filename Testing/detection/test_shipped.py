"""The detector that is shipped: what it learned from is said, and bodies are found where they are."""

from pathlib import Path

import numpy as np
import pytest

from OsteoScreenLib.bone_status import NAMES
from OsteoScreenLib.detection.detect import MODEL, course_of_labels, detect
from OsteoScreenLib.detection.dsnet import SMALL
from OsteoScreenLib.evaluation.boxes import intersection_over_union
from OsteoScreenLib.levels import SCREENED, SHELL, TOTALSEGMENTATOR, body_mask, label
from OsteoScreenLib.models import find, verify
from OsteoScreenLib.phantoms import make_phantom
from OsteoScreenLib.readers import read_labels, read_volume
from OsteoScreenLib.result import Detection
from OsteoScreenLib.volume import Volume


def overlaps(detection: Detection, labels: Volume) -> dict[str, float]:
    """Return the IoU in space of each vertebra's box with the box around its mask, 0 where it was not found."""
    found = {one.level: np.array([[*one.low, *one.high]]) for one in detection.vertebrae}
    half = np.abs(labels.ijk_to_ras[:3, :3]).sum(1) / 2
    overlap = {}
    for level in SCREENED:
        ras = labels.to_ras(np.argwhere(body_mask(labels.voxels, level))[:, ::-1])
        truth = np.concatenate([ras.min(0) - half, ras.max(0) + half])[None]
        overlap[level] = float(intersection_over_union(found[level], truth)[0, 0]) if level in found else 0.0
    return overlap


def test_the_card_says_phantoms_and_the_file_is_small() -> None:
    card = verify(MODEL)
    assert card.trained_on.startswith("Synthetic")
    assert card.parameters == SMALL
    assert "not a T-score" in card.intended_use
    assert (find(MODEL) / "model.safetensors").stat().st_size < 15e6


def test_each_body_of_a_phantom_is_found() -> None:
    phantom = make_phantom(31, (110, 110, 70), (1.5, 1.5, 2.5), centre="L2")
    detection, _ = detect(phantom.volume, course_of_labels(phantom.labels))
    assert min(overlaps(detection, phantom.labels).values()) > 0.5
    assert all(one.status in NAMES and sum(one.shares) == pytest.approx(1) for one in detection.vertebrae)


def test_each_body_of_a_real_ct_is_found(real_data: Path) -> None:
    """Against the bodies of another network's masks, which are no person's."""
    folder = real_data / "ct_totalsegmentator"
    volume = read_volume(folder / "ct.nii.gz")
    vertebrae, bodies = (read_labels(folder / name, volume).voxels for name in ("vertebrae.nii.gz", "bodies.nii.gz"))
    labels = np.zeros(volume.voxels.shape, np.uint16)
    for value, level in TOTALSEGMENTATOR.items():
        if level in SCREENED:
            labels[(vertebrae == value) & (bodies == 1)] = label(level, SHELL)
    truth = volume.with_voxels(labels)
    detection, _ = detect(volume, course_of_labels(truth))
    assert min(overlaps(detection, truth).values()) > 0.5
