"""Reference lines come from a file with their sources."""

import json

import pytest

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.measurement.cutoffs import Cutoff, load_cutoffs


def test_published_lines_name_their_level_and_source():
    published = load_cutoffs()
    assert {160.0, 110.0, 169.0, 104.0} == {cutoff.hu for cutoff in published}
    assert all(cutoff.level == "L1" and cutoff.source for cutoff in published)


def test_a_users_lines_replace_them(tmp_path):
    own = {"level": "L2", "hu": 120, "meaning": "our clinic's line", "source": "local audit"}
    file = tmp_path / "lines.json"
    file.write_text(json.dumps({"cutoffs": [own]}))
    assert load_cutoffs(file) == (Cutoff("L2", 120.0, "our clinic's line", "local audit"),)


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "[]",
        '{"cutoffs": [{"level": "L1"}]}',
        '{"cutoffs": [{"level": "X9", "hu": 1, "meaning": "", "source": "a"}]}',
        '{"cutoffs": [{"level": "L1", "hu": 1, "meaning": "", "source": " "}]}',
    ],
)
def test_anything_else_is_refused_in_one_line(tmp_path, text):
    file = tmp_path / "lines.json"
    file.write_text(text)
    with pytest.raises(InputError, match="reference lines") as refused:
        load_cutoffs(file)
    assert "\n" not in str(refused.value)
    with pytest.raises(InputError, match="Cannot read"):
        load_cutoffs(tmp_path / "absent.json")
