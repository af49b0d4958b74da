"""nnU-Net v2 folders: what is read from them, what is refused, and a tiny model run where nnU-Net is installed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from OsteoScreenLib.errors import ModelError
from OsteoScreenLib.progress import never, silent
from OsteoScreenLib.segmentation import nnunet_folder
from OsteoScreenLib.segmentation.nnunet_folder import by_nnunet, read_model_folder
from OsteoScreenLib.volume import Volume
from Testing.conftest import BoxCase

PUBLIC_LABELS = {
    "background": 0,
    **{f"T{n}": n for n in range(1, 13)},
    **{f"L{n}": 12 + n for n in range(1, 7)},
    "sacrum": 19,
    "coccyx": 20,
    "T13": 21,
}
"""The label table of the public VertebralBodiesCT models."""

PUBLIC_FOLDER = "nnUNetTrainer__nnUNetResEncUNetMPlans__3d_fullres"
CUT_HU = 60.0


def write_model(folder: Path, *, labels: dict[str, Any] = PUBLIC_LABELS, fold: str = "all", **changes: Any) -> Path:
    """Write dataset.json, plans.json and an empty checkpoint of a U-Net with two stages that takes HU as they are."""
    (folder / f"fold_{fold}").mkdir(parents=True)
    dataset = {"channel_names": {"0": "CT"}, "labels": labels, "file_ending": ".nii.gz", "release": "2024-08-29"}
    to_shape = {"order": 1, "order_z": 0, "force_separate_z": None, "is_seg": False}
    resampling = {
        f"resampling_fn_{what}{more}": value
        for what in ("data", "seg", "probabilities")
        for more, value in (("", "resample_data_or_seg_to_shape"), ("_kwargs", to_shape))
    }
    architecture = {
        "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
        "arch_kwargs": {
            "n_stages": 2,
            "features_per_stage": [1, 1],
            "conv_op": "torch.nn.modules.conv.Conv3d",
            "kernel_sizes": [[1, 1, 1], [1, 1, 1]],
            "strides": [[1, 1, 1], [2, 2, 2]],
            "n_conv_per_stage": [1, 1],
            "n_conv_per_stage_decoder": [1],
            "conv_bias": True,
            "norm_op": None,
            "nonlin": "torch.nn.Identity",
            **changes,
        },
        "_kw_requires_import": ["conv_op", "norm_op", "nonlin"],
    }
    configuration = {
        "data_identifier": "tiny",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 1,
        "patch_size": [40, 32, 32],
        "spacing": [2.0, 2.0, 2.0],
        "normalization_schemes": ["NoNormalization"],
        "use_mask_for_norm": [False],
        "architecture": architecture,
        **resampling,
    }
    plans = {
        "dataset_name": "Dataset999_Tiny",
        "configurations": {"3d_fullres": configuration},
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "foreground_intensity_properties_per_channel": {"0": {}},
        "label_manager": "LabelManager",
    }
    (folder / "dataset.json").write_text(json.dumps(dataset))
    (folder / "plans.json").write_text(json.dumps(plans))
    (folder / f"fold_{fold}" / "checkpoint_final.pth").write_bytes(b"")
    return folder


def run(volume: Volume, folder: Path) -> np.ndarray:
    found = by_nnunet(volume, folder, "cpu", silent, never)
    assert found.levels[13] == "L1"
    assert set(found.screened()) <= {"L1"}
    return found.voxels


@pytest.mark.parametrize("place", [".", PUBLIC_FOLDER])
def test_the_label_table_of_the_public_models_is_read(place: str, tmp_path: Path) -> None:
    write_model(tmp_path / place)
    model = read_model_folder(tmp_path)
    assert model.name == "Dataset999_Tiny"
    assert model.labels[13] == "L1"
    assert model.labels[16] == "L4"
    assert [path.parent.name for path in model.checkpoints] == ["fold_all"]


def test_folds_are_taken_together(tmp_path: Path) -> None:
    write_model(tmp_path, fold="0")
    for fold in ("1", "all"):
        (tmp_path / f"fold_{fold}").mkdir()
        (tmp_path / f"fold_{fold}" / "checkpoint_final.pth").touch()
    assert [path.parent.name for path in read_model_folder(tmp_path).checkpoints] == ["fold_0", "fold_1"]


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ({"background": 0, "liver": 1, "rib_12": 2}, "names none of L1-L4"),
        ({"background": 0, "spine": [1, 2], "L1": 2}, "no table of single labels"),
        ({"0": "background", "1": "L1"}, "no table of single labels"),
    ],
)
def test_a_table_without_vertebrae_is_refused(labels: dict[str, Any], says: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=says):
        read_model_folder(write_model(tmp_path / "model", labels=labels))


def test_an_incomplete_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not an nnU-Net v2 model folder"):
        read_model_folder(tmp_path)
    folder = write_model(tmp_path / "model")
    (folder / "fold_all" / "checkpoint_final.pth").unlink()
    with pytest.raises(ModelError, match="weights of Dataset999_Tiny are missing: fetch them"):
        read_model_folder(folder)
    (folder / "dataset.json").write_text("{")
    with pytest.raises(ModelError, match=r"dataset\.json is missing or not JSON"):
        read_model_folder(folder)


def test_without_nnunet_it_says_what_to_install(
    box_case: BoxCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nnunet_folder, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="pip install nnunetv2"):
        by_nnunet(box_case.volume, write_model(tmp_path / "model"), "cpu", silent, never)


def test_a_tiny_model_runs_and_the_way_a_ct_is_stored_does_not_matter(box_case: BoxCase, tmp_path: Path) -> None:
    write_weights(write_model(tmp_path / "model"))
    volume = box_case.volume
    # the borders lie between voxels of 2 mm, and the model works on those: exact
    assert np.array_equal(run(volume, tmp_path / "model") == 13, volume.voxels > CUT_HU)
    _, j, i = volume.voxels.shape
    turned = np.array([[-1.0, 0, 0, i - 1], [0, -1, 0, j - 1], [0, 0, 1, 0], [0, 0, 0, 1]])
    stored = Volume(np.ascontiguousarray(volume.voxels[:, ::-1, ::-1]), volume.ijk_to_ras @ turned)
    assert np.array_equal(run(stored, tmp_path / "model") == 13, stored.voxels > CUT_HU)


@pytest.mark.parametrize("changes", [{"nonlin": "builtins.print"}, {"conv_op": "torch.nn.modules.module.functools"}])
def test_plans_that_name_other_code_are_not_run(changes: dict[str, str], box_case: BoxCase, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "good")
    write_weights(folder)
    bad = write_model(tmp_path / "bad", **changes)
    (folder / "fold_all" / "checkpoint_final.pth").replace(bad / "fold_all" / "checkpoint_final.pth")
    with pytest.raises(ModelError, match="it is not run"):
        run(box_case.volume, bad)


def write_weights(folder: Path) -> None:
    """Write a checkpoint as nnU-Net's trainer does, whose network says L1 where HU is above `CUT_HU`."""
    pytest.importorskip("nnunetv2", reason="nnU-Net is not installed (pip install nnunetv2)")
    from dynamic_network_architectures.architectures.unet import PlainConvUNet

    plans = json.loads((folder / "plans.json").read_text())
    arguments = plans["configurations"]["3d_fullres"]["architecture"]["arch_kwargs"]
    found = {**arguments, "conv_op": torch.nn.Conv3d, "nonlin": torch.nn.Identity}
    network = PlainConvUNet(1, num_classes=len(PUBLIC_LABELS), deep_supervision=False, **found)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.encoder.stages[0][0].convs[0].conv.weight.fill_(1.0)
        # the decoder's block sees what comes from below, then what comes from the side
        network.decoder.stages[0].convs[0].conv.weight[:, 1] = 1.0
        head = network.decoder.seg_layers[-1]
        head.bias.fill_(-100.0)
        # nnU-Net sums logits in half precision
        head.weight[13], head.bias[13], head.bias[0] = 0.01, -0.01 * CUT_HU, 0.0
    checkpoint = {
        "network_weights": network.state_dict(),
        "init_args": {"configuration": "3d_fullres", "fold": 0, "plans": plans, "device": torch.device("cpu")},
        "trainer_name": "nnUNetTrainer",
        "inference_allowed_mirroring_axes": (0, 1, 2),
        "_best_ema": np.float64(0.9),
        "logging": {"train_losses": [np.float32(-0.5)]},
    }
    torch.save(checkpoint, folder / "fold_all" / "checkpoint_final.pth")
