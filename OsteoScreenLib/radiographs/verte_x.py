"""VERTE-X: EfficientNet-b4 that scores a lateral spine film (J Bone Miner Res 38(6):887, 2023) or VFA image (2025).

Age, sex and BMI come in behind it: `clinical`.
"""

import torch
from torch import nn
from torchvision.models import efficientnet_b4

HIDDEN = 100


class VerteX(nn.Module):
    """EfficientNet-b4 with three fully connected layers: image (n, 3, 1024, 512) in [0, 1] to logit (n,).

    17,548,616 parameters in the backbone and 189,501 in the head. Between the layers are ReLUs: three linear layers
    alone, as the authors' code reads, would be one. No block is left out by chance in training, of which the paper
    says nothing: with torchvision's 0.2 a network that began with random weights learned far slower.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = efficientnet_b4(stochastic_depth_prob=0.0).features
        channels = self.features[-1].out_channels
        self.head = nn.Sequential(
            nn.Linear(channels, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1)
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the logit of each image."""
        return self.head(self.features(image).mean((2, 3)))[:, 0]
