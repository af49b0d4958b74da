"""Backbones: parameters of each variant, where attention sits, and what pretrained weights are worth in them."""

from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from OsteoScreenLib.detection.backbones import LAST, STEM, backbone
from OsteoScreenLib.errors import ModelError
from OsteoScreenLib.safe_weights import read_weights

PARAMETERS = {
    "resnet10": {"none": 7_512_896, "se": 7_547_880, "sk": 7_788_840, "ds": 8_112_976},
    "resnet50": {"none": 26_852_416, "se": 27_382_088, "sk": 30_088_328, "ds": 33_730_320},
    "vgg16": {"none": 17_534_784, "se": 17_569_768, "sk": 17_810_728, "ds": 18_134_864},
    "mobilenet": {"none": 5_624_112, "se": 5_741_588, "sk": 6_327_204, "ds": 7_111_400},
}
"""With a pyramid of 256 channels. ResNet50's two SE modules are 8 * 129 + 72 + 128 * 4097 + 2176 = 529,672 of these."""


@pytest.mark.parametrize(("name", "attention"), [(name, kind) for name, kinds in PARAMETERS.items() for kind in kinds])
def test_parameters(name: str, attention: str) -> None:
    with torch.device("meta"):
        made = backbone(name, attention)
    assert sum(p.numel() for p in made.parameters()) == PARAMETERS[name][attention]


@pytest.mark.parametrize("name", ["resnet10", "vgg16", "mobilenet"])
def test_the_pyramid_has_strides_4_to_32_and_a_pooled_level(name: str) -> None:
    pyramid = backbone(name, "ds", pyramid_channels=16).eval()
    with torch.inference_mode():
        shapes = {key: tuple(level.shape) for key, level in pyramid(torch.zeros(1, 3, 64, 96)).items()}
    assert shapes == {
        "0": (1, 16, 16, 24), "1": (1, 16, 8, 12), "2": (1, 16, 4, 6), "3": (1, 16, 2, 3), "pool": (1, 16, 1, 2),
    }  # fmt: skip


def test_attention_sits_behind_the_stem_and_behind_the_last_stage() -> None:
    with torch.device("meta"):
        names = [key for key, _ in backbone("resnet50", "ds").body.named_children()]
    assert names == ["conv1", "bn1", "relu", "maxpool", STEM, "layer1", "layer2", "layer3", "layer4", LAST]


def _classifier() -> torch.nn.Module:
    torch.manual_seed(3)
    network = torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1]).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return network


@pytest.mark.parametrize("attention", ["none", "se", "sk", "ds"])
@pytest.mark.parametrize("form", ["safetensors", "pth"])
def test_pretrained_features_are_not_destroyed(attention: str, form: str, tmp_path: Path) -> None:
    classifier = _classifier()
    path = tmp_path / f"weights.{form}"
    if form == "pth":
        torch.save(classifier.state_dict(), path)
    else:
        save_file(classifier.state_dict(), path)
    made = backbone("resnet10", attention, weights=read_weights(path)).eval()
    image = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        stages = made.body(image)
        x = classifier.maxpool(classifier.relu(classifier.bn1(classifier.conv1(image))))
        for key, stage in zip(
            "0123", (classifier.layer1, classifier.layer2, classifier.layer3, classifier.layer4), strict=True
        ):
            x = stage(x)
            assert torch.allclose(stages[key], x, atol=1e-4)


def test_the_body_of_a_coco_detector_fits() -> None:
    torch.manual_seed(0)
    detector = torchvision.models.detection.fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None)
    made = backbone("resnet50", "ds", weights=detector.state_dict())
    assert torch.equal(made.body["layer4"][2].conv3.weight, detector.backbone.body["layer4"][2].conv3.weight)


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(ModelError, match="do not belong to resnet50"):
        backbone("resnet50", weights=_classifier().state_dict())
    with pytest.raises(ModelError, match="no backbone 'alexnet'"):
        backbone("alexnet")
    with pytest.raises(ModelError, match="no attention 'cbam'"):
        backbone("resnet10", "cbam")


def test_a_file_that_is_no_weights_is_refused(tmp_path: Path) -> None:
    for name in ("weights.safetensors", "weights.pth"):
        (tmp_path / name).write_bytes(b"not tensors")
        with pytest.raises(ModelError):
            read_weights(tmp_path / name)
        with pytest.raises(ModelError):
            read_weights(tmp_path / f"absent-{name}")
