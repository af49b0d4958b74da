"""What dual-selective attention is worth on held-out phantoms, and what it costs.

Two detectors that differ in the attention alone are trained from scratch on the same slices of the same phantoms, and
judged on the same held-out patients in the same run; the shipped detector is judged on them, too, and on the real CTs
against our own outlines. The interval of the difference is a bootstrap over patients. Speed is that of one core, in
turns, against torchvision's ``fasterrcnn_resnet50_fpn`` at its own size. Writes ``detection-figures.md`` where it is
told to:

    python -m Testing.benchmarks.detection --patients 420 --test 40 --epochs 1 --write docs/detection-figures.md
"""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from OsteoScreenLib.bone_status import STATUSES, status_of
from OsteoScreenLib.detection.detect import course_of_labels, course_of_line, detect
from OsteoScreenLib.detection.dsnet import PAPER, SMALL, build
from OsteoScreenLib.levels import SCREENED
from OsteoScreenLib.measurement.frame import boxes
from OsteoScreenLib.models import find
from OsteoScreenLib.phantoms.t_score import bone_of, random_t_score
from OsteoScreenLib.readers import read_volume
from OsteoScreenLib.segmentation.engines import segment
from OsteoScreenLib.segmentation.levels_along import levels_along
from OsteoScreenLib.training.slice_dataset import SliceImage
from OsteoScreenLib.volume import Volume
from Testing.benchmarks.detector_runs import TEST_SEED, TRAINING_SEED, Run, looked, phantom_slices, trained
from Testing.benchmarks.reference import data_folder
from Testing.benchmarks.table import markdown, models_line

FIGURES = {"Map": "map_paper", "Recall": "recall", "Acc": "acc", "mAP@0.5": "map50", "mAP@[.5:.95]": "map",
           "status right": "class_accuracy"}  # fmt: skip
RESAMPLES = 100
REAL_CTS = ("ct_totalsegmentator/ct.nii.gz", "ct_acrin_flt_001/dicom")


def rows(runs: dict[str, Run], patients: Sequence[str]) -> pd.DataFrame:
    """Return the figures of each run, and of the second over the first with a 95 % interval over patients."""
    table = [{"detector": name, **_figures(run.figures)} for name, run in runs.items()]
    none, ds = list(runs.values())[:2]
    low, high = np.nanpercentile(_resampled(none, ds, patients), [2.5, 97.5], axis=0)
    gain = {
        key: f"{table[1][key] - table[0][key]:+.3f} ({a:+.3f} to {b:+.3f})"
        for key, a, b in zip(FIGURES, low, high, strict=True)
    }
    return pd.DataFrame([*table, {"detector": "DS - none (95 % interval)", **gain}])


def _figures(figures: object) -> dict[str, float]:
    return {name: getattr(figures, attribute) for name, attribute in FIGURES.items()}


def _resampled(none: Run, ds: Run, patients: Sequence[str]) -> np.ndarray:
    """Return the difference of each figure (resample, figure) over patients drawn with replacement."""
    rng = np.random.default_rng(0)
    names = sorted(set(patients))
    own = {name: np.flatnonzero(np.array(patients) == name) for name in names}
    found = []
    for _ in range(RESAMPLES):
        chosen = np.concatenate([own[name] for name in rng.choice(names, len(names))])
        first, second = (_figures(run.on(chosen)) for run in (none, ds))
        found.append([second[key] - first[key] for key in FIGURES])
    return np.array(found)


def on_real_ct(data: Path) -> pd.DataFrame:
    """Return how each level's box overlaps (IoU, in space) the box around our own outline, with masks and without."""
    rows = []
    for name in REAL_CTS:
        volume = read_volume(data / name)
        labels = segment(volume, "st-unet", "cpu").labels
        line = levels_along(volume, "cpu").line
        courses = {"masks": course_of_labels(labels), "spine's line": course_of_line(line.points, line.heights)}
        for way, course in courses.items():
            found = {one.level: np.array([*one.low, *one.high]) for one in detect(volume, course)[0].vertebrae}
            overlap = {level: _overlap(found.get(level), labels, level) for level in SCREENED}
            rows.append({"CT": name.split("/")[0], "slices follow": way, **overlap})
    return pd.DataFrame(rows)


def _overlap(box: np.ndarray | None, labels: Volume, level: str) -> float:
    from monai.data.box_utils import box_iou

    if box is None:
        return 0.0
    k, j, i = boxes(labels)[level]
    corners = [[a.start - 0.5, a.stop - 0.5] for a in (i, j, k)]
    outer = labels.to_ras(np.stack(np.meshgrid(*corners), axis=-1).reshape(-1, 3))
    return float(box_iou(box[None], np.concatenate([outer.min(0), outer.max(0)])[None])[0, 0])


def ceiling(patients: int = 20_000) -> float:
    """Return how often the best guess is right of somebody who knows a phantom's density in one level exactly."""
    rng = np.random.default_rng(0)
    drawn = [random_t_score(rng) for _ in range(patients)]
    hu = np.array([bone_of(t_score, rng).trabecular["L2"] for t_score in drawn])
    status = np.array([status_of(t_score) for t_score in drawn])
    edges = np.arange(-50, 400, 5)
    counts = [np.histogram(np.clip(hu[status == n], edges[0], edges[-1] - 1), edges)[0] for n in range(len(STATUSES))]
    return float(np.max(counts, axis=0).sum() / patients)


def speed(turns: int) -> pd.DataFrame:
    """Return slices a second of one core, the median over turns that the networks take one after the other.

    Two networks are compared within each turn, so that what else the machine does touches both alike.
    """
    import torch
    import torchvision

    torch.set_num_threads(1)
    plain = torchvision.models.detection.fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None, num_classes=4)
    networks: dict[str, tuple[Callable, int]] = {
        "fasterrcnn_resnet50_fpn": (plain, 512),
        "ResNet50, none": (build(**{**PAPER, "attention": "none"}), 512),
        "ResNet50, DS": (build(**PAPER), 512),
        "shipped size, none": (build(**{**SMALL, "attention": "none"}), 128),
        "shipped size, DS": (build(**SMALL), 128),
    }
    took: dict[str, list[float]] = {name: [] for name in networks}
    with torch.inference_mode():
        for turn in range(turns + 1):
            for name, (network, size) in networks.items():
                image = torch.rand(3, size, size)
                started = time.process_time()
                network.eval()([image])
                if turn:
                    took[name].append(time.process_time() - started)
    median = {name: float(np.median(seconds)) for name, seconds in took.items()}

    def over(name: str, other: str) -> float:
        return float(np.median(np.divide(took[name], took[other])))

    return pd.DataFrame(
        {
            "network": name,
            "slice, pixels": f"{size} x {size}",
            "s a slice": median[name],
            "slices a second": 1 / median[name],
            "time over the same without DS": over(name, name.replace("DS", "none")),
            "time over fasterrcnn_resnet50_fpn": over(name, "fasterrcnn_resnet50_fpn"),
        }
        for name, (_, size) in networks.items()
    )


def main() -> None:
    """Train both, judge all, print the tables and keep them."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--patients", type=int, default=420, help="phantoms to learn from")
    options.add_argument("--test", type=int, default=40, help="phantoms to be judged on")
    options.add_argument("--epochs", type=int, default=1)
    options.add_argument("--size", type=int, default=96, help="pixels of a slice for the two that are compared")
    options.add_argument("--turns", type=int, default=5, help="for the speed")
    options.add_argument("--data", type=Path, help="a folder for the slices, used again when there")
    options.add_argument("--skip-training", action="store_true")
    options.add_argument("--write", type=Path, help="a Markdown file for the tables")
    wanted = options.parse_args()
    with TemporaryDirectory() as scratch:
        page = _page(wanted, wanted.data or Path(scratch))
    print(page)
    if wanted.write:
        wanted.write.write_text(page, encoding="utf-8")


def _page(wanted: argparse.Namespace, data: Path) -> str:
    data.mkdir(parents=True, exist_ok=True)
    test = phantom_slices(data / "test", wanted.test, TEST_SEED)
    parts = [models_line()]
    if not wanted.skip_training:
        parts.append(_compared(wanted, phantom_slices(data / "train", wanted.patients, TRAINING_SEED), test))
    shipped = looked(SMALL, find("detect") / "model.safetensors", test)
    parts.append(
        f"The shipped detector on the same {wanted.test} held-out patients ({len(test)} slices):\n\n"
        f"{markdown(pd.DataFrame([_figures(shipped.figures)]))}\n\nTrue status down, found across (normal, osteopenia, "
        f"osteoporosis, missed; last row: nowhere):\n\n```\n{shipped.figures.confusion}\n```"
    )
    if (real := data_folder()).is_dir():
        parts.append(f"Boxes on real CT against our own outlines, IoU in space:\n\n{markdown(on_real_ct(real))}")
    parts.append(f"Whoever knew the density of a level exactly would name the status rightly in {ceiling():.3f}.")
    parts.append(f"Speed, processor seconds of one core, median of {wanted.turns}:\n\n{markdown(speed(wanted.turns))}")
    return "\n\n".join(parts) + "\n"


def _compared(wanted: argparse.Namespace, slices: list[SliceImage], test: list[SliceImage]) -> str:
    runs = {
        attention: trained(slices, test, {**SMALL, "size": wanted.size, "attention": attention}, wanted.epochs)
        for attention in ("none", "ds")
    }
    return (
        f"Trained from scratch alike: {wanted.patients} phantoms, {wanted.epochs} epochs, {wanted.size} pixels; "
        f"judged on {wanted.test} others.\n\n{markdown(rows(runs, [one.patient for one in test]))}"
    )


if __name__ == "__main__":
    main()
