"""Training of the detector, end to end on a few tiny slices."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from OsteoScreenLib.detection.dsnet import SMALL
from OsteoScreenLib.errors import InputError
from OsteoScreenLib.models import read_card
from OsteoScreenLib.training.detection import Choices, train
from OsteoScreenLib.training.slice_dataset import NewSlice, SliceImage, read_slices, write_slices
from OsteoScreenLib.training.trainer import BEST, CHECKPOINT, CURVE

TINY = {**SMALL, "pyramid_channels": 16, "hidden": 32, "size": 64, "anchors": [8, 12, 16, 24, 32]}
CHOICES = Choices(epochs=2, batch=4, workers=0)


@pytest.fixture(scope="module")
def slices(tmp_path_factory: pytest.TempPathFactory) -> list[SliceImage]:
    folder = tmp_path_factory.mktemp("slices") / "set"
    images = []
    for n in range(10):
        image = np.full((3, 64, 64), 0.2)
        image[:, 20:40, 16:46] = 0.4 + 0.2 * (n % 3)
        images.append(NewSlice(image, f"p{n}", [((16.0, 20.0, 30.0, 20.0), n % 3)]))
    write_slices(folder, {}, images)
    return read_slices(folder)


@pytest.mark.parametrize("soft_dice", [False, True])
def test_a_run_leaves_a_model_whose_card_says_what_it_saw(
    soft_dice: bool, slices: list[SliceImage], tmp_path: Path
) -> None:
    choices = replace(CHOICES, soft_dice=soft_dice)
    card = train(slices, tmp_path / "model", tmp_path / "run", choices, TINY, "Grey squares")
    assert read_card(tmp_path / "model") == card
    assert card.trained_on == "Grey squares (8 slices of 8 patients, 4 steps of 4, seed 0)"
    assert card.measured["held_out_patients"] == 2
    assert "not a T-score" in card.intended_use
    for name in (BEST, CHECKPOINT, CURVE):
        assert (tmp_path / "run" / name).is_file()
    with safe_open(tmp_path / "model" / "model.safetensors", framework="pt") as file:
        assert {file.get_slice(name).get_dtype() for name in file.keys()} <= {"F16", "I64"}  # noqa: SIM118


def test_slices_without_any_box_are_refused(slices: list[SliceImage], tmp_path: Path) -> None:
    bare = [replace(one, boxes=one.boxes[:0], labels=one.labels[:0]) for one in slices]
    with pytest.raises(InputError, match="has a box"):
        train(bare, tmp_path / "model", tmp_path / "run", CHOICES, TINY, "Nothing")
