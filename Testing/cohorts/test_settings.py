"""A case's key changes with whatever settles its numbers, and with nothing else."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from OsteoScreenLib.cohorts.settings import Settings, described, key_of
from OsteoScreenLib.errors import InputError
from OsteoScreenLib.models import CARD, find


def key(settings: Settings, sha256: str = "0" * 64) -> str:
    return key_of(sha256, described(settings))


def test_the_key_is_of_input_and_settings() -> None:
    usual = Settings()
    others = [replace(usual, flips=True), replace(usual, ungated=True), replace(usual, scenes=True)]
    keys = {key(one) for one in (usual, *others)} | {key(usual, "1" * 64)}
    assert len(keys) == 5
    assert key(usual) == key(replace(usual, device="cpu"))


def test_files_count_by_what_they_hold(tmp_path: Path) -> None:
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    one.write_text('{"cutoffs": []}')
    shutil.copy(one, other)
    assert key(Settings(cutoffs=one)) == key(Settings(cutoffs=other)) != key(Settings())
    one.write_text('{"cutoffs": [ ]}')
    assert key(Settings(cutoffs=one)) != key(Settings(cutoffs=other))


def test_another_model_is_another_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = key(Settings())
    shutil.copytree(find("count"), tmp_path / "count")
    card = tmp_path / "count" / CARD
    text = card.read_text()
    sha256 = described(Settings())["models"]["count"]
    card.write_text(text.replace(sha256, "f" * 64))
    monkeypatch.setenv("OSTEOSCREEN_MODELS", str(tmp_path))
    assert key(Settings()) != before


def test_one_cases_label_map_is_no_engine_for_a_cohort() -> None:
    with pytest.raises(InputError, match="not one case's label map"):
        described(Settings(engine="labels.nii.gz"))
    with pytest.raises(InputError, match="cannot be read"):
        described(Settings(site=Path("none.json")))
