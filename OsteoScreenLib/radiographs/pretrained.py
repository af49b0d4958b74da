"""Weights to start from: ImageNet's from torchvision, fetched only when asked for, a file's, or another model's."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from OsteoScreenLib.errors import ModelError
from OsteoScreenLib.models import load_folder
from OsteoScreenLib.safe_weights import read_weights

if TYPE_CHECKING:
    from torch import Tensor, nn

IMAGENET = "imagenet"

_SOURCES = {
    "alexnet": "AlexNet_Weights",
    "resnet18": "ResNet18_Weights",
    "vgg16": "VGG16_Weights",
    "densenet121": "DenseNet121_Weights",
    "squeezenet1_0": "SqueezeNet1_0_Weights",
    "efficientnet-b4": "EfficientNet_B4_Weights",
    "resnet50-gru": "ResNet50_Weights",
}
"""torchvision's name for the ImageNet weights of each of our networks, of which the first version is taken."""

_HEADS = ("fc.", "classifier.", "head.", "gru.")
"""What no classifier of a thousand things can fill."""

_TRUNK = {"conv1": "features.0", "bn1": "features.1", **{f"layer{n}": f"features.{n + 3}" for n in range(1, 5)}}
"""Where `ResNet50GRU` keeps the layers of a ResNet."""

_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\.")
"""Names that torchvision's file for DenseNet has kept from a former version."""


@dataclass(frozen=True, eq=False)
class Start:
    """Tensors by name that a network starts from, and where they are from, in words."""

    weights: "dict[str, Tensor]"
    source: str


def find_start(wanted: str, network: str, say: Callable[[str], None]) -> Start:
    """Return what a network starts from: ``imagenet``, a safetensors or PyTorch file, or a model's folder.

    ImageNet's weights are fetched from torchvision unless they are in its cache; `say` tells name, size and source
    before. Raises `ModelError` where that cannot be, or where the paper's network has no such weights.
    """
    if wanted == IMAGENET:
        return Start(_imagenet(network, say), "ImageNet's weights (torchvision)")
    path = Path(wanted)
    if path.is_dir():
        card, weights = load_folder(path)
        return Start(weights, f"{card.name} {card.version} ({card.sha256[:12]})")
    return Start(read_weights(path), path.name)


def begin_with(network: "nn.Module", start: Start) -> None:
    """Fill a network, as far as its new head, with the weights it is to start from; a head that fits is filled, too.

    Raises `ModelError` where they belong to another network.
    """
    own = network.state_dict()
    known = {}
    for key, tensor in start.weights.items():
        key = _OLD_DENSENET.sub(r"\1\2.", key)
        layer, _, rest = key.partition(".")
        moved = f"{_TRUNK[layer]}.{rest}" if layer in _TRUNK and "features.0.weight" in own else key
        known[moved] = tensor
    fitting = {key: known[key] for key in own if key in known and known[key].shape == own[key].shape}
    needed = [key for key in own if not key.startswith(_HEADS) and not key.endswith("num_batches_tracked")]
    missing = [key for key in needed if key not in fitting]
    if missing:
        raise ModelError(
            f"The weights of {start.source} belong to another network: {len(missing)} of {len(needed)} tensors are "
            f"missing or of another shape, such as {missing[0]}."
        )
    network.load_state_dict(fitting, strict=False)


def _imagenet(network: str, say: Callable[[str], None]) -> "dict[str, Tensor]":
    """Return torchvision's ImageNet weights of one of our networks, fetched if need be."""
    from urllib.error import URLError

    import torch
    from torchvision import models

    name = network.removesuffix("-head").removesuffix("-frozen")
    if name not in _SOURCES:
        raise ModelError(f"{network} is the paper's own network, for which there are no ImageNet weights.")
    source = getattr(models, _SOURCES[name]).IMAGENET1K_V1
    path = Path(torch.hub.get_dir()) / "checkpoints" / source.url.rsplit("/", 1)[1]
    if not path.exists():
        size = f"{source.meta['_file_size']:.0f} MB"
        say(f"Fetching {path.name} ({size}), ImageNet's weights from torchvision: {source.url}")
        path.parent.mkdir(parents=True, exist_ok=True)
        digest = re.search(r"-([0-9a-f]{8,})\.", path.name)
        try:
            torch.hub.download_url_to_file(source.url, str(path), digest and digest[1], progress=False)
        except (URLError, OSError, RuntimeError) as error:
            raise ModelError(
                f"ImageNet's weights could not be fetched ({error}): fetch {source.url} ({size}) on a machine that "
                f"can, and put it at {path}, or name the file with --weights."
            ) from error
    return read_weights(path)
