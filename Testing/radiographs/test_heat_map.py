"""The heat lies where the evidence is, for whatever network, and is nowhere where there is none."""

import numpy as np
import pytest
import torch
from torch import nn

from OsteoScreenLib.radiographs.heat_map import heat_map, last_map
from OsteoScreenLib.radiographs.systems import SYSTEMS


@pytest.fixture
def grain_finder() -> nn.Sequential:
    """A network whose logit is the mean strength of edges: what is grainy speaks for the ill class."""
    convolution = nn.Conv2d(3, 2, 3, bias=False)
    edge = torch.tensor([[0.0, -1, 0], [-1, 4, -1], [0, -1, 0]]) / 3
    convolution.weight.data = torch.stack([edge, -edge])[:, None].repeat(1, 3, 1, 1)
    head = nn.Linear(2 * 31 * 31, 1)
    nn.init.constant_(head.weight, 1 / 31**2)
    return nn.Sequential(convolution, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), head).eval()


def image(corner: tuple[slice, slice] | None) -> torch.Tensor:
    """Return a flat picture with grain in one corner."""
    picture = np.full((64, 64), 0.5, np.float32)
    if corner:
        picture[corner] += np.random.default_rng(0).normal(0, 0.1, (32, 32))
    return torch.from_numpy(picture)[None, None].expand(1, 3, -1, -1)


@pytest.mark.parametrize("corner", [(slice(0, 32), slice(0, 32)), (slice(0, 32), slice(32, 64))])
def test_the_heat_lies_in_the_corner_that_holds_the_evidence(
    grain_finder: nn.Sequential, corner: tuple[slice, slice]
) -> None:
    heat = heat_map(grain_finder, image(corner))
    assert heat.shape == (64, 64)
    assert heat.dtype == np.float32
    assert heat.min() == 0
    assert heat.max() == pytest.approx(1)
    assert heat[corner].sum() > 0.95 * heat.sum()


def test_without_evidence_there_is_no_heat(grain_finder: nn.Sequential) -> None:
    assert not heat_map(grain_finder, image(None)).any()
    grain_finder[-1].weight.data *= -1
    assert not heat_map(grain_finder, image((slice(0, 32), slice(0, 32)))).any(), "it speaks against the ill class"


@pytest.mark.parametrize(
    ("system", "name"),
    [
        *(("bone-texture", name) for name in SYSTEMS["bone-texture"].networks if name != "vgg16"),
        ("knee", "resnet50-gru-frozen"),
        ("verte-x", "efficientnet-b4"),
    ],
)
def test_every_network_has_a_last_map_to_look_at(system: str, name: str) -> None:
    torch.manual_seed(1)
    _, network, _ = SYSTEMS[system].network(name)
    network.eval()
    side = 224 if name.startswith("model-") else 96
    picture = torch.rand(1, 3, side, side)
    seen = []
    hook = last_map(network).register_forward_hook(lambda _m, _i, output: seen.append(output.shape))
    heat = heat_map(network, picture)
    hook.remove()
    assert seen[0][2] > 1
    assert heat.shape == (side, side)
    assert 0 <= heat.min() <= heat.max() <= 1
    assert not last_map(network)._forward_hooks, "nothing stays behind"
