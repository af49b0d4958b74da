"""The trainer: it learns, goes on where it stopped, and never loads anything but tensors."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from OsteoScreenLib.errors import Cancelled, DiskFullError, ModelError
from OsteoScreenLib.training.trainer import BEST, CHECKPOINT, CURVE, Settings, Task, dense_task, fit, sgd

WEIGHTS = np.array([1.5, -2.0, 0.5], np.float32)


def _sample(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    x = rng.normal(size=3).astype(np.float32)
    return x[None], (x @ WEIGHTS).astype(np.float32).reshape(1, 1)


TASK = dense_task(
    "line",
    _sample,
    lambda output, y: (output - y).square().mean(),
    lambda output, y: {"error": float((output - y).abs().mean())},
)


def _network() -> torch.nn.Module:
    torch.manual_seed(1)
    return torch.nn.Linear(3, 1)


def _settings(steps: int, **other: int) -> Settings:
    return Settings(steps=steps, batch=4, rate=0.1, workers=0, checkpoint_every=50, validate_every=100, **other)


def test_it_learns_and_keeps_the_curve(tmp_path: Path) -> None:
    weights = fit(_network(), TASK, _settings(400), tmp_path)
    assert np.allclose(weights["weight"].numpy(), WEIGHTS, atol=0.05)
    rows = (tmp_path / CURVE).read_text().splitlines()
    assert rows[0] == "step,loss,error"
    assert [row.split(",")[0] for row in rows[1:]] == ["100", "200", "300", "400"]


class _Normalised(torch.nn.Module):
    """A network that normalises by the last batch alone, and keeps a table of places."""

    def __init__(self) -> None:
        super().__init__()
        self.normal = torch.nn.BatchNorm1d(3, momentum=1.0)
        self.line = torch.nn.Linear(3, 1)
        self.register_buffer("places", torch.tensor([7, 11]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.line(self.normal(x))


def test_statistics_are_averaged_as_the_weights_are_and_places_are_left_alone(tmp_path: Path) -> None:
    torch.manual_seed(1)
    weights = fit(_Normalised(), TASK, _settings(400), tmp_path)
    # the mean of one batch of 4 has an SD of 0.5, that of some 200 batches one of 0.05
    assert weights["normal.running_mean"].abs().max() < 0.15
    assert weights["places"].tolist() == [7, 11]
    assert weights["places"].dtype == torch.int64


def test_a_stopped_run_ends_as_an_unbroken_one(tmp_path: Path) -> None:
    unbroken = fit(_network(), TASK, _settings(100), tmp_path / "a")
    calls = iter(range(1000))
    with pytest.raises(Cancelled):
        fit(_network(), TASK, _settings(100), tmp_path / "b", cancelled=lambda: next(calls) == 75)
    resumed = fit(_network(), TASK, _settings(100), tmp_path / "b")
    for name, tensor in unbroken.items():
        assert torch.allclose(resumed[name], tensor, atol=1e-6)


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unbroken = fit(_network(), TASK, _settings(100), tmp_path / "a")
    free = iter([10**9, 20])  # at steps 50 and 100
    with monkeypatch.context() as full:
        full.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=next(free)))
        with pytest.raises(DiskFullError, match=r"The disk of .*b is full\. Make room"):
            fit(_network(), TASK, _settings(100), tmp_path / "b")
    resumed = fit(_network(), TASK, _settings(100), tmp_path / "b")
    for name, tensor in unbroken.items():
        assert torch.allclose(resumed[name], tensor, atol=1e-6)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    fit(_network(), TASK, _settings(50), tmp_path)
    with pytest.raises(ModelError, match="does not belong"):
        fit(torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 1)), TASK, _settings(60), tmp_path)
    (tmp_path / CHECKPOINT).write_bytes(b"not tensors")
    with pytest.raises(ModelError, match="does not belong"):
        fit(_network(), TASK, _settings(60), tmp_path)


def test_the_best_weights_are_kept_where_a_task_says_what_is_best(tmp_path: Path) -> None:
    readings = iter([0.2, 0.9, 0.4])
    seen: list[torch.Tensor] = []

    def validate(network: torch.nn.Module, settings: Settings, device: str) -> dict[str, float]:
        seen.append(network.weight.clone())
        return {"score": next(readings)}

    def loss(network: torch.nn.Module, batch: list, device: str) -> torch.Tensor:
        return sum((network(torch.from_numpy(x)) - torch.from_numpy(y)).square().mean() for x, y in batch)

    task = Task("line", _sample, loss, validate, collate=list, optimizer=sgd, best="score")
    settings = Settings(steps=3, batch=2, rate=0.1, workers=0, checkpoint_every=1, validate_every=1)
    weights = fit(_network(), task, settings, tmp_path)
    assert torch.equal(weights["weight"], seen[1])
    assert (tmp_path / BEST).is_file()
    assert len((tmp_path / CURVE).read_text().splitlines()) == 4
