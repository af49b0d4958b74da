"""A department's own table: scanner offsets, a line to QCT and its own reference lines come out as they were put in."""

import numpy as np
import pandas as pd
import pytest

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.measurement.site import fit_site, load_site, site_calibration
from OsteoScreenLib.measurement.site_columns import apply_site
from OsteoScreenLib.volume import Acquisition, Volume


def cases(offsets=(0.0, 20.0), count=40, truth="qct_mg_cm3"):
    rng = np.random.default_rng(1)
    rows = []
    for name, offset in zip(("A", "B"), offsets, strict=True):
        for mg in rng.uniform(40, 200, count):
            value = mg if truth == "qct_mg_cm3" else (mg - 160) / 30
            hu = 1.4 * mg + 10 + offset + rng.normal(0, 2)
            rows.append({"level": "L1", "hu": hu, "manufacturer": "ACME", "model": name, "kvp": 120, truth: value})
    return pd.DataFrame(rows)


def written(table, tmp_path):
    path = tmp_path / "site.csv"
    table.to_csv(path, index=False)
    return path


def test_offsets_and_the_line_to_qct_come_out(tmp_path):
    site = fit_site(written(cases(), tmp_path), "clinic")
    first, second = site.scanners
    assert second.offset_hu - first.offset_hu == pytest.approx(20, abs=1.5)
    line = site_calibration(site, second)
    assert line.density(1.4 * 100 + 30) == pytest.approx(100, abs=2)
    assert line.error(170) == pytest.approx(2 / 1.4, abs=0.7)


def test_own_lines_come_from_dxa_after_the_offset(tmp_path):
    table = cases(truth="t_score")
    site = fit_site(written(table, tmp_path), "clinic")
    sensitive, specific = site.cutoffs
    true_hu = 1.4 * (160 - 2.5 * 30) + 10 + 10
    assert sensitive.hu == pytest.approx(true_hu, abs=20)
    assert specific.hu >= sensitive.hu - 20
    assert "clinic" in sensitive.source
    assert site_calibration(site, site.scanners[0]) is None


def test_a_scan_gets_the_columns_of_its_scanner(tmp_path):
    path = tmp_path / "site.json"
    site = fit_site(written(cases(), tmp_path), "clinic")
    path.write_text(site.model_dump_json())
    loaded, digest = load_site(path)
    assert loaded == site
    assert len(digest) == 64
    rows = pd.DataFrame({"level": ["L1"], "trabecular_mean_hu": [170.0], "roi_mean_hu": [160.0]})
    made = Acquisition(kvp=120.0, manufacturer="acme", model="B")
    ct = Volume(np.zeros((2, 2, 2), np.int16), np.eye(4), made)
    table, line, said = apply_site(rows, ct, None, loaded)
    assert table["roi_site_hu"][0] == pytest.approx(160 - site.scanners[1].offset_hu)
    assert "clinic" in line.method
    assert "clinic" in said[0].text
    other = Volume(ct.voxels, ct.ijk_to_ras, Acquisition(kvp=100.0, manufacturer="acme", model="B"))
    table, line, said = apply_site(rows, other, None, loaded)
    assert "roi_site_hu" not in table
    assert line is None
    assert "lacks this scanner" in said[0].text


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda t: t.drop(columns="qct_mg_cm3"), "neither"),
        (lambda t: t.drop(columns="model"), "no column 'model'"),
        (lambda t: t.assign(level="X1"), "X1"),
        (lambda t: t.head(3), "5 cases"),
        (lambda t: t.assign(hu="many"), "many"),
        (lambda t: t.assign(hu=-t["hu"]), "falls"),
        (lambda t: t.assign(qct_mg_cm3=100.0), "same"),
    ],
)
def test_a_table_that_cannot_be_fitted_is_refused_in_one_line(tmp_path, change, word):
    with pytest.raises(InputError, match=word) as refused:
        fit_site(written(change(cases()), tmp_path), "clinic")
    assert "\n" not in str(refused.value)


def test_another_file_is_no_site_table(tmp_path):
    path = tmp_path / "site.json"
    path.write_text("{}")
    with pytest.raises(InputError, match="no site table"):
        load_site(path)
    with pytest.raises(InputError, match="Cannot read"):
        load_site(tmp_path / "absent.json")
