"""Any nnU-Net v2 model folder whose label table names vertebrae, as an engine: ``--engine nnunet:FOLDER``.

FOLDER is what nnU-Net v2 leaves of a training, ``<trainer>__<plans>__<configuration>/`` with ``dataset.json`` (the
label table), ``plans.json`` and ``fold_X/checkpoint_final.pth``, or a folder that holds one such. The public
VertebralBodiesCT models are laid out like that: ``fold_all`` in ResEncM, ``fold_0`` to ``fold_4`` in ResEncL, labels
T1 = 1 ... T12 = 12, L1 = 13 ... L5 = 17, L6 = 18, sacrum = 19, coccyx = 20, T13 = 21, vertebral bodies only.
"""

from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from OsteoScreenLib.device import run_with_fallback
from OsteoScreenLib.errors import ModelError
from OsteoScreenLib.file_digest import file_sha256
from OsteoScreenLib.levels import SCREENED
from OsteoScreenLib.plain_json import read_json
from OsteoScreenLib.progress import IsCancelled, Progress, stop_if
from OsteoScreenLib.result import ModelUse
from OsteoScreenLib.safe_weights import load_pickle
from OsteoScreenLib.segmentation.vertebrae import Vertebrae, levels_of, transitional_doubts
from OsteoScreenLib.volume import Volume

if TYPE_CHECKING:
    from torch.nn import Module

CHECKPOINT = "checkpoint_final.pth"


@dataclass(frozen=True)
class ModelFolder:
    """An nnU-Net v2 model: its two JSON files, label table (value -> name) and the checkpoint of each fold."""

    name: str
    dataset: dict[str, Any]
    plans: dict[str, Any]
    labels: dict[int, str]
    checkpoints: tuple[Path, ...]


def by_nnunet(volume: Volume, folder: Path, device: str, progress: Progress, cancelled: IsCancelled) -> Vertebrae:
    """Return the vertebrae that an nnU-Net v2 model finds, as its folds' average without mirroring.

    The image is given to it with its axes turned to R, A, S, the order of the public CT data sets; voxels stay as
    they are. Raises `ModelError` where nnU-Net is not installed or the folder is not such a model.
    """
    import SimpleITK as sitk

    model = read_model_folder(folder)
    if find_spec("nnunetv2") is None:
        raise ModelError(f"Running {model.name} needs nnU-Net: pip install nnunetv2.")
    image = volume.to_sitk()
    turned = sitk.DICOMOrient(image, "RAS")
    progress(0.0, f"Running {model.name}")
    found, device, notes = run_with_fallback(partial(_predict, model, turned), device)
    stop_if(cancelled)
    labels = sitk.GetImageFromArray(found.astype(np.uint16))
    labels.CopyInformation(turned)
    way = sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(image.GetDirection())
    voxels = sitk.GetArrayFromImage(sitk.DICOMOrient(labels, way))
    use = ModelUse(
        model.name,
        str(model.dataset.get("release", "not stated")),
        file_sha256(*model.checkpoints),
        "what its dataset.json says; not by OsteoScreen",
    )
    doubts = transitional_doubts(voxels, model.labels)
    return Vertebrae(voxels, levels_of(model.labels), f"nnU-Net {model.name}", device, (use,), notes, doubts)


def read_model_folder(folder: Path) -> ModelFolder:
    """Read what an nnU-Net v2 model folder says of itself; loads no weights.

    Raises `ModelError` where a file is missing, the table names none of L1-L4 or holds regions, the model wants
    more than one image, or its plans ask for anything but a network of nnU-Net's own library.
    """
    found = [path.parent for path in (folder / "plans.json", *sorted(folder.glob("*/plans.json"))) if path.is_file()]
    if not found:
        raise ModelError(
            f"{folder} is not an nnU-Net v2 model folder; it has dataset.json, plans.json and fold_X/{CHECKPOINT}."
        )
    if len(found) > 1 and found[0] != folder:
        raise ModelError(f"{folder} holds several models; name one: {', '.join(path.name for path in found)}.")
    folder = found[0]
    dataset, plans = _read_json(folder / "dataset.json"), _read_json(folder / "plans.json")
    name = str(dataset.get("dataset_name") or dataset.get("name") or plans.get("dataset_name") or folder.name)
    channels = dataset.get("channel_names")
    if not isinstance(channels, dict | list) or len(channels) != 1:
        raise ModelError(f"{name} does not take one CT (channel_names in {folder / 'dataset.json'}).")
    checkpoints = sorted(folder.glob(f"fold_[0-9]*/{CHECKPOINT}")) or sorted(folder.glob(f"fold_all/{CHECKPOINT}"))
    if not checkpoints:
        raise ModelError(
            f"The weights of {name} are missing: fetch them where the model comes from and put them at "
            f"{folder / 'fold_X' / CHECKPOINT}."
        )
    return ModelFolder(name, dataset, plans, _label_table(dataset, name), tuple(checkpoints))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = read_json(path)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is missing or not JSON; it belongs to an nnU-Net v2 model folder.") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} is not the JSON object that nnU-Net v2 writes.")
    return content


def _label_table(dataset: dict[str, Any], name: str) -> dict[int, str]:
    """Return value -> name; nnU-Net v2 keeps it as name -> value, and lists of values for regions."""
    table = dataset.get("labels", {})
    if not isinstance(table, dict) or not all(isinstance(value, int) for value in table.values()):
        raise ModelError(f"{name} has no table of single labels (name: number), as nnU-Net v2 writes it for vertebrae.")
    labels = {value: label for label, value in table.items()}
    if not set(levels_of(labels).values()) & set(SCREENED):
        raise ModelError(f"{name} names none of L1-L4 in its label table: {', '.join(table)[:200]}.")
    return labels


def _predict(model: ModelFolder, image: Any, device: str) -> np.ndarray:
    """Return the labels (k, j, i) that the model gives to a SimpleITK image."""
    import SimpleITK as sitk
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    checkpoints = [load_pickle(path) for path in model.checkpoints]
    try:
        first = checkpoints[0]
        weights = [checkpoint["network_weights"] for checkpoint in checkpoints]
        plans = PlansManager(model.plans)
        configuration = plans.get_configuration(first["init_args"]["configuration"])
        network = _network(configuration, plans.get_label_manager(model.dataset).num_segmentation_heads)
        network.load_state_dict(weights[0])
    except (KeyError, TypeError, RuntimeError, ValueError) as error:
        raise ModelError(f"The weights of {model.name} do not fit its plans: {str(error).splitlines()[0]}.") from error
    if configuration.previous_stage_name is not None:
        raise ModelError(f"{model.name} is the second stage of a cascade; give a 3d_fullres or 3d_lowres model.")
    predictor = nnUNetPredictor(device=torch.device(device), use_mirroring=False, allow_tqdm=False)
    predictor.manual_initialization(
        network, plans, configuration, weights, model.dataset, first.get("trainer_name", ""), None
    )
    voxels = sitk.GetArrayFromImage(image).astype(np.float32)[None]
    return predictor.predict_single_npy_array(voxels, {"spacing": list(image.GetSpacing()[::-1])})


def _network(configuration: Any, outputs: int) -> "Module":
    """Build the network that the plans name, from nnU-Net's library of architectures and torch.nn alone."""
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

    name = configuration.network_arch_class_name
    arguments, imported = configuration.network_arch_init_kwargs, configuration.network_arch_init_kwargs_req_import
    _check_class(name, "dynamic_network_architectures.")
    for key in imported:
        if arguments[key] is not None:
            _check_class(arguments[key], "torch.nn.")
    return get_network_from_plans(name, arguments, imported, 1, outputs, allow_init=False, deep_supervision=False)


def _check_class(name: str, package: str) -> None:
    """Raise `ModelError` unless a name in the plans is that of a network class of `package`."""
    from pydoc import locate

    from torch.nn import Module

    found = locate(name) if str(name).startswith(package) else None
    if not (isinstance(found, type) and issubclass(found, Module) and found.__module__.startswith(package)):
        raise ModelError(f"plans.json asks for {str(name)[:80]}, which is no network of {package[:-1]}; it is not run.")
