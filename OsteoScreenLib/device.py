"""Where work runs: the choice of a device, what happens when its memory is not enough, how many threads there are."""

import os
from collections.abc import Callable
from typing import TypeVar

from OsteoScreenLib.errors import InputError

Result = TypeVar("Result")


def choose(wanted: str = "auto") -> str:
    """Return the torch device for ``auto``, ``cpu``, ``cuda`` or ``mps``; auto takes CUDA, then Apple MPS, then CPU.

    Raises `InputError` where a device is named that this machine does not have.
    """
    import torch

    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return next(name for name, there in present.items() if there)
    if not present.get(wanted, False):
        there = ", ".join(name for name, yes in present.items() if yes)
        raise InputError(f"There is no device {wanted!r} for PyTorch on this machine; use auto or one of: {there}.")
    return wanted


def processors() -> int:
    """Return how many threads arithmetic outside PyTorch may use: $OMP_NUM_THREADS, or all processors."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdecimal() and int(given) > 0 else os.cpu_count() or 1


def run_with_fallback(work: Callable[[str], Result], device: str) -> tuple[Result, str, tuple[str, ...]]:
    """Return what `work(device)` gives, the device that gave it, and a note where it was not the wanted one.

    Only running out of an accelerator's memory falls back to the CPU, and never silently.
    """
    import torch

    try:
        return work(device), device, ()
    except torch.OutOfMemoryError:
        if device == "cpu":
            raise
        torch.cuda.empty_cache()
    note = f"The memory of {device} was not enough; the networks ran on the CPU instead."
    return work("cpu"), "cpu", (note,)
