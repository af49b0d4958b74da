"""The networks are the published ones: parameter counts, shapes, what learns."""

import pytest
import torch

from OsteoScreenLib.errors import ModelError
from OsteoScreenLib.radiographs import bone_texture
from OsteoScreenLib.radiographs.knee import ResNet50GRU
from OsteoScreenLib.radiographs.verte_x import VerteX


def count(network: torch.nn.Module, learning: bool = False) -> int:
    return sum(p.numel() for p in network.parameters() if p.requires_grad or not learning)


@pytest.mark.parametrize(("n", "parameters"), [(1, 3_400_081), (2, 10_872_845), (3, 2_169_545), (4, 24_349_521)])
def test_models_1_to_4_have_the_printed_number_of_parameters(n: int, parameters: int) -> None:
    network = bone_texture.ad_hoc(n).eval()
    assert count(network) == parameters
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 224, 224)).shape == (1, 1)


@pytest.mark.parametrize(
    ("name", "parameters", "head"),
    [
        ("alexnet", 57_012_034, 8_194),
        ("resnet18", 11_177_538, 1_026),
        ("vgg16", 134_268_738, 8_194),
        ("densenet121", 6_955_906, 2_050),
        ("squeezenet1_0", 736_450, 1_026),
    ],
)
def test_transfer_learns_everything_or_the_head_alone(name: str, parameters: int, head: int) -> None:
    with torch.device("meta"):
        whole, tip = bone_texture.transfer(name), bone_texture.transfer(name, head_only=True)
    assert count(whole, learning=True) == count(whole) == count(tip) == parameters
    assert count(tip, learning=True) == head


def test_a_transfer_network_tells_two_classes() -> None:
    with torch.inference_mode():
        assert bone_texture.transfer("squeezenet1_0").eval()(torch.zeros(2, 3, 224, 224)).shape == (2, 2)


def test_unknown_networks_are_named() -> None:
    with pytest.raises(ModelError, match="alexnet, resnet18"):
        bone_texture.transfer("resnet19")
    with pytest.raises(ModelError, match="1 to 4"):
        bone_texture.ad_hoc(5)


def test_verte_x_is_an_efficientnet_b4_with_three_layers() -> None:
    network = VerteX().eval()
    assert count(network.features) == 17_548_616
    assert count(network.head) == 189_501
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 128, 64)).shape == (1,)


def test_the_knee_network_reads_49_steps_and_may_freeze_its_base() -> None:
    network = ResNet50GRU(freeze_base=True).eval()
    assert count(network) == 24_344_642
    assert count(network, learning=True) == 836_352 + 258
    with torch.inference_mode():
        assert network.features(torch.zeros(1, 3, 224, 224)).shape == (1, 2048, 7, 7)
        assert network(torch.zeros(1, 3, 224, 224)).shape == (1, 2)
