import numpy as np
import pytest

from OsteoScreenLib.levels import SHELL, TRABECULAR, label
from OsteoScreenLib.result import ModelUse
from OsteoScreenLib.segmentation import second_look
from OsteoScreenLib.segmentation.second_look import look_twice
from OsteoScreenLib.volume import Volume


def network(sharpness: float, lean: float = 0.0):
    """Return what takes bright voxels for body, as surely as told; `lean` has it take more on the one side."""
    import torch

    class Threshold(torch.nn.Module):
        def forward(self, image: "torch.Tensor") -> "torch.Tensor":
            across = torch.linspace(-lean, lean, image.shape[-1])
            body = (image[:, :1] - 0.25 + across) * sharpness
            return torch.cat([-body, body, body - 20], 1)

    return ModelUse("threshold", "1", "0" * 64, "nothing"), Threshold()


@pytest.fixture
def block() -> tuple[Volume, Volume]:
    labels = np.zeros((40, 56, 60), np.uint16)
    labels[10:30, 15:40, 14:46] = label("L3", SHELL)
    labels[12:28, 17:38, 16:44] = label("L3", TRABECULAR)
    volume = Volume(np.where(labels > 0, 200, 0).astype(np.int16), np.eye(4))
    return volume, volume.with_voxels(labels)


def test_a_sure_network_has_no_entropy_and_finds_the_same(block, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_look, "load_network", lambda name: network(200))
    looks, use = look_twice(*block, "cpu")
    assert list(looks) == ["L3"]
    assert looks["L3"].dice > 0.97
    assert looks["L3"].entropy < 0.1
    assert use.name == "threshold"


def test_blur_and_a_mirror_image_that_says_otherwise_are_entropy(block, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for made in (network(200), network(8), network(200, lean=0.6)):
        monkeypatch.setattr(second_look, "load_network", lambda name, made=made: made)
        found.append(look_twice(*block, "cpu")[0]["L3"].entropy)
    assert min(found[1:]) > 2 * found[0]


def test_a_mask_that_is_larger_than_what_is_seen_has_a_lower_dice(block, monkeypatch: pytest.MonkeyPatch) -> None:
    from scipy.ndimage import binary_dilation

    monkeypatch.setattr(second_look, "load_network", lambda name: network(200))
    volume, labels = block
    larger = np.where(binary_dilation(labels.voxels > 0, iterations=3), label("L3", SHELL), 0).astype(np.uint16)
    assert look_twice(volume, labels.with_voxels(larger), "cpu")[0]["L3"].dice < 0.85
