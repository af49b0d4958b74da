"""Trabecular bone quality on DXA spine images: networks from transfer and four small ones (Gonzalez et al.)."""

from torch import nn
from torchvision import models

from OsteoScreenLib.errors import ModelError
from OsteoScreenLib.radiographs.prepare import TEXTURE_SIDE

DROPOUT = 0.4

AD_HOC: dict[int, tuple[tuple[int, ...], tuple[int, ...]]] = {
    1: ((8, 16, 32, 64, 128), (1000, 100, 1)),
    2: ((8, 16, 32), (500, 100, 1)),
    3: ((8, 16, 32), (100, 1)),
    4: ((8, 28, 36), (1000, 1)),
}
"""Models 1 to 4 of approach 3: filters of each block, neurons of each fully connected layer."""

TRANSFER: tuple[str, ...] = ("alexnet", "resnet18", "vgg16", "densenet121", "squeezenet1_0")
"""The networks of approach 1 (all is trained) and 2 (the head only)."""


def ad_hoc(n: int) -> nn.Sequential:
    """Return Model `n` (1 to 4): image (batch, 3, 224, 224) to logit (batch, 1); the paper's sigmoid is in the loss.

    Blocks of 3 x 3 convolution without padding, batch norm, ReLU and max-pooling by 2, then fully connected layers.
    """
    if n not in AD_HOC:
        raise ModelError(f"There is no Model {n}; the paper has 1 to 4.")
    blocks, dense = AD_HOC[n]
    layers: list[nn.Module] = []
    channels, side = 3, TEXTURE_SIDE
    for filters in blocks:
        layers += [nn.Conv2d(channels, filters, 3), nn.BatchNorm2d(filters), nn.ReLU(), nn.MaxPool2d(2)]
        channels, side = filters, (side - 2) // 2
    layers.append(nn.Flatten())
    wide = channels * side * side
    for neurons in dense:
        layers += [nn.Linear(wide, neurons), nn.ReLU()]
        wide = neurons
    return nn.Sequential(*layers[:-1])


def transfer(name: str, head_only: bool = False) -> nn.Module:
    """Return a network of `TRANSFER` with a new head for two classes: image (batch, 3, 224, 224) to (batch, 2).

    With `head_only` (approach 2) nothing else learns. Its weights are drawn at random until ImageNet's are loaded
    (`weights.load_imagenet`).
    """
    if name not in TRANSFER:
        raise ModelError(f"There is no network {name!r}; use one of: {', '.join(TRANSFER)}.")
    arguments = {"dropout": DROPOUT} if name in ("alexnet", "vgg16", "squeezenet1_0") else {}
    network = getattr(models, name)(**arguments)
    head = _new_head(network)
    if head_only:
        network.requires_grad_(False)
        head.requires_grad_(True)
    return network


def _new_head(network: nn.Module) -> nn.Module:
    """Put a layer for two classes in place of the last one, behind dropout, and return it."""
    if isinstance(network, models.ResNet):
        network.fc = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(network.fc.in_features, 2))
        return network.fc
    if isinstance(network, models.DenseNet):
        network.classifier = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(network.classifier.in_features, 2))
        return network.classifier
    if isinstance(network, models.SqueezeNet):
        network.classifier[1] = nn.Conv2d(512, 2, kernel_size=1)
        network.num_classes = 2
        return network.classifier[1]
    network.classifier[-1] = nn.Linear(network.classifier[-1].in_features, 2)
    return network.classifier[-1]
