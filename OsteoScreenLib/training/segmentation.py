"""Training of the three segmentation networks on synthetic spines alone."""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from OsteoScreenLib import __version__
from OsteoScreenLib.errors import ModelError
from OsteoScreenLib.model_choice import role_of
from OsteoScreenLib.models import ModelCard, load_weights, save_model
from OsteoScreenLib.phantoms.spine import SPINE_LEVELS
from OsteoScreenLib.progress import IsCancelled, Progress, never, silent
from OsteoScreenLib.segmentation.networks import FINE_CHANNELS, HEIGHT_SCALE, SURVEY_CHANNELS, build, trained
from OsteoScreenLib.segmentation.st_unet import SMALL
from OsteoScreenLib.training.corridor_samples import NOWHERE, corridor_sample
from OsteoScreenLib.training.shapes import MeasuredVertebra, load_shapes
from OsteoScreenLib.training.survey_samples import survey_sample
from OsteoScreenLib.training.trainer import CURVE, Settings, Task, dense_task, fit
from OsteoScreenLib.training.vertebra_samples import vertebra_sample

if TYPE_CHECKING:
    import torch

_UNET = {"act": ["leakyrelu", {"negative_slope": 0.1}]}

ARCHITECTURES: dict[str, tuple[str, dict[str, Any]]] = {
    "locate": ("BasicUNet", {"out_channels": SURVEY_CHANNELS, "features": (16, 16, 32, 64, 128, 16), **_UNET}),
    "count": ("BasicUNet", {"out_channels": len(SPINE_LEVELS), "features": (16, 32, 64, 96, 128, 16), **_UNET}),
    "refine": ("STUNet", {"out_channels": FINE_CHANNELS, **SMALL}),
}
"""The network of each stage and its arguments."""

_SHAPES = (
    "https://github.com/malekosh/deep-learning-models-for-the-differentiation-of-osteoporotic-and-malignant-"
    "vertebral-fractures (MIT)",
    "https://github.com/Hendrik-code/TPTBox (Apache-2.0)",
    "https://github.com/RemusR9/artisynth_lumbosacralSpineModel (BSD-3-Clause)",
)
"""Where the measured shapes are from."""

_PURPOSE = {
    "locate": "Find the spine and roughly tell the height of every slice on whole CT volumes at 12 mm.",
    "count": "Tell the vertebral level of each slice of a corridor along the spine at 6 mm.",
    "refine": "Segment shell and trabecular compartment of the vertebra in the centre of a crop at 1 mm.",
}


def train(
    stage: str,
    output: Path,
    folder: Path,
    settings: Settings,
    data: Path | None = None,
    device: str = "cpu",
    progress: Progress = silent,
    cancelled: IsCancelled = never,
    parent: str | None = None,
) -> ModelCard:
    """Train ``"locate"``, ``"count"`` or ``"refine"`` and write the model to `output`.

    Checkpoints and the curve go to `folder`. `data` is a folder of vertebra label maps whose shapes join the analytic
    ones (see `shapes.load_shapes`). With `parent`, the name of a model of that stage, its weights are where training
    goes on from, in a folder of its own in `folder`; raises `ModelError` where it is of another.
    """
    shapes = load_shapes(data) if data else []
    network, task = _learner(stage, shapes, settings)
    architecture, parameters = ARCHITECTURES[stage]
    before = None
    if parent:
        before, learned_before = load_weights(parent)
        if role_of(before) != stage:
            raise ModelError(f"{before.name} is no model for {stage}; name one that is, or leave out --from.")
        network, architecture, parameters = trained(before, learned_before), before.architecture, before.parameters
        folder = folder / f"from-{before.sha256[:12]}"
    weights = fit(network, task, settings, folder, device, progress, cancelled)
    samples = f"{settings.steps * settings.batch} samples drawn on the fly, seed {settings.seed}"
    names = ", ".join(["analytic", *sorted({shape.source for shape in shapes})])
    learned = f"Synthetic CT only ({samples}); no real CT intensity was seen. Vertebra shapes: {names}."
    return save_model(
        output,
        {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in weights.items()},
        version=__version__,
        task=_PURPOSE[stage],
        architecture=architecture,
        parameters=parameters,
        trained_on=f"{before.trained_on} Then: {learned}" if before else learned,
        measured=_last_row(folder / CURVE),
        intended_use="Research use only. Cannot be used to rule out low bone density.",
        licence="Apache-2.0",
        role=stage,
        sources=_SHAPES if shapes else before.sources if before else (),
        parent=before.in_full if before else None,
    )


def smoke_test(
    stage: str, settings: Settings, device: str = "cpu", progress: Progress = silent, cancelled: IsCancelled = never
) -> tuple[float, float]:
    """Train for some steps in a folder that is thrown away, and return the loss at the first and the last reading.

    Raises `ModelError` where it has not fallen by a tenth.
    """
    network, task = _learner(stage, [], settings)
    with TemporaryDirectory() as folder:
        fit(network, task, settings, Path(folder), device, progress, cancelled)
        _, *rows = (Path(folder) / CURVE).read_text().splitlines()
    first, last = (float(row.split(",")[1]) for row in (rows[0], rows[-1]))
    if last > 0.9 * first:
        raise ModelError(f"{stage} does not learn: in {settings.steps} steps the loss went from {first} to {last}.")
    return first, last


def _learner(stage: str, shapes: list[MeasuredVertebra], settings: Settings) -> "tuple[torch.nn.Module, Task]":
    """Return the untrained network of a stage, the same for the same seed, and what it has to learn."""
    import torch

    torch.manual_seed(settings.seed)
    draw, loss, measures = {
        "locate": (survey_sample, _locate_loss, _locate_measures),
        "count": (corridor_sample, _count_loss, _count_measures),
        "refine": (vertebra_sample, outline_loss, outline_measures),
    }[stage]
    return build(*ARCHITECTURES[stage]), dense_task(stage, partial(draw, shapes=shapes), loss, measures)


def _locate_loss(output: "torch.Tensor", line: "torch.Tensor", height: "torch.Tensor") -> "torch.Tensor":
    """Return the squared error of the closeness to the spine, weighted up as it is rare, plus that of the height."""
    seen = height.isfinite()
    return 300 * (output[:, 0] - line).square().mean() + (output[:, 1] - height)[seen].abs().mean()


def _count_loss(output: "torch.Tensor", level: "torch.Tensor") -> "torch.Tensor":
    from torch.nn.functional import cross_entropy

    return cross_entropy(output, level, ignore_index=NOWHERE)


def outline_loss(output: "torch.Tensor", classes: "torch.Tensor") -> "torch.Tensor":
    """Return the cross-entropy, which wants probabilities that are true.

    A Dice loss beside it would be smaller for claiming what is in doubt. Where slices are thick much is: with one,
    bodies in slices of 5 mm came out a seventh too large.
    """
    from torch.nn.functional import cross_entropy

    return cross_entropy(output, classes)


def _dice(a: "torch.Tensor", b: "torch.Tensor") -> float:
    total = float(a.sum() + b.sum())
    return 2 * float((a & b).sum()) / total if total else float("nan")


def _locate_measures(output: "torch.Tensor", line: "torch.Tensor", height: "torch.Tensor") -> dict[str, float]:
    """Return the closeness' error and, on the spine, the height's in levels."""
    spine = (line > 0.5) & height.isfinite()
    return {
        "closeness_rmse": float((output[:, 0] - line).square().mean().sqrt()),
        "height_error_levels": float((output[:, 1] - height)[spine].abs().mean()) * HEIGHT_SCALE,
    }


def _count_measures(output: "torch.Tensor", level: "torch.Tensor") -> dict[str, float]:
    """Return the share of the voxels near the centre line whose level is right, and their cross-entropy."""
    asked = level != NOWHERE
    return {
        "levels_right": float((output.argmax(1) == level)[asked].float().mean()),
        "cross_entropy": float(_count_loss(output, level)),
    }


def outline_measures(output: "torch.Tensor", classes: "torch.Tensor") -> dict[str, float]:
    """Return the Dice of the body and of its trabecular compartment."""
    found = output.argmax(1)
    return {"body_dice": _dice(found > 0, classes > 0), "trabecular_dice": _dice(found == 2, classes == 2)}


def _last_row(curve: Path) -> dict[str, float]:
    """Return the figures of the curve's last line: held-out synthetic samples, not real CT."""
    header, *_, last = curve.read_text().splitlines()
    pairs = zip(header.split(","), last.split(","), strict=True)
    return {f"synthetic_{name}": float(value) for name, value in pairs if name not in ("step", "loss")}
