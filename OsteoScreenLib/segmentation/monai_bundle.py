"""A MONAI bundle whose channels name vertebrae, as an engine: ``--engine monai:FOLDER``.

FOLDER has ``configs/metadata.json`` (`network_data_format.outputs.pred.channel_def`: channel -> name),
``configs/inference.json`` (`network_def`, `preprocessing`, `inferer`) and ``models/model.pt`` (a state dict), as
wholeBody_ct_segmentation of MONAI's model zoo has. One CT goes in, one channel per class comes out, background among
them; the largest wins, and we bring the labels back onto the input's grid ourselves.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from OsteoScreenLib.device import run_with_fallback
from OsteoScreenLib.errors import ModelError
from OsteoScreenLib.file_digest import file_sha256
from OsteoScreenLib.levels import SCREENED
from OsteoScreenLib.plain_json import read_json
from OsteoScreenLib.progress import IsCancelled, Progress, stop_if
from OsteoScreenLib.result import ModelUse
from OsteoScreenLib.safe_weights import load_pickle
from OsteoScreenLib.segmentation.bundle_config import build
from OsteoScreenLib.segmentation.vertebrae import Vertebrae, from_grid, levels_of, transitional_doubts
from OsteoScreenLib.volume import Volume


@dataclass(frozen=True)
class Bundle:
    """A bundle: names of its channels, the key of its image, its inference config, and where its weights lie."""

    name: str
    version: str
    trained_on: str
    channels: dict[int, str]
    image_key: str
    config: dict[str, Any]
    weights: Path


def by_monai(volume: Volume, folder: Path, device: str, progress: Progress, cancelled: IsCancelled) -> Vertebrae:
    """Return the vertebrae that a MONAI bundle finds; raises `ModelError` where the bundle is not of that kind."""
    bundle = read_bundle(folder)
    progress(0.0, f"Running {bundle.name}")
    found, device, notes = run_with_fallback(partial(_predict, bundle, volume), device)
    stop_if(cancelled)
    use = ModelUse(bundle.name, bundle.version, file_sha256(bundle.weights), bundle.trained_on)
    doubts = transitional_doubts(found.voxels, bundle.channels)
    voxels = from_grid(found, bundle.channels, volume)
    return Vertebrae(voxels, levels_of(bundle.channels), f"MONAI {bundle.name}", device, (use,), notes, doubts)


def read_bundle(folder: Path) -> Bundle:
    """Read what a bundle says of itself; builds nothing and loads no weights.

    Raises `ModelError` where a file is missing, the bundle takes more than one image, or no channel is one of L1-L4.
    """
    metadata, config = _read_json(folder / "configs/metadata.json"), _read_json(folder / "configs/inference.json")
    name = str(metadata.get("name") or folder.name)
    try:
        data = metadata["network_data_format"]
        channels = {int(number): str(channel) for number, channel in data["outputs"]["pred"]["channel_def"].items()}
        images = list(data["inputs"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(
            f"{name} does not name its channels (network_data_format in configs/metadata.json)."
        ) from error
    if len(images) != 1:
        raise ModelError(f"{name} takes {len(images)} images, not one CT.")
    if not set(levels_of(channels).values()) & set(SCREENED):
        raise ModelError(f"{name} names none of L1-L4 among its channels: {', '.join(channels.values())[:200]}.")
    weights = folder / "models" / "model.pt"
    if not weights.is_file():
        raise ModelError(f"The weights of {name} are missing: fetch them where the bundle comes from, into {weights}.")
    trained_on = str(metadata.get("data_source", "not stated"))
    return Bundle(name, str(metadata.get("version", "not stated")), trained_on, channels, images[0], config, weights)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = read_json(path)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is missing or not JSON; a MONAI bundle folder has it.") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} is not the JSON object of a MONAI bundle.")
    return content


def _predict(bundle: Bundle, volume: Volume, device: str) -> Volume:
    """Return the bundle's labels on the grid that its preprocessing makes of the volume."""
    import torch
    from monai.data import MetaTensor

    network, preprocessing, inferer = build(bundle.config, device)
    weights = load_pickle(bundle.weights)
    try:
        network.load_state_dict(weights.get("model", weights.get("state_dict", weights)))
    except (AttributeError, TypeError, RuntimeError) as error:
        raise ModelError(f"The weights of {bundle.name} do not fit its network.") from error
    voxels = torch.from_numpy(np.ascontiguousarray(volume.voxels.transpose(2, 1, 0), dtype=np.float32))
    meta = {"original_channel_dim": "no_channel", "space": "RAS"}
    image = MetaTensor(voxels, affine=torch.from_numpy(volume.ijk_to_ras), meta=meta)
    with torch.inference_mode():
        try:
            prepared = preprocessing({bundle.image_key: image})[bundle.image_key]
        except RuntimeError as error:
            raise _preprocessing_error(bundle, error) from error
        logits = inferer(prepared[None].to(device), network.to(device).eval())
    if not torch.is_tensor(logits) or logits.shape[1] != len(bundle.channels) or 0 not in bundle.channels:
        raise ModelError(f"{bundle.name} does not give one channel per class with the background first.")
    labels = logits[0].argmax(0).cpu().numpy().astype(np.uint8)
    return Volume(labels.transpose(2, 1, 0), np.asarray(prepared.affine, dtype=float))


def _preprocessing_error(bundle: Bundle, error: Exception) -> ModelError:
    """Return a line with the first cause: MONAI wraps one transform's error into the next one's."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    if "nibabel" in str(cause):
        return ModelError(f"The preprocessing of {bundle.name} needs nibabel: pip install nibabel.")
    return ModelError(f"The preprocessing of {bundle.name} failed: {' '.join(str(cause).split())[:200]}")
