"""Training of the three segmentation networks on synthetic spines alone."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from OsteoScreenLib import __version__
from OsteoScreenLib.models import ModelCard, save_model
from OsteoScreenLib.phantoms.spine import SPINE_LEVELS
from OsteoScreenLib.progress import IsCancelled, Progress, never, silent
from OsteoScreenLib.segmentation.networks import FINE_CHANNELS, HEIGHT_SCALE, SURVEY_CHANNELS, build
from OsteoScreenLib.training.corridor_samples import NOWHERE, corridor_sample
from OsteoScreenLib.training.shapes import load_shapes
from OsteoScreenLib.training.survey_samples import survey_sample
from OsteoScreenLib.training.trainer import Settings, Task, fit
from OsteoScreenLib.training.vertebra_samples import vertebra_sample

if TYPE_CHECKING:
    import torch

STAGES = {
    "locate": (SURVEY_CHANNELS, (16, 16, 32, 64, 128, 16)),
    "count": (len(SPINE_LEVELS), (16, 32, 64, 96, 128, 16)),
    "refine": (FINE_CHANNELS, (12, 24, 48, 96, 128, 12)),
}
"""Output channels and the widths of the U-Net's stages."""

_PURPOSE = {
    "locate": "Find the spine and roughly tell the height of every slice on whole CT volumes at 12 mm.",
    "count": "Tell the vertebral level of each slice of a corridor along the spine at 6 mm.",
    "refine": "Segment shell and trabecular compartment of the vertebra in the centre of a 72 mm crop at 1.5 mm.",
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
) -> ModelCard:
    """Train ``"locate"``, ``"count"`` or ``"refine"`` and write the model to `output`.

    Checkpoints and the curve go to `folder`. `data` is a folder of vertebra label maps whose shapes join the analytic
    ones (see `shapes.load_shapes`).
    """
    import torch

    shapes = load_shapes(data) if data else []
    torch.manual_seed(settings.seed)
    channels, features = STAGES[stage]
    parameters = {"out_channels": channels, "features": features, "act": ["leakyrelu", {"negative_slope": 0.1}]}
    network = build("BasicUNet", parameters)
    draw, loss, measures = {
        "locate": (survey_sample, _locate_loss, _locate_measures),
        "count": (corridor_sample, _count_loss, _count_measures),
        "refine": (vertebra_sample, _refine_loss, _refine_measures),
    }[stage]
    task = Task(stage, partial(draw, shapes=shapes), loss, measures)
    weights = fit(network, task, settings, folder, device, progress, cancelled)
    sources = sorted({shape.source for shape in shapes})
    return save_model(
        output,
        {name: tensor.half() for name, tensor in weights.items()},
        version=__version__,
        task=_PURPOSE[stage],
        architecture="BasicUNet",
        parameters=parameters,
        trained_on=(
            f"Synthetic CT only ({settings.steps * settings.batch} samples drawn on the fly, seed {settings.seed}); "
            f"no real CT intensity was seen. Vertebra shapes: {', '.join(['analytic', *sources])}."
        ),
        measured=_last_row(folder / "curve.csv"),
        intended_use="Research use only. Cannot be used to rule out low bone density.",
        licence="Apache-2.0",
        sources=(
            "https://github.com/malekosh/deep-learning-models-for-the-differentiation-of-osteoporotic-and-malignant-"
            "vertebral-fractures (MIT)",
            "https://github.com/Hendrik-code/TPTBox (Apache-2.0)",
        )
        if sources
        else (),
    )


def _locate_loss(output: "torch.Tensor", line: "torch.Tensor", height: "torch.Tensor") -> "torch.Tensor":
    """Return the squared error of the closeness to the spine, weighted up as it is rare, plus that of the height."""
    seen = height.isfinite()
    return 300 * (output[:, 0] - line).square().mean() + (output[:, 1] - height)[seen].abs().mean()


def _count_loss(output: "torch.Tensor", level: "torch.Tensor") -> "torch.Tensor":
    from torch.nn.functional import cross_entropy

    return cross_entropy(output, level, ignore_index=NOWHERE)


def _refine_loss(output: "torch.Tensor", classes: "torch.Tensor") -> "torch.Tensor":
    from monai.losses import DiceCELoss

    return DiceCELoss(to_onehot_y=True, softmax=True, include_background=False, batch=True)(output, classes[:, None])


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


def _refine_measures(output: "torch.Tensor", classes: "torch.Tensor") -> dict[str, float]:
    found = output.argmax(1)
    return {"body_dice": _dice(found > 0, classes > 0), "trabecular_dice": _dice(found == 2, classes == 2)}


def _last_row(curve: Path) -> dict[str, float]:
    """Return the figures of the curve's last line: held-out synthetic samples, not real CT."""
    header, *_, last = curve.read_text().splitlines()
    pairs = zip(header.split(","), last.split(","), strict=True)
    return {f"synthetic_{name}": float(value) for name, value in pairs if name not in ("step", "loss")}
