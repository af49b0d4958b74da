"""Models: our folders, weights of others, nnU-Net folders and MONAI bundles."""

import hashlib
import io
import json
import pickle
import struct
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from OsteoScreenLib.errors import ModelError
from OsteoScreenLib.models import CARD, WEIGHTS, load_folder
from OsteoScreenLib.safe_weights import load_pickle, read_weights
from OsteoScreenLib.segmentation.bundle_config import build
from OsteoScreenLib.segmentation.monai_bundle import read_bundle
from OsteoScreenLib.segmentation.nnunet_folder import read_model_folder
from Testing.fuzz.given import Given
from Testing.fuzz.mutation import spoilt_bytes, spoilt_plain, spoilt_text
from Testing.fuzz.reader import Reader

_CARD = {
    "name": "given", "version": "1.0", "task": "t", "architecture": "ST-UNet", "parameters": {"channels": [4, 8]},
    "trained_on": "phantoms", "measured": {"dice": 0.9}, "intended_use": "tests", "licence": "Apache-2.0",
    "sources": ["none"], "sha256": "0" * 64,
}  # fmt: skip
_DATASET = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "L1": 1, "L2": 2}, "file_ending": ".nii.gz"}
_PLANS = {"dataset_name": "Dataset001", "configurations": {"3d_fullres": {"patch_size": [8, 8, 8]}}}
_METADATA = {
    "name": "bundle", "version": "0.1", "data_source": "nowhere",
    "network_data_format": {
        "inputs": {"image": {"num_channels": 1}}, "outputs": {"pred": {"channel_def": {"0": "background", "1": "L1"}}}
    },
}  # fmt: skip
_INFERENCE = {
    "network_def": {
        "_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": [2, 4], "strides": [2],
    },
    "preprocessing": {"_target_": "Compose", "transforms": [{"_target_": "EnsureTyped", "keys": "image"}]},
    "inferer": {"_target_": "SlidingWindowInferer", "roi_size": [8, 8, 8], "sw_batch_size": "$1 + 1"},
}  # fmt: skip

ran: list[str] = []
"""What code in a pickle has left here; none ever may."""


def _run(what: str) -> str:
    ran.append(what)
    return what


class _Trap:
    def __reduce__(self) -> tuple[Callable[[str], str], tuple[str]]:
        return _run, ("code",)


def _as_json(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


def _weights() -> bytes:
    import torch
    from safetensors.torch import save

    return save({"a": torch.arange(6.0).reshape(2, 3), "b": torch.zeros(1, dtype=torch.int64)})


def _folder() -> list[Given]:
    return [_signed({CARD: _as_json(_CARD), WEIGHTS: _weights()})]


def _signed(given: Given) -> Given:
    """Return a model's folder whose card has the hash of the weights, as far as it still is a card."""
    try:
        card = json.loads(given[CARD])
        card["sha256"] = hashlib.sha256(given[WEIGHTS]).hexdigest()
    except (ValueError, TypeError, RecursionError):
        return given
    return {**given, CARD: _as_json(card)}


def _spoilt_folder(rng: Random, given: Given) -> Given:
    if rng.random() < 0.5:
        return _signed({**given, WEIGHTS: spoilt_safetensors(rng, given[WEIGHTS])})
    spoilt = {**given, CARD: _spoilt_json(rng, given[CARD])}
    return _signed(spoilt) if rng.random() < 0.5 else spoilt


def spoilt_safetensors(rng: Random, content: bytes) -> bytes:
    """Return weights whose table says something else, whose length lies, or with any bytes changed."""
    size = struct.unpack_from("<Q", content)[0]
    table, data, kind = content[8 : 8 + size], content[8 + size :], rng.random()
    if kind < 0.6:
        table = _as_json(spoilt_plain(rng, json.loads(table))) if rng.random() < 0.6 else spoilt_text(rng, table)
        return struct.pack("<Q", len(table)) + table + data
    if kind < 0.75:
        return struct.pack("<Q", rng.choice((0, 1, size - 1, size + 1, 2**31, 2**40, 2**63, 2**64 - 1))) + content[8:]
    return spoilt_bytes(rng, content)


def _spoilt_json(rng: Random, content: bytes) -> bytes:
    if rng.random() < 0.15:
        return spoilt_text(rng, content)
    if rng.random() < 0.02:
        return b"[" * 20000 + b"]" * 20000
    return _as_json(spoilt_plain(rng, json.loads(content)))


def _torch_files() -> list[Given]:
    import torch

    plain = io.BytesIO()
    torch.save({"a": torch.arange(6.0), "epoch": 3, "names": ["x"]}, plain)
    weights = io.BytesIO()
    torch.save({"a": torch.arange(6.0), "b": torch.ones(2, 2)}, weights)
    return [{"a.pt": plain.getvalue()}, {"a.pt": weights.getvalue()}]


def _spoilt_torch(rng: Random, given: Given) -> Given:
    """Spoil a PyTorch file; now and then it is a pickle that would run code."""
    import torch

    if rng.random() < 0.02:
        trap = io.BytesIO()
        torch.save({"a": torch.zeros(1), "b": _Trap()}, trap)
        return {"a.pt": rng.choice((trap.getvalue(), pickle.dumps(_Trap()), pickle.dumps({"a": _Trap()}, 0)))}
    return {"a.pt": spoilt_bytes(rng, given["a.pt"])}


def _spoilt_any_json(rng: Random, given: Given) -> Given:
    name = rng.choice([name for name in sorted(given) if name.endswith(".json")])
    return {**given, name: _spoilt_json(rng, given[name])}


def _read_folder(folder: Path) -> None:
    card, tensors = load_folder(folder)
    assert card.name
    for tensor in tensors.values():
        tensor.sum()


def _read_torch(folder: Path) -> None:
    load_pickle(folder / "a.pt")
    with suppress(ModelError):
        for tensor in read_weights(folder / "a.pt").values():
            tensor.sum()
    assert not ran


def _read_bundle(folder: Path) -> None:
    bundle = read_bundle(folder)
    build(bundle.config, "cpu")


def _nnunet() -> list[Given]:
    return [{"dataset.json": _as_json(_DATASET), "plans.json": _as_json(_PLANS), "fold_0/checkpoint_final.pth": b""}]


def _bundle() -> list[Given]:
    return [{"configs/metadata.json": _as_json(_METADATA), "configs/inference.json": _as_json(_INFERENCE),
             "models/model.pt": b""}]  # fmt: skip


READERS = (
    Reader("model-folder", _folder, _spoilt_folder, _read_folder),
    Reader(
        "safetensors",
        lambda: [{"a.safetensors": _weights()}],
        lambda rng, given: {"a.safetensors": spoilt_safetensors(rng, given["a.safetensors"])},
        lambda folder: read_weights(folder / "a.safetensors"),
    ),
    Reader("torch-weights", _torch_files, _spoilt_torch, _read_torch),
    Reader("nnunet-folder", _nnunet, _spoilt_any_json, partial(read_model_folder)),
    Reader("monai-bundle", _bundle, _spoilt_any_json, _read_bundle),
)
