"""Settings of a training run: from a file, from the command line, and what neither may say."""

from pathlib import Path

import pytest

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.training.configuration import load_settings
from OsteoScreenLib.training.trainer import Settings


def test_the_file_says_and_the_command_line_wins(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("steps = 900\nrate = 0.001\nbatch = 4\n")
    assert load_settings(path, batch=1, seed=None) == Settings(steps=900, rate=0.001, batch=1)


def test_without_a_file_the_defaults_hold() -> None:
    assert load_settings(None) == Settings(steps=1500)


@pytest.mark.parametrize(
    ("text", "said"),
    [("steps = 'many'", "run.toml: steps"), ("stepps = 3", "run.toml: stepps"), ("steps = ", "cannot be read as TOML")],
)
def test_what_is_wrong_in_a_file_is_named(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        load_settings(path)
