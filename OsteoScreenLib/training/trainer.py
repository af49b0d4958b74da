"""One trainer for all networks: samples, an optimiser, an average of the weights, checkpoints, a curve."""

import csv
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from OsteoScreenLib.errors import DiskFullError, ModelError
from OsteoScreenLib.progress import IsCancelled, Progress, never, silent, stop_if

if TYPE_CHECKING:
    import torch

CHECKPOINT = "checkpoint.safetensors"
BEST = "best.safetensors"
CURVE = "curve.csv"


def adamw(parameters: "Iterable[torch.nn.Parameter]", rate: float) -> "torch.optim.Optimizer":
    """Return AdamW with a weight decay of 1e-4."""
    import torch

    return torch.optim.AdamW(parameters, lr=rate, weight_decay=1e-4)


def sgd(parameters: "Iterable[torch.nn.Parameter]", rate: float) -> "torch.optim.Optimizer":
    """Return stochastic gradient descent with a momentum of 0.9 and a weight decay of 1e-4."""
    import torch

    return torch.optim.SGD(parameters, lr=rate, momentum=0.9, weight_decay=1e-4)


@dataclass(frozen=True)
class Task:
    """What a network has to learn, and how.

    `sample(rng)` draws one sample; `loss(network, batch, device)` gives a scalar to minimise for what `collate` makes
    of several, by default stacked arrays; `validate(network, settings, device)` the figures to watch, by name, on what
    training never draws. With `best`, the name of a figure that is better the higher, the averaged weights of its best
    reading are kept in place of the last.
    """

    name: str
    sample: Callable[[np.random.Generator], Any]
    loss: "Callable[[torch.nn.Module, Any, str], torch.Tensor]"
    validate: "Callable[[torch.nn.Module, Settings, str], dict[str, float]]"
    collate: Callable[[list[Any]], Any] | None = None
    optimizer: "Callable[[Iterable[torch.nn.Parameter], float], torch.optim.Optimizer]" = adamw
    best: str | None = None


def dense_task(
    name: str,
    sample: Callable[[np.random.Generator], tuple[np.ndarray, ...]],
    loss: "Callable[..., torch.Tensor]",
    measures: "Callable[..., dict[str, float]]",
) -> Task:
    """Return the task of a network that answers for each voxel.

    `sample(rng)` draws (input, targets...), each array with views of the sample as its first axis;
    `loss(output, *targets)` gives a scalar, `measures(output, *targets)` the figures to watch, by name, of which the
    mean is taken over samples that training never draws.
    """

    def learn(network: "torch.nn.Module", batch: "list[torch.Tensor]", device: str) -> "torch.Tensor":
        image, *targets = (part.flatten(0, 1).to(device) for part in batch)
        return loss(network(image), *targets)

    def validate(network: "torch.nn.Module", settings: Settings, device: str) -> dict[str, float]:
        import torch

        rows = []
        for index in range(settings.validation_samples):
            image, *targets = (
                torch.from_numpy(part).to(device) for part in sample(np.random.default_rng([10_000_019, index]))
            )
            rows.append(measures(network(image), *targets))
        return {figure: float(np.nanmean([row[figure] for row in rows])) for figure in rows[0]}

    return Task(name, sample, learn, validate)


@dataclass(frozen=True)
class Settings:
    """How long and how fast to learn: optimiser steps, samples a step, peak learning rate, seed, data workers.

    With `patience`, that many readings without a better one end the training of a task that has a `best`.
    """

    steps: int
    batch: int = 2
    rate: float = 1.5e-3
    seed: int = 0
    workers: int = 1
    checkpoint_every: int = 50
    validate_every: int = 250
    validation_samples: int = 12
    patience: int | None = None


def fit(
    network: "torch.nn.Module",
    task: Task,
    settings: Settings,
    folder: Path,
    device: str = "cpu",
    progress: Progress = silent,
    cancelled: IsCancelled = never,
) -> "dict[str, torch.Tensor]":
    """Train a network and return its averaged weights and statistics: the last, or the best where the task says so.

    The learning rate warms up over 100 steps (a tenth of a short run) and falls as a cosine. A checkpoint in `folder`
    is taken up where it stopped; the curve of loss and figures goes to ``curve.csv`` there, and to TensorBoard where
    that is installed. Raises `DiskFullError` where a checkpoint has no room; the one before it stays.
    """
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    network.to(device)
    average = torch.optim.swa_utils.AveragedModel(network, avg_fn=_moving_average, use_buffers=True)
    optimizer = task.optimizer(network.parameters(), settings.rate)
    start = _resume(folder / CHECKPOINT, network, average, optimizer, settings)
    log = _Log(folder)
    loss_mean, began, warm_up = 0.0, time.monotonic(), min(100, 1 + settings.steps // 10)
    for step, batch in enumerate(_batches(task, settings, start), start=start + 1):
        stop_if(cancelled)
        for group in optimizer.param_groups:
            group["lr"] = settings.rate * min(1, step / warm_up) * (0.51 + 0.49 * np.cos(np.pi * step / settings.steps))
        loss = task.loss(network, batch, device)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        average.update_parameters(network)
        loss_mean += (float(loss.detach()) - loss_mean) * (1.0 if step == start + 1 else 0.05)
        seconds = (time.monotonic() - began) / (step - start)
        progress(step / settings.steps, f"{task.name}: step {step}, loss {loss_mean:.3f}, {seconds:.1f} s a step")
        if step % settings.validate_every == 0 or step == settings.steps:
            figures = _validate(average.module, task, settings, device)
            log.write(step, {"loss": loss_mean, **figures})
            if task.best:
                best = _keep_best(folder / BEST, average.module, figures[task.best], step)
                if settings.patience is not None and step - best >= settings.patience * settings.validate_every:
                    break
        if step % settings.checkpoint_every == 0 or step == settings.steps:
            _save(folder / CHECKPOINT, network, average, optimizer, step, settings)
    if task.best:
        return _best(folder / BEST)
    return {name: tensor.detach().cpu() for name, tensor in average.module.state_dict().items()}


def _moving_average(average: "torch.Tensor", current: "torch.Tensor", updates: "torch.Tensor") -> "torch.Tensor":
    """Return the exponential mean over about 200 steps, over fewer in the beginning, of weights and of statistics.

    A batch normalisation's own statistics are those of the last few batches: too few films, where batches are small.
    """
    if not current.is_floating_point():
        return current
    decay = min(0.995, (1 + float(updates)) / (10 + float(updates)))
    return decay * average + (1 - decay) * current


def _batches(task: Task, settings: Settings, start: int) -> Iterator[Any]:
    """Yield the batches of steps start + 1 ... steps; sample n is the same whenever and wherever it is drawn."""
    import torch

    class Samples(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return (settings.steps - start) * settings.batch

        def __getitem__(self, index: int) -> Any:
            torch.set_num_threads(1)
            return task.sample(np.random.default_rng([settings.seed, start * settings.batch + index]))

    return iter(
        torch.utils.data.DataLoader(
            Samples(),
            settings.batch,
            num_workers=settings.workers,
            prefetch_factor=4 if settings.workers else None,
            collate_fn=task.collate,
        )
    )


def _validate(network: "torch.nn.Module", task: Task, settings: Settings, device: str) -> dict[str, float]:
    import torch

    network.eval()
    with torch.inference_mode():
        figures = task.validate(network, settings, device)
    network.train()
    return figures


def _keep_best(path: Path, network: "torch.nn.Module", reached: float, step: int) -> int:
    """Write the weights where they reach more than those that are there, and return the step of the best."""
    from safetensors import safe_open

    if path.exists():
        with safe_open(path, framework="pt") as file:
            best = file.metadata()
        if not reached > float(best["reached"]):
            return int(best["step"])
    _write(path, network.state_dict(), {"reached": repr(reached), "step": str(step)})
    return step


def _best(path: Path) -> "dict[str, torch.Tensor]":
    from safetensors.torch import load_file

    return load_file(path)


class _Log:
    """The training curve, as a CSV file and for TensorBoard."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / CURVE
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self.board = None
        else:
            self.board = SummaryWriter(str(folder))

    def write(self, step: int, figures: dict[str, float]) -> None:
        new = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(["step", *figures])
            writer.writerow([step, *(f"{value:.5f}" for value in figures.values())])
        if self.board is not None:
            for name, value in figures.items():
                self.board.add_scalar(name, value, step)
            self.board.flush()


def _save(path: Path, network, average, optimizer, step: int, settings: Settings) -> None:
    """Write everything that training goes on from, as tensors only."""
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    tensors |= {f"average.{name}": tensor for name, tensor in average.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": tensor for name, tensor in state.items()}
    _write(path, tensors, {"step": str(step), "seed": json.dumps(settings.seed)})


def _write(path: Path, tensors: "Mapping[str, torch.Tensor]", metadata: dict[str, str]) -> None:
    """Write tensors beside their place and rename them into it; raises `DiskFullError` where they have no room."""
    from safetensors.torch import save_file

    if shutil.disk_usage(path.parent).free < sum(tensor.nbytes for tensor in tensors.values()):
        raise DiskFullError(path.parent)
    staged = path.with_suffix(".part")
    save_file({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}, staged, metadata)
    os.replace(staged, path)


def _resume(path: Path, network, average, optimizer, settings: Settings) -> int:
    """Take up a checkpoint where there is one and return its step."""
    from safetensors import SafetensorError, safe_open

    if not path.exists():
        return 0
    try:
        with safe_open(path, framework="pt") as file:
            metadata, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        network.load_state_dict(_below("network.", tensors))
        average.load_state_dict(_below("average.", tensors))
    except (SafetensorError, RuntimeError, OSError) as error:
        raise ModelError(f"The checkpoint {path} does not belong to this network; move it away.") from error
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in _below("optimizer.", tensors).items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    return min(int(metadata["step"]), settings.steps)


def _below(prefix: str, tensors: "dict[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
