"""What the report warns of, from how the CT was made."""

import numpy as np

from OsteoScreenLib.measurement.acquisition import acquisition_findings
from OsteoScreenLib.volume import Acquisition, Volume


def ct(slice_mm=1.0, **facts):
    return Volume(np.zeros((2, 2, 2), np.int16), np.diag([1, 1, slice_mm, 1.0]), Acquisition(**facts))


def cautions(volume):
    return tuple(one.text for one in acquisition_findings(volume))


def test_a_plain_120_kvp_scan_needs_no_caution():
    assert cautions(ct(kvp=120.0, slice_thickness=1.25, contrast_agent="")) == ()


def test_other_voltages_are_named_and_not_corrected():
    low = cautions(ct(kvp=80.0, slice_thickness=1.0, contrast_agent="NONE"))
    assert len(low) == 1
    assert "80 kVp" in low[0]
    assert "higher" in low[0]
    assert "raw, not corrected" in low[0]
    assert "lower" in cautions(ct(kvp=140.0, slice_thickness=1.0, contrast_agent=""))[0]


def test_contrast_and_thick_slices_are_named():
    said = cautions(ct(kvp=120.0, slice_thickness=5.0, contrast_agent="OMNIPAQUE 300"))
    assert any("OMNIPAQUE 300" in line for line in said)
    assert any("5 mm" in line for line in said)


def test_what_the_header_leaves_out_is_said_to_be_unknown():
    said = cautions(Volume(np.zeros((2, 2, 2)), np.diag([1, 1, 4, 1.0])))
    assert "Tube voltage unknown" in said[0]
    assert "does not say" in said[1]
    assert "spacing 4 mm" in said[2]


def test_the_readers_notes_are_passed_on():
    assert cautions(ct(kvp=120.0, slice_thickness=1.0, contrast_agent="", notes=("A slice was missing.",))) == (
        "A slice was missing.",
    )
