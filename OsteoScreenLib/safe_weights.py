"""Weights of others, many of which come as pickles: tensors and numbers are read, and nothing is run."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from OsteoScreenLib.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor


def read_weights(path: Path) -> "dict[str, Tensor]":
    """Return the tensors of a safetensors or PyTorch file; nothing in it is run.

    Raises `ModelError` where it holds anything else.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file
    from torch import Tensor

    if path.suffix != ".safetensors":
        found = load_pickle(path)
        if isinstance(found, Mapping) and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in found.items()):
            return dict(found)
        raise ModelError(f"The weights {path} are not tensors by name. Save the network's state_dict, and that alone.")
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"The weights {path} cannot be read as safetensors: {error}.") from error


def load_pickle(path: Path) -> Any:
    """Return what a PyTorch file holds, onto the CPU, as long as it is tensors, numbers, texts and containers.

    Raises `ModelError` where it holds anything else, which a pickle could use to run code.
    """
    import _codecs

    import numpy as np
    import torch
    from numpy._core.multiarray import scalar

    # `weights_only` runs no code from torch 2.6 on (CVE-2025-32434), which pyproject and the Slicer module ask for.
    # nnU-Net keeps its training curve in the checkpoint, as scalars of NumPy 1 or 2.
    dtypes = [type(np.dtype(name)) for name in ("float64", "float32", "int64", "bool")]
    numbers = [scalar, (scalar, "numpy.core.multiarray.scalar"), np.dtype, _codecs.encode, *dtypes]
    try:
        with torch.serialization.safe_globals(numbers):
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ModelError(f"The weights {path} cannot be read: {error.strerror or error}.") from error
    except MemoryError as error:  # a damaged pickle may ask for gigabytes, too
        raise ModelError(f"The weights {path} need more memory than there is, or are damaged.") from error
    except Exception as error:  # torch's reader of pickles fails in many ways on a damaged one
        raise ModelError(
            f"The weights {path} hold more than tensors and numbers, or are damaged; they are not loaded."
        ) from error
