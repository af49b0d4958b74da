"""The position for age: the published figures, and silence with a reason where they do not apply."""

import pytest

from OsteoScreenLib.findings import DENSITY, Finding, Severity
from OsteoScreenLib.measurement.norms import age_in_years, load_norm, norm_findings
from OsteoScreenLib.volume import Acquisition

MADE = Acquisition(kvp=120.0, contrast_agent="", patient_age="060Y")


def said(made: Acquisition = MADE, findings: tuple[Finding, ...] = (), hu: float = 118.0) -> str:
    (one,) = norm_findings({"L1": hu, "L2": 300.0}, made, findings)
    assert (one.severity, one.measures, one.levels) == (Severity.NOTE, (), ("L1",))
    return one.text


def test_the_ends_are_those_of_the_publication() -> None:
    norm = load_norm()
    assert norm.at(20) == norm.at(30) == (226.0, 44.0)
    assert norm.at(95) == (89.0, 38.0)


def test_between_the_ends_it_stays_near_the_published_decline() -> None:
    norm = load_norm()
    for age in range(30, 91):
        from_the_young, from_the_old = 226 - 2.5 * (age - 30), 89 + 2.5 * (90 - age)
        assert abs(norm.at(age)[0] - from_the_young) <= 14
        assert abs(norm.at(age)[0] - from_the_old) <= 14


def test_a_position_is_given_in_sd_of_its_age_with_its_source() -> None:
    assert "118 HU is about 1.0 SD below the mean of adults of 60 years (158 ± 41 HU" in said()
    assert "Jang" in said()
    assert "No Z-score" in said()


@pytest.mark.parametrize(
    ("made", "findings", "reason"),
    [
        (Acquisition(kvp=120.0), (), "age is not known"),
        (Acquisition(kvp=120.0, patient_age="012Y"), (), "for adults"),
        (Acquisition(kvp=100.0, patient_age="060Y"), (), "120 kVp"),
        (Acquisition(patient_age="060Y"), (), "120 kVp"),
        (MADE, (Finding("contrast agent", Severity.CAUTION, "Contrast agent.", DENSITY),), "contrast agent"),
        (MADE, (Finding("contrast agent", Severity.NOTE, "Unknown.", DENSITY),), "contrast agent"),
        (MADE, (Finding("metal", Severity.CLOSED, "Metal.", DENSITY, ("L1",)),), "metal"),
    ],
)
def test_it_is_not_given_where_it_does_not_apply(made: Acquisition, findings: tuple[Finding, ...], reason: str) -> None:
    assert "No position for age is given" in said(made, findings)
    assert reason in said(made, findings)


def test_nothing_measured_nothing_said() -> None:
    assert norm_findings({"L2": 100.0}, MADE, ()) == ()


def test_ages_are_read_as_dicom_writes_them() -> None:
    assert [age_in_years(text) for text in ("049Y", "018M", "", None, "49")] == [49.0, 1.5, None, None, None]
