"""A network starts from ImageNet's weights or another model's as far as they fit, and refuses what is another's."""

import urllib.error
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torchvision import models

from OsteoScreenLib.errors import ModelError
from OsteoScreenLib.radiographs import bone_texture
from OsteoScreenLib.radiographs.knee import ResNet50GRU
from OsteoScreenLib.radiographs.pretrained import Start, begin_with, find_start
from OsteoScreenLib.radiographs.systems import SYSTEMS


def ignore(_line: str) -> None:
    pass


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_classifiers_file_fills_all_but_the_new_head(tmp_path: Path, suffix: str) -> None:
    torch.manual_seed(0)
    classifier, path = models.squeezenet1_0().state_dict(), tmp_path / f"weights{suffix}"
    torch.save(classifier, path) if suffix == ".pth" else save_file(classifier, path)
    network = bone_texture.transfer("squeezenet1_0")
    head = network.classifier[1].weight.clone()
    begin_with(network, find_start(str(path), "squeezenet1_0", ignore))
    own = network.state_dict()
    assert all(torch.equal(own[key], tensor) for key, tensor in classifier.items() if key.startswith("features."))
    assert torch.equal(network.classifier[1].weight, head)


def test_the_knees_trunk_takes_the_layers_of_a_resnet() -> None:
    torch.manual_seed(1)
    classifier = models.resnet50()
    network = ResNet50GRU()
    begin_with(network, Start(classifier.state_dict(), "resnet50"))
    picture = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        trunk = torch.nn.Sequential(*list(classifier.eval().children())[:-2])
        assert torch.allclose(network.eval().features(picture), trunk(picture), atol=1e-5)


def test_densenets_old_names_are_known() -> None:
    state = models.densenet121().state_dict()
    old = {key.replace(".norm1.", ".norm.1.").replace(".conv2.", ".conv.2."): tensor for key, tensor in state.items()}
    network = bone_texture.transfer("densenet121")
    begin_with(network, Start(old, "old"))
    name = "features.denseblock1.denselayer1.conv2.weight"
    assert torch.equal(network.state_dict()[name], state[name])


def test_a_model_of_the_same_system_gives_its_head_too() -> None:
    with torch.device("cpu"):
        _, parent, _ = SYSTEMS["verte-x"].network(None)
        _, child, _ = SYSTEMS["verte-x-vfa"].network(None)
    begin_with(
        child, Start({key: t.half() if t.is_floating_point() else t for key, t in parent.state_dict().items()}, "p")
    )
    assert torch.allclose(child.head[4].weight, parent.head[4].weight, atol=1e-3)
    assert child.head[4].weight.dtype == torch.float32


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(ModelError, match=r"belong to another network: .* such as conv1\.weight"):
        begin_with(bone_texture.transfer("resnet18"), Start(models.squeezenet1_0().state_dict(), "squeeze.pth"))


def test_the_papers_own_networks_have_no_imagenet_weights() -> None:
    with pytest.raises(ModelError, match="model-2 is the paper's own network"):
        find_start("imagenet", "model-2", ignore)


def test_imagenet_is_fetched_once_asked_with_name_size_and_source(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    fetched, said = [], []

    def fetch(url: str, path: str, digest: str, progress: bool) -> None:
        fetched.append((url, digest))
        torch.save(models.squeezenet1_0().state_dict(), path)

    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
    for _ in range(2):
        start = find_start("imagenet", "squeezenet1_0-head", said.append)
        begin_with(bone_texture.transfer("squeezenet1_0"), start)
    assert fetched == [("https://download.pytorch.org/models/squeezenet1_0-b66bff10.pth", "b66bff10")]
    assert len(said) == 1
    assert "squeezenet1_0-b66bff10.pth (5 MB)" in said[0]


def test_without_a_network_it_says_what_to_fetch_and_where_to_put_it(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))

    def fail(*_arguments: object, **_named: object) -> None:
        raise urllib.error.URLError("no route")

    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    with pytest.raises(ModelError, match=r"fetch https://\S+resnet18-\S+ \(45 MB\) .* put it at .*checkpoints"):
        find_start("imagenet", "resnet18", ignore)
    assert not list(tmp_path.rglob("*.pth"))


def test_every_network_of_the_papers_but_four_has_imagenet_weights(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda url, path, *_a, **_n: torch.save({}, path))
    for system in SYSTEMS.values():
        for name in system.networks:
            if not name.startswith("model-"):
                assert find_start("imagenet", name, ignore).weights == {}
