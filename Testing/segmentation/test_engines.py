"""Engines: our network on phantoms and real CT, and the user's own label maps."""

from pathlib import Path

import numpy as np
import pytest

from OsteoScreenLib.errors import LabelMapError
from OsteoScreenLib.evaluation.overlap import overlap
from OsteoScreenLib.image_file import write_labels
from OsteoScreenLib.levels import SCREENED, body_mask, levels_in, trabecular_mask
from OsteoScreenLib.phantoms import Phantom, make_phantom
from OsteoScreenLib.readers import read_labels, read_volume
from OsteoScreenLib.segmentation.engines import TOTALSEGMENTATOR, segment
from OsteoScreenLib.volume import Volume
from Testing.conftest import BoxCase

CODES = {level: code for code, level in TOTALSEGMENTATOR.items()}


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return make_phantom(2_000_000, (120, 100, 130), (2.5, 2.5, 2.5))


def test_the_bodies_of_a_phantom_are_outlined(phantom: Phantom) -> None:
    found = segment(phantom.volume, device="cpu")
    assert len(found.findings) == len(SCREENED)
    assert all(finding.complete and 0 < finding.confidence <= 1 for finding in found.findings)
    for level in SCREENED:
        mask = body_mask(found.labels.voxels, level)
        i, j, k = np.round(phantom.labels.to_ijk(np.array(found.findings[SCREENED.index(level)].centre))).astype(int)
        truth = phantom.labels.voxels // 10 == phantom.labels.voxels[k, j, i] // 10
        assert overlap(mask, truth, phantom.volume.spacing).dice > 0.9
    assert {model.name for model in found.models} == {"locate", "count", "refine"}
    assert all("ynthetic" in model.trained_on for model in found.models)


def test_the_levels_of_a_phantom_are_right(phantom: Phantom) -> None:
    for finding in segment(phantom.volume, device="cpu").findings:
        i, j, k = np.round(phantom.labels.to_ijk(np.array(finding.centre))).astype(int)
        assert levels_in(phantom.labels.voxels[k : k + 1, j, i]) == [finding.level]


def test_the_way_a_ct_is_stored_does_not_matter(phantom: Phantom) -> None:
    straight = segment(phantom.volume, device="cpu").labels.voxels
    turned = np.ascontiguousarray(phantom.volume.voxels.transpose(1, 2, 0)[:, ::-1, ::-1])
    k, _, i = phantom.volume.voxels.shape
    # new (k, j, i) is old (j, i reversed, k reversed)
    order = np.array([[0, -1, 0, i - 1], [0, 0, 1, 0], [-1, 0, 0, k - 1], [0, 0, 0, 1]], float)
    stored = Volume(turned, phantom.volume.ijk_to_ras @ order)
    again = segment(stored, device="cpu").labels.voxels[:, ::-1, ::-1].transpose(2, 0, 1)
    assert overlap(again > 0, straight > 0, phantom.volume.spacing).dice > 0.99


def test_our_coding_is_taken_as_it_is(box_case: BoxCase) -> None:
    found = segment(box_case.volume, box_case.labels_path, device="cpu")
    assert np.array_equal(found.labels.voxels, box_case.labels.voxels)
    assert found.models == ()
    assert all(finding.confidence == 1.0 for finding in found.findings)


def test_an_unknown_coding_is_refused(box_case: BoxCase, tmp_path: Path) -> None:
    path = tmp_path / "labels.nii.gz"
    write_labels(box_case.volume.with_voxels(np.where(box_case.labels.voxels > 0, 7, 0).astype(np.uint16)), path)
    with pytest.raises(LabelMapError, match="no vertebra in a known coding"):
        segment(box_case.volume, path, device="cpu")


def test_real_ct_keeps_the_promise_of_the_documentation(real_data: Path) -> None:
    """Levels right, body Dice at least 0.88, trabecular HU within 25 of the reference body's inside."""
    from scipy.ndimage import binary_erosion

    folder = real_data / "ct_totalsegmentator"
    volume = read_volume(folder / "ct.nii.gz")
    vertebrae, bodies = (read_labels(folder / f"{name}.nii.gz", volume).voxels for name in ("vertebrae", "bodies"))
    labels = segment(volume, device="cpu").labels.voxels
    assert levels_in(labels) == list(SCREENED)
    for level in SCREENED:
        reference = (vertebrae == CODES[level]) & (bodies == 1)
        assert overlap(body_mask(labels, level), reference, volume.spacing).dice >= 0.88
        inside = volume.voxels[binary_erosion(reference)].mean()
        assert volume.voxels[trabecular_mask(labels, level)].mean() == pytest.approx(inside, abs=25)


def test_bodies_are_separated_from_whole_vertebrae(real_data: Path) -> None:
    folder = real_data / "ct_totalsegmentator"
    volume = read_volume(folder / "ct.nii.gz")
    vertebrae, bodies = (read_labels(folder / f"{name}.nii.gz", volume).voxels for name in ("vertebrae", "bodies"))
    labels = segment(volume, folder / "vertebrae.nii.gz", device="cpu").labels.voxels
    for level in SCREENED:
        whole = vertebrae == CODES[level]
        assert not (body_mask(labels, level) & ~whole).any()
        assert overlap(body_mask(labels, level), whole & (bodies == 1), volume.spacing).dice > 0.88
