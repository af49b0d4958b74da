"""Knee radiographs: ResNet50 whose feature map is read as a sequence by a GRU (Athira and Mohan Kumar 2024)."""

import torch
from torch import nn
from torchvision.models import resnet50

STEPS, UNITS = 49, 128
"""The 7 x 7 places of the feature map, row by row, and the GRU's size; the paper names neither."""


class ResNet50GRU(nn.Module):
    """Image (n, 3, 224, 224) in [0, 1] to logits (n, 2) of normal and osteoporosis.

    24,344,642 parameters: 23,508,032 in the ResNet50, 836,352 in the GRU, 258 in the last layer. The paper prints
    24,297,095, which no natural head makes up. With `freeze_base` the ResNet50 does not learn.
    """

    def __init__(self, freeze_base: bool = False) -> None:
        super().__init__()
        trunk = resnet50()
        channels = trunk.fc.in_features
        self.features = nn.Sequential(*list(trunk.children())[:-2])
        self.features.requires_grad_(not freeze_base)
        self.gru = nn.GRU(channels, UNITS, batch_first=True)
        self.head = nn.Linear(UNITS, 2)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the logits of each image."""
        sequence = self.features(image).flatten(2).transpose(1, 2)
        _, last = self.gru(sequence)
        return self.head(last[-1])
