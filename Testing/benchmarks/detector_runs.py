"""Detectors trained and judged in one run, all on the same phantoms."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from OsteoScreenLib.bone_status import NAMES
from OsteoScreenLib.evaluation.boxes import BoxFigures, LabelledBoxes, compare_boxes
from OsteoScreenLib.training.detection import Choices, predictions, train
from OsteoScreenLib.training.phantom_slices import write_phantom_slices
from OsteoScreenLib.training.slice_dataset import SliceImage, read_slices

TRAINING_SEED, TEST_SEED = 1, 202


@dataclass(frozen=True, eq=False)
class Run:
    """A detector's parameters, what it found on the test slices, and processor seconds for each of them."""

    parameters: int
    found: list[LabelledBoxes]
    truth: list[LabelledBoxes]
    seconds: float

    @property
    def figures(self) -> BoxFigures:
        """How all that was found agrees with the truth."""
        return compare_boxes(self.found, self.truth, len(NAMES))

    def on(self, chosen: np.ndarray) -> BoxFigures:
        """Return the figures on some slices, which may be taken more than once."""
        return compare_boxes([self.found[n] for n in chosen], [self.truth[n] for n in chosen], len(NAMES))


def phantom_slices(folder: Path, patients: int, seed: int) -> list[SliceImage]:
    """Return the slices of invented patients, drawn into `folder` unless they are there."""
    if not folder.exists():
        write_phantom_slices(folder, patients, seed)
    return read_slices(folder)


def trained(slices: Sequence[SliceImage], test: Sequence[SliceImage], architecture: dict[str, Any], epochs: int) -> Run:
    """Train a detector from scratch and let it look at test slices."""
    with TemporaryDirectory() as folder:
        place = Path(folder)
        train(slices, place / "model", place / "run", Choices(epochs=epochs, readings=2), architecture, "Phantoms")
        return looked(architecture, place / "model" / "model.safetensors", test)


def looked(architecture: dict[str, Any], weights: Path, test: Sequence[SliceImage]) -> Run:
    """Let the detector in a file look at test slices."""
    from safetensors.torch import load_file

    from OsteoScreenLib.detection.dsnet import build

    network = build(**architecture)
    network.load_state_dict({name: t.float() if t.is_floating_point() else t for name, t in load_file(weights).items()})
    predictions(network, test[:2], "cpu")
    started = time.process_time()
    found, truth = predictions(network, test, "cpu")
    seconds = (time.process_time() - started) / len(test)
    return Run(sum(p.numel() for p in network.parameters()), found, truth, seconds)
