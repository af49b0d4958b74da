"""The gate: silent on phantoms without fault, and each planted fault found by the check that is there for it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from OsteoScreenLib.findings import Finding, Measure, Severity, closing
from OsteoScreenLib.measurement.acquisition import CONTRAST
from OsteoScreenLib.measurement.case import measure_case, whole_bodies
from OsteoScreenLib.measurement.orientation import MIRRORED
from OsteoScreenLib.measurement.quality import image_findings, quality_findings
from OsteoScreenLib.measurement.signal import noise_hu
from OsteoScreenLib.volume import Acquisition
from Testing.measurement.planted import (
    FAULTS,
    Scan,
    enhanced,
    fatty_liver_and_heart,
    first_clean,
    head,
    magnetic_resonance,
    metal_rod,
    mirrored,
)


def findings(scan: Scan) -> tuple[Finding, ...]:
    return quality_findings(scan.volume, scan.segmentation, whole_bodies(scan.segmentation))


@pytest.fixture(scope="module")
def scan() -> Scan:
    return first_clean()


def test_nothing_above_a_note_is_found_without_fault(scan: Scan) -> None:
    found = findings(scan)
    assert [one for one in found if one.severity is not Severity.NOTE] == []
    assert "noise" in {one.check for one in found}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_by_its_check(scan: Scan, fault: str) -> None:
    plant, check = FAULTS[fault]
    assert check in {one.check for one in findings(plant(scan)) if one.severity is not Severity.NOTE}


def test_a_heart_above_a_fatty_liver_does_not_make_an_image_mirrored() -> None:
    scan = fatty_liver_and_heart()
    assert MIRRORED not in {one.check for one in findings(scan)}
    assert MIRRORED in {one.check for one in findings(mirrored(scan))}


def test_contrast_agent_is_seen_where_the_header_is_silent() -> None:
    scan = next(one for seed in range(516, 560) if (one := enhanced(seed)))
    silent = replace(scan, volume=replace(scan.volume, acquisition=Acquisition(kvp=120.0, slice_thickness=2.5)))
    (found,) = (one for one in findings(silent) if one.check == CONTRAST)
    assert found.severity is Severity.CAUTION
    assert "seen in the image" in found.text


def test_a_silent_header_over_dark_vessels_is_worth_a_note(scan: Scan) -> None:
    silent = replace(scan, volume=replace(scan.volume, acquisition=Acquisition(kvp=120.0, slice_thickness=2.5)))
    (found,) = (one for one in findings(silent) if one.check == CONTRAST)
    assert found.severity is Severity.NOTE
    assert "show none" in found.text


def test_the_noise_is_what_was_put_in(scan: Scan) -> None:
    rng = np.random.default_rng(0)
    still = scan.volume.with_voxels(np.full(scan.volume.voxels.shape, 50, np.int16))
    for sd in (5.0, 20.0, 60.0):
        noisy = still.with_voxels((still.voxels + rng.normal(0, sd, still.voxels.shape)).astype(np.float32))
        assert noise_hu(noisy) == pytest.approx(sd, rel=0.15)


@pytest.mark.parametrize("other", [magnetic_resonance, head])
def test_what_is_no_abdominal_ct_is_told_before_anything_is_outlined(scan: Scan, other: Callable[[Scan], Scan]) -> None:
    assert image_findings(scan.volume) == ()
    assert [one.severity for one in image_findings(other(scan).volume)] == [Severity.CLOSED]


def test_a_closed_gate_leaves_the_numbers_out_and_says_why(scan: Scan) -> None:
    with_metal = metal_rod(scan)
    measured = measure_case(with_metal.volume, with_metal.segmentation)
    rows = measured.table.set_index("level")
    assert closing(measured.findings, Measure.HU, "L3")
    assert np.isnan(rows.loc["L3", ["trabecular_mean_hu", "roi_mean_hu", "body_volume_ml"]].astype(float)).all()
    assert "no HU" in rows.gate["L3"]
    assert "metal" in rows.gate["L3"]
    assert np.isfinite(rows.loc["L1", "trabecular_mean_hu"])
    assert rows.gate["L1"] == "open"
    asked = measure_case(with_metal.volume, with_metal.segmentation, ungated=True).table.set_index("level")
    assert np.isfinite(asked.loc["L3", "trabecular_mean_hu"])
    assert "metal" in asked.gate["L3"]
