"""Ribs are seen where they start, and their absence is no alarm."""

import pytest

from OsteoScreenLib.findings import Measure, Severity
from OsteoScreenLib.measurement.frame import vertebra_frame
from OsteoScreenLib.measurement.last_rib import has_rib, rib_findings
from OsteoScreenLib.phantoms import make_phantom


@pytest.fixture(scope="module", params=[(2.5, 2.5, 2.5), (2.0, 2.0, 5.0)], ids=["2.5 mm", "5 mm slices"])
def thoracolumbar(request):
    size = tuple(round(mm / step) for mm, step in zip((210, 150, 115), request.param, strict=True))
    made = make_phantom(3003, size=size, spacing=request.param, centre="T12")
    return made.volume, {level: vertebra_frame(made.labels, level) for level in ("T11", "T12", "L1")}


def test_thoracic_bodies_bear_ribs_and_lumbar_ones_do_not(thoracolumbar):
    volume, frames = thoracolumbar
    borne = {level: [has_rib(volume, frame, side) for side in (-1, 1)] for level, frame in frames.items()}
    assert borne == {"T11": [True, True], "T12": [True, True], "L1": [False, False]}


def test_ribs_at_the_body_named_l1_put_the_names_in_doubt(thoracolumbar):
    volume, frames = thoracolumbar
    assert rib_findings(volume, frames) == ()
    assert rib_findings(volume, {}) == ()
    (said,) = rib_findings(volume, {"L1": frames["T12"]})
    assert said.severity is Severity.CAUTION
    assert said.measures == (Measure.NAMES,)
    assert said.levels == ("L1",)
    assert "T12" in said.text


def test_ribs_that_are_not_in_the_image_are_no_alarm(thoracolumbar):
    volume, frames = thoracolumbar
    middle = volume.voxels.shape[2] // 2
    half = round(35 / volume.spacing[0])
    narrow = volume.window((slice(None), slice(None), slice(middle - half, middle + half)))
    assert rib_findings(narrow, {"L1": frames["L1"]}) == ()
