"""ST-UNet: what goes in, what comes out, and that every part of it takes part."""

import pytest
import torch

from OsteoScreenLib.models import load_weights
from OsteoScreenLib.segmentation.networks import FINE_CHANNELS, build, trained
from OsteoScreenLib.segmentation.st_unet import PAPER, SMALL

PARAMETERS = {"out_channels": FINE_CHANNELS, **SMALL}


@pytest.mark.parametrize("size", [(32, 32, 32), (24, 40, 48)])
def test_logits_lie_on_the_input_grid(size: tuple[int, int, int]) -> None:
    network = build("STUNet", PARAMETERS).eval()
    with torch.inference_mode():
        assert network(torch.randn(2, 1, *size)).shape == (2, FINE_CHANNELS, *size)


def test_every_part_learns() -> None:
    network = build("STUNet", PARAMETERS)
    network(torch.randn(1, 1, 32, 32, 32)).square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in network.parameters())


def test_crops_of_one_batch_do_not_see_each_other() -> None:
    network = build("STUNet", PARAMETERS).eval()
    crops = torch.randn(2, 1, 32, 32, 32)
    with torch.inference_mode():
        assert torch.allclose(network(crops)[:1], network(crops[:1]), atol=1e-4)


def test_the_small_form_is_small_and_the_paper_form_is_not() -> None:
    small, paper = (
        sum(parameter.numel() for parameter in build("STUNet", {"out_channels": 3, **form}).parameters())
        for form in (SMALL, PAPER)
    )
    assert small < 1.2e6 < 10e6 < paper


def test_the_places_in_a_window_survive_the_half_precision_of_a_file() -> None:
    network = build("STUNet", PARAMETERS)
    card, weights = load_weights("refine")
    whole = [name for name, tensor in network.state_dict().items() if not tensor.is_floating_point()]
    assert max(int(network.state_dict()[name].max()) for name in whole) > 2048
    rounded = {**weights, **{name: network.state_dict()[name].half() for name in whole}}
    for name in whole:
        assert torch.equal(trained(card, rounded).state_dict()[name], network.state_dict()[name])
