"""The two networks, their input and what their channels mean; built from a model card alone."""

from typing import TYPE_CHECKING, Any

import numpy as np

from OsteoScreenLib.errors import ModelError

if TYPE_CHECKING:
    from torch.nn import Module

COARSE_SPACING = 6.0
"""Voxel size in mm of the whole-image pass that finds bodies and their levels."""

COARSE_FIELD = 48
"""Edge in voxels of the square axial field around the spine that the network looks at: 288 mm."""

COARSE_LEVELS: tuple[str, ...] = ("above T11", "T11", "T12", "L1", "L2", "L3", "L4", "L5", "S1")
"""Channels 1 to 9 of the coarse network; channel 0 is background.

Two more follow: the heatmap of body centres and the height, which says of every voxel, bone or not, how many levels
below the centre of L1 it lies, divided by `HEIGHT_SCALE`.
"""

COARSE_CHANNELS = len(COARSE_LEVELS) + 3

HEIGHT_SCALE = 4.0

CENTRE_SIGMA = 7.0
"""SD in mm of the Gaussian that marks a body's centre in the heatmap."""

FINE_SPACING = 1.5
"""Voxel size in mm of the crops around one vertebra."""

FINE_SIZE = 48
"""Edge of such a crop in voxels: 72 mm, wider than any lumbar body."""

FINE_CHANNELS = 3
"""Background, cortical shell and trabecular compartment of the vertebra in the crop's centre."""


def normalise(hu: np.ndarray) -> np.ndarray:
    """Return HU as network input: clipped to [-400, 1000] and divided by 400."""
    return np.clip(hu, -400.0, 1000.0).astype(np.float32) / 400.0


def build(architecture: str, parameters: dict[str, Any]) -> "Module":
    """Return an untrained network by the name and arguments that a model card states.

    ``BasicUNet`` is MONAI's 3D U-Net with instance normalisation (Falk et al. 2019); raises `ModelError` for others.
    """
    if architecture != "BasicUNet":
        raise ModelError(f"This version does not know the architecture {architecture!r}; update OsteoScreen.")
    from monai.networks.nets import BasicUNet

    return BasicUNet(spatial_dims=3, in_channels=1, **parameters)
