"""Attention modules: shapes, parameters, and that a new one changes nothing."""

import pytest
import torch

from OsteoScreenLib.detection.attention import DS, MODULES, groups_of


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("channels", [16, 64, 512])
def test_the_output_has_the_shape_of_the_input(name: str, channels: int) -> None:
    features = torch.randn(2, channels, 7, 9)
    assert MODULES[name](channels)(features).shape == features.shape


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("training", [False, True])
def test_a_new_module_is_the_identity_and_can_learn(name: str, training: bool) -> None:
    torch.manual_seed(0)
    module = MODULES[name](64).train(training)
    features = torch.randn(2, 64, 8, 8)
    output = module(features)
    assert torch.equal(output, features)
    output.square().sum().backward()
    assert (module.scale.grad.abs() > 0).all()


@pytest.mark.parametrize("name", MODULES)
def test_an_opened_module_weighs_by_what_it_sees(name: str) -> None:
    torch.manual_seed(0)
    module = MODULES[name](64).eval()
    torch.nn.init.ones_(module.scale)
    features = torch.randn(2, 64, 8, 8)
    assert not torch.allclose(module(features), features)


def _gate(channels: int, hidden: int, out: int) -> int:
    return channels * hidden + hidden + hidden * out + out


def test_ds_is_dense_at_64_channels_and_grouped_by_32_at_2048() -> None:
    assert (groups_of(64), groups_of(2048)) == (1, 32)
    for channels, groups in ((64, 1), (2048, 32)):
        convolutions = (9 + 25 + 9) * channels**2 // groups
        batch_norms, scale = 2 * 2 * channels, channels
        gates = 2 * _gate(channels, max(8, channels // 16), channels)
        count = sum(p.numel() for p in DS(channels).parameters())
        assert count == convolutions + batch_norms + gates + scale
    assert (9 + 25 + 9) * 2048**2 // 32 == 5_636_096
    assert (9 + 25 + 9) * 2048**2 == 180_355_072


def test_ds_weighs_each_branch_by_its_own_mean_before_it_adds() -> None:
    """Against the equation, written out with plain tensor operations."""
    torch.manual_seed(1)
    module = DS(16).eval()
    x = torch.randn(1, 16, 6, 6)
    total = torch.zeros_like(x)
    for branch, weigh in zip(module.branches, module.weights, strict=True):
        u = torch.nn.functional.conv2d(x, branch[0].weight, padding=branch[0].weight.shape[-1] // 2)
        u = torch.relu(
            (u - branch[1].running_mean[:, None, None]) / (branch[1].running_var + 1e-5).sqrt()[:, None, None]
        )
        hidden = torch.relu(u.mean((2, 3)) @ weigh[1].weight[:, :, 0, 0].T + weigh[1].bias)
        total += torch.sigmoid(hidden @ weigh[3].weight[:, :, 0, 0].T + weigh[3].bias)[:, :, None, None] * u
    expected = torch.nn.functional.conv2d(total, module.dilated.weight, padding=2, dilation=2)
    assert torch.allclose(module.attended(x), expected, atol=1e-5)
