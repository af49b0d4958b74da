"""The three networks, their input and what their channels mean; built from a model card alone."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from OsteoScreenLib.errors import ModelError
from OsteoScreenLib.model_choice import in_use
from OsteoScreenLib.models import ModelCard, find, load_folder, read_card
from OsteoScreenLib.result import ModelUse

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

SURVEY_SPACING = 12.0
"""Voxel size in mm of the whole-image pass that finds the spine and roughly tells its height."""

SURVEY_FIELD = (32, 32, 48)
"""Voxels (i, j, k) that it is trained on, and the least it is given: 384 x 384 x 576 mm."""

SURVEY_CHANNELS = 2
"""Two maps: closeness to the spine's centre line (1 on it, 0 far from it) and height, roughly.

The height says of every voxel, bone or not, how many levels below the centre of L1 it lies, divided by `HEIGHT_SCALE`.
"""

CORRIDOR_SPACING = 6.0
"""Voxel size in mm of the corridor along the spine in which levels are counted."""

CORRIDOR_SIZE = (32, 24)
"""Voxels (i, j) of its slices, each with the centre line in the middle: 192 x 144 mm, as wide as the sacrum's wings."""

CORRIDOR_LENGTH = 96
"""Slices that the counting network is trained on, and the least it is given: 576 mm."""

HEIGHT_SCALE = 4.0

SPINE_SIGMA = 12.0
"""SD in mm of the Gaussian around the centre line."""

COUNTED = (*(f"T{i}" for i in range(5, 13)), *(f"L{i}" for i in range(1, 6)), "S1")
"""The levels, from head to foot, that its channels stand for; the first and the last take what lies beyond them."""

FINE_SPACING = 1.0
"""Voxel size in mm of the crops around one vertebra."""

FINE_SIZE = (72, 64, 56)
"""Voxels (i, j, k) of such a crop: wider, deeper and higher than any lumbar body, and tiled by ST-UNet's windows."""

BEYOND_HU = -100.0
"""What such a crop holds beyond the image: fat. Next to air a body got a false part between itself and the edge."""

FINE_CHANNELS = 3
"""Background, cortical shell and trabecular compartment of the vertebra in the crop's centre."""


def normalise(hu: np.ndarray) -> np.ndarray:
    """Return HU as network input: clipped to [-400, 1000] and divided by 400."""
    return np.clip(hu, -400.0, 1000.0).astype(np.float32) / 400.0


def build(architecture: str, parameters: dict[str, Any]) -> "Module":
    """Return an untrained network by the name and arguments that a model card states.

    ``BasicUNet`` is MONAI's 3D U-Net with instance normalisation (Falk et al. 2019), ``STUNet`` ours (`st_unet`).
    Raises `ModelError` for others.
    """
    if architecture == "STUNet":
        from OsteoScreenLib.segmentation.st_unet import STUNet

        return STUNet(**parameters)
    if architecture == "BasicUNet":
        from monai.networks.nets import BasicUNet

        return BasicUNet(spatial_dims=3, in_channels=1, **parameters)
    raise ModelError(f"This version does not know the architecture {architecture!r}; update OsteoScreen.")


def load_network(name: str) -> "tuple[ModelUse, Module]":
    """Return a shipped model by name, or the one that the user has chosen for it, and what a result says of it.

    A process that works on many cases gets the same network again. Raises as `models.load_weights`.
    """
    folder = find(in_use(name))
    return _loaded(folder, read_card(folder).sha256)


@lru_cache(maxsize=8)
def _loaded(folder: Path, sha256: str) -> "tuple[ModelUse, Module]":
    """Return the network whose card states this hash; another hash is another network."""
    card, weights = load_folder(folder)
    return ModelUse.of(card), trained(card, weights).eval()


def trained(card: ModelCard, weights: "dict[str, Tensor]") -> "Module":
    """Return the network of a card with its weights in single precision.

    Tables of whole numbers, such as the places in a window, are the network's own: half precision rounds them.
    """
    network = build(card.architecture, card.parameters)
    own = network.state_dict()
    whole = {key for key, tensor in own.items() if not tensor.is_floating_point()}
    network.load_state_dict({key: own[key] if key in whole else tensor.float() for key, tensor in weights.items()})
    return network
