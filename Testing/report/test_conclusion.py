"""The sentences on top of a report: what they say, and what they must never say."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from OsteoScreenLib.findings import DENSITY, Finding, Severity
from OsteoScreenLib.measurement.cutoffs import Cutoff, load_cutoffs
from OsteoScreenLib.measurement.gate import gated
from OsteoScreenLib.report import conclusion as conclusion_module
from OsteoScreenLib.report.conclusion import LIMIT, NEVER, RULES, conclusion


def said(result, cutoffs=None):
    return [one.text for one in conclusion(result, load_cutoffs() if cutoffs is None else cutoffs)]


def test_l1_is_compared_with_every_configured_line(with_hu):
    first = conclusion(with_hu(109.6, 150, 150, 150), load_cutoffs())[0]
    assert first.text.startswith("L1: 110 HU in the anterior ellipse; at or below 169, 160 and 110 HU, above 104 HU.")
    assert first.attention


def test_high_values_are_not_called_healthy(with_hu):
    first = conclusion(with_hu(240, 240, 240, 240), load_cutoffs())[0]
    assert "above 169, 160, 110 and 104 HU" in first.text
    assert LIMIT in first.text
    assert not first.attention
    everything = " ".join(said(with_hu(240, 240, 240, 240))).lower()
    assert not any(word in everything for word in ("normal", "healthy", "no osteoporosis", "excluded", "no evidence"))


def test_without_lines_the_limit_is_still_said(case):
    assert any(LIMIT in line for line in said(case, ()))


def test_lines_of_an_unmeasured_level_do_not_apply(case):
    lines = said(case, (Cutoff("L5", 100.0, "x", "y"),))
    assert "L5 was not measured" in lines[0]


def test_the_trabecular_mean_stands_in_where_there_is_no_ellipse(with_hu):
    result = with_hu(np.nan, 150, 150, 150)
    mean = result.measurements.trabecular_mean_hu[0]
    assert f"L1: {mean:.0f} HU over the trabecular compartment" in said(result)[0]


def test_lowest_level_is_named(case):
    table = case.measurements.assign(trabecular_mean_hu=[130.0, 120.0, 99.6, 140.0])
    assert "Lowest trabecular mean: 100 HU at L3 (4 levels measured)." in said(replace(case, measurements=table))


def test_doubtful_cut_and_absent_levels_are_named(case):
    found = tuple(
        replace(one, confidence=0.62 if one.level == "L2" else 0.97, complete=one.level != "L4")
        for one in case.segmentation.findings
    )
    changed = replace(
        case,
        segmentation=replace(case.segmentation, findings=found),
        measurements=case.measurements[~case.measurements.level.isin(["L3", "L4"])],
    )
    lines = said(changed)
    assert "Level names are uncertain (L2 62%): check them on the overviews." in lines
    assert any(line.startswith("Cut by the field of view: L4.") for line in lines)
    assert "Not measured: L3." in lines


def test_an_uneven_ellipse_is_named(case):
    uneven = replace(case, measurements=case.measurements.assign(roi_sd_hu=[70.0, 12.0, 13.0, 11.0]))
    assert any(line.startswith("L1: the ellipse is uneven (SD 70 HU)") for line in said(uneven))
    assert not any("uneven" in line for line in said(case))


def test_nothing_measured_is_said_first(case):
    lines = said(replace(case, measurements=case.measurements[:0]))
    assert lines == ["No level from L1 to L4 was measured.", "Not measured: L1, L2, L3 and L4."]


def test_every_rule_has_words_and_none_rules_anything_out():
    table = json.loads((Path(conclusion_module.__file__).with_name("conclusion.json")).read_text())
    assert [entry["rule"] for entry in table["rules"]] == list(RULES)
    for entry in table["rules"]:
        assert not any(word in entry["text"].lower() for word in NEVER), entry["rule"]


def test_a_closed_level_is_not_compared_and_the_reason_is_said(with_hu):
    metal = Finding("metal", Severity.CLOSED, "Metal lies in the body.", DENSITY, ("L1",))
    result = with_hu(109.6, 150, 150, 150)
    lines = said(replace(result, quality=(metal,), measurements=gated(result.measurements, (metal,))))
    assert "Not reported: HU, vBMD, features and bone status of L1 (metal). Metal lies in the body." in lines
    assert "L1 is not compared with the reference lines (metal)." in lines
    assert not any("110 HU" in line for line in lines)


def test_a_scan_unlike_those_of_the_lines_is_for_orientation_only(with_hu):
    voltage = Finding("tube voltage", Severity.CAUTION, "80 kVp.", DENSITY)
    result = replace(with_hu(109.6, 150, 150, 150), quality=(voltage,))
    assert any("for orientation only here" in line and "tube voltage" in line for line in said(result))
    assert "To be read with caution (all levels): tube voltage." in said(result)
    plain = said(replace(result, quality=()))
    assert not any("orientation" in line or "caution" in line for line in plain)


def test_densitometry_is_named_where_a_line_is_reached(with_hu):
    assert any("densitometry" in line for line in said(with_hu(109.6, 150, 150, 150)))
    assert not any("densitometry" in line for line in said(with_hu(240, 240, 240, 240)))
