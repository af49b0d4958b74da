"""Backbones with channel attention at two places, and a feature pyramid on top."""

from collections import OrderedDict
from dataclasses import dataclass

import torchvision
from torch import Tensor, nn
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.ops import FrozenBatchNorm2d
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from OsteoScreenLib.detection.attention import MODULES
from OsteoScreenLib.errors import ModelError

ATTENTION: tuple[str, ...] = ("none", *MODULES)

STEM, LAST = "stem_attention", "last_attention"
"""Names of the two attention modules: behind the stem and behind the last stage."""


@dataclass(frozen=True)
class _Trunk:
    """A classifier's layers under their own names, and after which of them something is put in or taken out.

    `stem` and `last` are (layer, channels) behind which attention goes; `taken` the layers, with their channels, that
    feed the pyramid.
    """

    layers: nn.Module
    stem: tuple[str, int]
    last: tuple[str, int]
    taken: dict[str, int]


def _resnet(block: type[nn.Module], depths: list[int], norm: type[nn.Module]) -> _Trunk:
    network = torchvision.models.ResNet(block, depths, norm_layer=norm)
    del network.avgpool, network.fc
    wide = 64 * block.expansion
    taken = {f"layer{n}": wide * 2 ** (n - 1) for n in range(1, 5)}
    return _Trunk(network, ("maxpool", 64), ("layer4", 8 * wide), taken)


def _vgg16(norm: type[nn.Module]) -> _Trunk:
    layers = torchvision.models.vgg16().features
    return _Trunk(layers, ("4", 64), ("30", 512), {"15": 256, "22": 512, "29": 512, "30": 512})


def _mobilenet(norm: type[nn.Module]) -> _Trunk:
    layers = torchvision.models.mobilenet_v3_large(norm_layer=norm).features
    return _Trunk(layers, ("0", 16), ("16", 960), {"3": 24, "6": 40, "12": 112, "16": 960})


TRUNKS = {
    "resnet10": lambda norm: _resnet(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1], norm),
    "resnet50": lambda norm: _resnet(torchvision.models.resnet.Bottleneck, [3, 4, 6, 3], norm),
    "vgg16": _vgg16,
    "mobilenet": _mobilenet,
}
"""ResNet50, VGG16 and MobileNet (V3 large) as in the paper, and a ResNet of ten layers for small images."""


def backbone(
    name: str, attention: str = "ds", pyramid_channels: int = 256, weights: "dict[str, Tensor] | None" = None
) -> BackboneWithFPN:
    """Return a backbone with a feature pyramid of four stages (strides 4 to 32) and one pooled level.

    `attention` is put behind the stem (ResNet's and VGG's first max-pool, MobileNet's first convolution) and behind the
    last stage, as in Xue et al. 2022. `weights` are ImageNet weights of a classifier or COCO weights of a detector, by
    name (`safe_weights.read_weights`); batch norms keep their statistics then. An attention module starts as the
    identity: what the weights had learned to see is what the pyramid gets. Raises `ModelError` for an unknown name, or
    weights that do not fit.
    """
    if name not in TRUNKS:
        raise ModelError(f"There is no backbone {name!r}; use one of: {', '.join(TRUNKS)}.")
    if attention not in ATTENTION:
        raise ModelError(f"There is no attention {attention!r}; use one of: {', '.join(ATTENTION)}.")
    trunk = TRUNKS[name](FrozenBatchNorm2d if weights else nn.BatchNorm2d)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for key, layer in trunk.layers.named_children():
        layers[key] = layer
        for place, (behind, channels) in ((STEM, trunk.stem), (LAST, trunk.last)):
            if key == behind and attention != "none":
                layers[place] = MODULES[attention](channels)
    taken = [LAST if key == trunk.last[0] and attention != "none" else key for key in trunk.taken]
    body = nn.Sequential(layers)
    if weights:
        _load(body, weights, name)
    return BackboneWithFPN(
        body,
        {key: str(n) for n, key in enumerate(taken)},
        list(trunk.taken.values()),
        pyramid_channels,
        extra_blocks=LastLevelMaxPool(),
    )


def _load(body: nn.Sequential, weights: "dict[str, Tensor]", name: str) -> None:
    """Fill a body with the weights of a classifier (``layer1...``, ``features.0...``) or a detector (``backbone.``)."""
    known = {}
    for key, tensor in weights.items():
        for prefix in ("backbone.body.", "features."):
            key = key.removeprefix(prefix)
        known[key] = tensor
    wanted = {key: tensor for key, tensor in body.state_dict().items() if key.split(".")[0] not in (STEM, LAST)}
    fitting = {key: known[key] for key in wanted if key in known and known[key].shape == wanted[key].shape}
    missing = [key for key in wanted if key not in fitting and not key.endswith("num_batches_tracked")]
    if missing:
        raise ModelError(
            f"The weights do not belong to {name}: {len(missing)} tensors are missing, such as {missing[0]}."
        )
    body.load_state_dict(fitting, strict=False)
