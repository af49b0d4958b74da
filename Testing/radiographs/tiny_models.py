"""Models that have learned nothing, and a film, for tests of what is done with a model."""

from pathlib import Path

import numpy as np
from PIL import Image

from OsteoScreenLib.models import ModelCard, save_model
from OsteoScreenLib.radiographs.systems import SYSTEMS

CLINICAL = {
    "intercept": 0.0,
    "weights": {"logit": 1.0, "age": 1.0, "sex": 0.0, "bmi": 0.0},
    "means": {"logit": 0.0, "age": 60.0, "sex": 0.5, "bmi": 25.0},
    "spreads": {"logit": 1.0, "age": 10.0, "sex": 0.5, "bmi": 4.0},
}


def untrained(folder: Path, clinical: bool = False) -> ModelCard:
    """Save a small network of the bone texture system into a folder."""
    import torch

    torch.manual_seed(1)
    name, network, _ = SYSTEMS["bone-texture"].network("model-3")
    return save_model(
        folder, network.state_dict(), version="0", task="Nothing.", architecture=name, measured={}, sources=(),
        parameters={"system": "bone-texture", "threshold": 0.5, "clinical": CLINICAL if clinical else None},
        trained_on="Synthetic films (four of them).", intended_use="A test.", licence="Apache-2.0",
    )  # fmt: skip


def noisy_film(path: Path) -> Path:
    """Save a film of noise with a bright square."""
    pixels = np.random.default_rng(0).integers(0, 120, (90, 70), np.uint8)
    pixels[30:50, 20:40] += 120
    Image.fromarray(pixels).save(path)
    return path
