"""The report is one file a person can read anywhere, and says what it must."""

import re
import time
from dataclasses import replace

import pytest

from OsteoScreenLib import RESEARCH_USE
from OsteoScreenLib.errors import OutputError
from OsteoScreenLib.findings import EVERYTHING, Finding, Severity
from OsteoScreenLib.measurement.cutoffs import Cutoff, load_cutoffs
from OsteoScreenLib.measurement.gate import gated
from OsteoScreenLib.panel_columns import PANEL_COLUMNS
from OsteoScreenLib.report.measures import _DENSITY, _HEIGHTS, density_and_shape
from OsteoScreenLib.report.page import render, write_report


@pytest.fixture(scope="module")
def page(case, tmp_path_factory):
    file = tmp_path_factory.mktemp("report") / "report.html"
    start = time.process_time()
    write_report(case, file)
    assert time.process_time() - start < 8, "seconds of one core"
    assert list(file.parent.iterdir()) == [file]
    return file.read_text(encoding="utf-8")


def test_it_is_one_small_file_that_asks_for_nothing(page):
    assert len(page.encode()) < 3_000_000
    targets = re.findall(r'(?:src|href|url)\s*[=(]\s*["\']?([^"\')\s>]+)', page)
    assert len(targets) > 10
    assert all(target.startswith("data:") for target in targets)
    assert "<script" not in page
    assert "default-src 'none'" in page


def test_the_research_use_line_is_at_the_top_at_the_end_and_on_each_printed_page(page):
    assert page.count(RESEARCH_USE) == 3
    assert page.index(f">{RESEARCH_USE}<") < page.index("<table")


def test_findings_stand_before_tables_and_say_what_the_model_was_trained_on(page):
    findings = page[page.index('aria-label="Findings"') : page.index("<table")]
    assert "L1: 130 HU in the anterior ellipse; at or below 169 and 160 HU, above 110 and 104 HU." in findings
    assert "lumbar-test, trained on synthetic data only" in findings


def test_every_number_of_the_table_is_that_of_the_result(page, case):
    body = page[page.index("<tbody>") : page.index("</tbody>")]
    for row in case.measurements.itertuples():
        line = body[body.index(f"</span>{row.level}<") :]
        line = line[: line.index("</tr>")]
        assert f"<b>{row.roi_mean_hu:.0f}</b> ± {row.roi_sd_hu:.0f}" in line
        assert f">{row.trabecular_mean_hu:.0f} ± {row.trabecular_sd_hu:.0f}<" in line
        assert f">{row.body_volume_ml:.1f}<" in line
        assert ">97<" in line


def test_cautions_acquisition_and_provenance_are_there(page, case):
    for words in (
        *(one.text for one in case.quality),
        "A note of the engine.",
        "100 kVp",
        "a1" * 32,
        "c3" * 32,
        "lumbar-test 1.2.3",
        "Setting device",
    ):
        assert words in page


def test_words_from_the_input_are_not_markup(page):
    assert "a &amp; b &lt;i&gt;.nii" in page
    assert "<i>" not in page


def test_pictures_have_words_for_those_who_cannot_see_them(page):
    assert '<html lang="en">' in page
    assert len(re.findall(r'<svg class="picture"[^>]*role="img" aria-label="[^"]{20,}"', page)) == 2 + 2 * 4
    assert re.search(r'<img [^>]*alt="[^"]{20,}"', page)
    assert page.count('scope="row"') == 4


def test_a_clinics_own_lines_are_shown_with_their_source(case, tmp_path):
    write_report(case, tmp_path / "own.html", (Cutoff("L2", 133.0, "line of our clinic", "local audit"),))
    own = (tmp_path / "own.html").read_text(encoding="utf-8")
    assert "line of our clinic. local audit." in own
    assert "Pickhardt" not in own


def test_a_case_with_gaps_still_has_a_report(case, tmp_path):
    bare = replace(
        case,
        measurements=case.measurements[1:2].assign(roi_mean_hu=float("nan"), roi_sd_hu=float("nan")),
        rois={},
        volume=replace(case.volume, acquisition=None),
        segmentation=replace(case.segmentation, findings=(), models=(), notes=()),
        quality=(),
    )
    write_report(bare, tmp_path / "bare.html")
    text = (tmp_path / "bare.html").read_text(encoding="utf-8")
    assert "Not measured: L1, L3 and L4." in text
    assert not re.search(r"\bnan\b", text, re.IGNORECASE)


def test_a_closed_gate_stands_as_its_reason_in_every_table_and_panel(case):
    numbers = {name: 1.5 for table in (_DENSITY, _HEIGHTS) for one in table.values() for name in one.names}
    metal = Finding("metal", Severity.CLOSED, "Metal lies in the body.", EVERYTHING, ("L1",))
    words = {"genant_grade": 0.0, "genant_suggested": "grade 0"}
    table = gated(case.measurements.assign(**numbers | words), (metal,))
    closed = replace(case, measurements=table, quality=(metal,))
    for found in density_and_shape(closed):
        assert set(found.rows[0][1:]) == {"metal"}, found.title
        assert not {"metal", "–"} & set(found.rows[1][1:]), found.title
    texts = [[one.text(row, closed.quality) for one in PANEL_COLUMNS] for row in table.to_dict("records")]
    assert set(texts[0]) == {"metal"}
    assert "metal" not in texts[1]
    levels = render(closed, load_cutoffs()).split("<h2>Levels</h2>")[1].split("</tr>")[1]
    assert "nan" not in levels
    assert levels.count("metal") >= 9


def test_what_cannot_be_written_leaves_nothing_behind(case, tmp_path, monkeypatch):
    monkeypatch.setattr("OsteoScreenLib.report.page.render", lambda result, cutoffs: "a page")
    (tmp_path / "a file").write_text("mine")
    (tmp_path / "folder").mkdir()
    for place in (tmp_path / "a file" / "report.html", tmp_path / "folder"):
        with pytest.raises(OutputError):
            write_report(case, place)
    assert {entry.name for entry in tmp_path.iterdir()} == {"a file", "folder"}
    assert (tmp_path / "a file").read_text() == "mine"
