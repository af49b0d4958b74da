"""MONAI bundles: a tiny one runs, its channels name the levels, and a config that is a program is not run."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.networks.nets import BasicUNet

from OsteoScreenLib.errors import ModelError
from OsteoScreenLib.evaluation.overlap import overlap
from OsteoScreenLib.progress import never, silent
from OsteoScreenLib.segmentation.bundle_config import build
from OsteoScreenLib.segmentation.monai_bundle import by_monai, read_bundle
from OsteoScreenLib.volume import Volume
from Testing.conftest import BoxCase

CHANNELS = {"0": "background", "1": "spleen", "2": "vertebrae_L1"}
CUT_HU = 60.0


ORIENTATION = ({"_target_": "Orientationd", "keys": "@image_key", "axcodes": "RAS"},)


def write_bundle(folder: Path, spacing: float = 2.0, turning: tuple[Any, ...] = (), **changes: Any) -> Path:
    """Write a bundle of wholeBody_ct_segmentation's layout whose 1x1x1 convolution says L1 where HU is above CUT_HU.

    `changes` replaces sections of configs/inference.json.
    """
    inference = {
        "imports": ["$import glob"],
        "highres": True,
        "image_key": "image",
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "pixdim": f"$[{spacing}] * 3 if @highres else [{2 * spacing}] * 3",
        "network_def": {"_target_": "torch.nn.Conv3d", "in_channels": 1, "out_channels": 3, "kernel_size": 1},
        "network": "$@network_def.to(@device)",
        "preprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "LoadImaged", "keys": "@image_key"},
                {"_target_": "EnsureTyped", "keys": "@image_key"},
                {"_target_": "EnsureChannelFirstd", "keys": "@image_key"},
                *turning,
                {"_target_": "Spacingd", "keys": "@image_key", "pixdim": "@pixdim", "mode": "bilinear"},
                {"_target_": "monai.transforms.ShiftIntensityd", "keys": "@image_key", "offset": -CUT_HU},
            ],
        },
        "inferer": {
            "_target_": "SlidingWindowInferer",
            "roi_size": [32, 32, 32],
            "overlap": 0.25,
            "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        },
        "run": ["$open('/nonexistent').read()"],
        **changes,
    }
    metadata = {
        "name": "Tiny bundle",
        "version": "0.0.1",
        "data_source": "nothing",
        "network_data_format": {
            "inputs": {"image": {"num_channels": 1}},
            "outputs": {"pred": {"num_channels": 3, "channel_def": CHANNELS}},
        },
    }
    network = torch.nn.Conv3d(1, 3, 1)
    with torch.no_grad():
        network.weight[:] = torch.tensor([0.0, 0.0, 1.0]).reshape(3, 1, 1, 1, 1)
        network.bias[:] = torch.tensor([0.0, -1.0, 0.0])
    for name in ("configs", "models"):
        (folder / name).mkdir(parents=True)
    (folder / "configs/metadata.json").write_text(json.dumps(metadata))
    (folder / "configs/inference.json").write_text(json.dumps(inference))
    torch.save(network.state_dict(), folder / "models/model.pt")
    return folder


def run(volume: Volume, folder: Path) -> np.ndarray:
    found = by_monai(volume, folder, "cpu", silent, never)
    assert found.levels == {2: "L1"}
    assert found.models[0].trained_on == "nothing"
    return found.voxels == 2


def turned(volume: Volume) -> Volume:
    """Return the same image with i and j stored the other way round."""
    _, j, i = volume.voxels.shape
    matrix = np.array([[-1.0, 0, 0, i - 1], [0, -1, 0, j - 1], [0, 0, 1, 0], [0, 0, 0, 1]])
    return Volume(np.ascontiguousarray(volume.voxels[:, ::-1, ::-1]), volume.ijk_to_ras @ matrix)


def test_a_tiny_bundle_runs_and_the_way_a_ct_is_stored_does_not_matter(box_case: BoxCase, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "tiny")
    for volume in (box_case.volume, turned(box_case.volume)):
        assert np.array_equal(run(volume, folder), volume.voxels > CUT_HU)


def test_a_bundle_that_turns_the_image_needs_nibabel_and_says_so(box_case: BoxCase, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "tiny", turning=ORIENTATION)
    if find_spec("nibabel"):
        volume = turned(box_case.volume)
        assert np.array_equal(run(volume, folder), volume.voxels > CUT_HU)
    else:
        with pytest.raises(ModelError, match="pip install nibabel"):
            run(box_case.volume, folder)


def test_a_bundle_that_works_on_another_grid_comes_back_onto_ours(box_case: BoxCase, tmp_path: Path) -> None:
    truth = box_case.labels.voxels > 0
    volume = box_case.volume.with_voxels(np.where(truth, 2 * CUT_HU, 0))
    found = run(volume, write_bundle(tmp_path / "fine", spacing=1.0))
    assert overlap(found, truth, volume.spacing).dice > 0.99


def test_a_unet_of_monai_can_be_built() -> None:
    network = {"_target_": "BasicUNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2, "features": [4] * 6}
    config = {
        "network_def": network,
        "preprocessing": {"_target_": "Compose", "transforms": []},
        "inferer": {"_target_": "SimpleInferer"},
    }
    assert isinstance(build(config, "cpu")[0], BasicUNet)


@pytest.mark.parametrize(
    "network",
    [
        {"_target_": "os.system", "command": "touch sprung"},
        {"_target_": "monai.apps.download_url", "url": "http://127.0.0.1:9/x", "filepath": "sprung"},
        {"_target_": "monai.bundle.run"},
        {"_target_": "monai.transforms.SaveImaged", "keys": "image"},
        {"_target_": "monai.networks.nets.EfficientNetBN", "model_name": "efficientnet-b0"},
        {"_target_": "torch.nn.Identity", "_mode_": "debug"},
        {"_target_": "torch.nn.Identity", "x": "$open('sprung', 'w')"},
        {"_target_": "torch.nn.Identity", "x": "$[].__class__"},
        {"_target_": "torch.nn.Identity", "x": "$import os"},
        {"_target_": "torch.nn.Identity", "x": "%configs/other.json#x"},
        {"_target_": "torch.nn.Identity", "x": "@trap"},
    ],
)
def test_a_config_that_asks_for_code_is_refused(
    network: dict[str, Any], box_case: BoxCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = write_bundle(tmp_path / "bad", network_def=network, trap="$print('sprung')")
    with pytest.raises(ModelError, match="only MONAI's networks and transforms are built"):
        run(box_case.volume, folder)
    assert not (tmp_path / "sprung").exists()


def test_what_is_missing_is_said_in_a_line(box_case: BoxCase, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"metadata\.json is missing"):
        read_bundle(tmp_path)
    folder = write_bundle(tmp_path / "tiny")
    (folder / "models/model.pt").unlink()
    with pytest.raises(ModelError, match="weights of Tiny bundle are missing: fetch them"):
        read_bundle(folder)
    metadata = json.loads((folder / "configs/metadata.json").read_text())
    metadata["network_data_format"]["outputs"]["pred"]["channel_def"] = {"0": "background", "1": "spleen"}
    (folder / "configs/metadata.json").write_text(json.dumps(metadata))
    with pytest.raises(ModelError, match="names none of L1-L4"):
        read_bundle(folder)


def test_weights_of_another_network_are_refused(box_case: BoxCase, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "tiny")
    torch.save({"other": torch.zeros(1)}, folder / "models/model.pt")
    with pytest.raises(ModelError, match="do not fit its network"):
        run(box_case.volume, folder)
