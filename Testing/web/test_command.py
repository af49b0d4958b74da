"""`osteoscreen view` refuses in one line what it cannot do, before it opens anything."""

from pathlib import Path

import pytest

from OsteoScreenLib.cli import main


def test_without_the_packages_of_the_page_the_person_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("OsteoScreenLib.cli.view.find_spec", lambda name: None)
    assert main(["view", "--no-browser"]) == 2
    assert "pip install 'osteoscreen[viewer]'" in capsys.readouterr().err


def test_a_ct_that_is_not_there_is_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("trame_slicer", reason="the page is not installed: pip install 'osteoscreen[viewer]'")
    assert main(["view", str(tmp_path / "nowhere.nii"), "--no-browser"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
