"""Pickles of others: tensors come out, code does not run."""

from pathlib import Path

import numpy as np
import pytest
import torch

from OsteoScreenLib.errors import ModelError
from OsteoScreenLib.safe_weights import load_pickle, read_weights


class Trap:
    """What a hostile file holds: its unpickling makes a folder."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.mkdir, (self.place,)


def test_tensors_and_a_training_curve_are_read(tmp_path: Path) -> None:
    torch.save({"weight": torch.ones(3), "curve": [np.float64(0.5), np.float32(0.25)]}, tmp_path / "good.pth")
    found = load_pickle(tmp_path / "good.pth")
    assert torch.equal(found["weight"], torch.ones(3))
    assert found["curve"] == [0.5, 0.25]


def test_code_in_a_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    torch.save({"weight": torch.ones(3), "trap": Trap(tmp_path / "sprung")}, tmp_path / "bad.pth")
    with pytest.raises(ModelError, match="more than tensors"):
        load_pickle(tmp_path / "bad.pth")
    assert not (tmp_path / "sprung").exists()


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.pth").write_bytes(b"")
    with pytest.raises(ModelError, match="damaged"):
        load_pickle(tmp_path / "bad.pth")
    with pytest.raises(ModelError, match="cannot be read"):
        load_pickle(tmp_path / "none.pth")


@pytest.mark.parametrize("held", [["ab", "cd"], {"epoch": 3}, {3: torch.ones(1)}, torch.ones(2, 2)])
def test_weights_are_tensors_by_name(tmp_path: Path, held: object) -> None:
    torch.save(held, tmp_path / "weights.pth")
    with pytest.raises(ModelError, match="not tensors by name"):
        read_weights(tmp_path / "weights.pth")


def test_a_length_that_no_memory_holds_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "load", lambda *_, **__: bytearray(2**62))
    with pytest.raises(ModelError, match="more memory than there is, or are damaged"):
        load_pickle(tmp_path / "large.pth")
