"""Channel attention: dual-selective (DS), selective-kernel (SK) and squeeze-and-excitation (SE) modules.

Each returns ``x + scale * attended(x)`` with a scale per channel that starts at zero. A new module is therefore the
identity, so that it can be put into a backbone with pretrained weights and does not change a single feature before
training has opened it. The input is (n, channels, rows, columns), and so is the output.
"""

import torch
from torch import Tensor, nn

REDUCTION = 16
"""Channels over hidden units of the fully connected layers that weigh channels (Hu et al. 2018)."""

GROUPED_FROM = 512
"""Channels from which the convolutions of DS and SK are grouped by `GROUPS`.

Dense ones would cost 180 million parameters at 2048 channels; grouped they cost 5.6 million.
"""

GROUPS = 32


class _Opened(nn.Module):
    """What all three share: the residual path and its scale, closed at the start."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(channels))

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the shape that came in."""
        return features + self.scale[:, None, None] * self.attended(features)

    def attended(self, features: Tensor) -> Tensor:
        """Return the features as the module weighs them, of the same shape."""
        raise NotImplementedError


class DS(_Opened):
    """Dual-selective attention (Xue et al. 2022): two receptive fields, each weighed by itself, then added.

    With U3 and U5 the 3x3 and 5x5 convolutions of x (batch norm, ReLU), D a 3x3 convolution of dilation 2, and
    w(U) = sigmoid(B relu(A mean(U))) over rows and columns: ``attended = D(w3(U3) U3 + w5(U5) U5)``. SK adds U3 and U5
    before it weighs them; DS weighs each and adds afterwards. The paper is silent on gate, reduction and groups:
    sigmoid, 16, and `groups_of`.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.branches = nn.ModuleList(_convolved(channels, size) for size in (3, 5))
        self.weights = nn.ModuleList(_squeeze(channels, channels, nn.Sigmoid()) for _ in self.branches)
        self.dilated = nn.Conv2d(channels, channels, 3, padding=2, dilation=2, groups=groups_of(channels), bias=False)

    def attended(self, features: Tensor) -> Tensor:
        """Return ``D(w3(U3) U3 + w5(U5) U5)``."""
        seen = [branch(features) for branch in self.branches]
        return self.dilated(sum(weigh(one) * one for weigh, one in zip(self.weights, seen, strict=True)))


class SK(_Opened):
    """Selective-kernel attention (Li et al. 2019): two receptive fields that compete for each channel.

    ``attended = a U3 + (1 - a) U5`` with (a, 1 - a) the softmax over the branches of B relu(A mean(U3 + U5)); the 5x5
    field is a 3x3 convolution of dilation 2, as in that paper.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.branches = nn.ModuleList(_convolved(channels, 3, dilation) for dilation in (1, 2))
        self.choice = _squeeze(channels, 2 * channels, nn.Unflatten(1, (2, channels)), nn.Softmax(dim=1))

    def attended(self, features: Tensor) -> Tensor:
        """Return ``a U3 + (1 - a) U5``."""
        narrow, wide = (branch(features) for branch in self.branches)
        share = self.choice(narrow + wide)
        return share[:, 0] * narrow + share[:, 1] * wide


class SE(_Opened):
    """Squeeze-and-excitation (Hu et al. 2018): ``attended = sigmoid(B relu(A mean(x))) x``."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.weights = _squeeze(channels, channels, nn.Sigmoid())

    def attended(self, features: Tensor) -> Tensor:
        """Return the features times a weight per channel."""
        return self.weights(features) * features


MODULES: dict[str, type[_Opened]] = {"ds": DS, "sk": SK, "se": SE}
"""What can be put into a backbone, by name; ``"none"`` is the backbone alone."""


def groups_of(channels: int) -> int:
    """Return the number of groups of a module's convolutions: 1 below `GROUPED_FROM` channels, else `GROUPS`."""
    return GROUPS if channels >= GROUPED_FROM else 1


def _convolved(channels: int, size: int, dilation: int = 1) -> nn.Sequential:
    padding = dilation * (size // 2)
    groups = groups_of(channels)
    return nn.Sequential(
        nn.Conv2d(channels, channels, size, padding=padding, dilation=dilation, groups=groups, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )


def _squeeze(channels: int, weights: int, *gate: nn.Module) -> nn.Sequential:
    """Return mean over rows and columns, two fully connected layers (as 1x1 convolutions), and a gate."""
    hidden = max(8, channels // REDUCTION)
    return nn.Sequential(
        nn.AdaptiveAvgPool2d(1),
        nn.Conv2d(channels, hidden, 1),
        nn.ReLU(inplace=True),
        nn.Conv2d(hidden, weights, 1),
        *gate,
    )
