"""The ablation of Xue et al. 2022 on phantoms: backbones and attention, all trained from scratch alike.

None, SE, SK and DS on ResNet50; VGG16 and MobileNet with and without DS; the small ResNet that is shipped. From scratch
and for a few steps this shows that each form learns and what it costs, not which is better:

    python -m Testing.benchmarks.detection_ablation --data FOLDER --write docs/detection-ablation.md

A form whose row is in the folder is not trained again, so that the run may be stopped and started.
"""

import argparse
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from OsteoScreenLib.detection.dsnet import SMALL
from OsteoScreenLib.output import staged_file
from OsteoScreenLib.training.slice_dataset import SliceImage
from Testing.benchmarks.detection import FIGURES
from Testing.benchmarks.detector_runs import TEST_SEED, TRAINING_SEED, phantom_slices, trained
from Testing.benchmarks.kept import kept_row
from Testing.benchmarks.table import markdown

VARIANTS = (
    ("resnet50", "none"), ("resnet50", "se"), ("resnet50", "sk"), ("resnet50", "ds"),
    ("vgg16", "none"), ("vgg16", "ds"), ("mobilenet", "none"), ("mobilenet", "ds"),
    ("resnet10", "none"), ("resnet10", "ds"),
)  # fmt: skip


def main() -> None:
    """Train each form in turn, print the table and keep it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--patients", type=int, default=420, help="phantoms to learn from")
    options.add_argument("--test", type=int, default=40, help="phantoms to be judged on")
    options.add_argument("--epochs", type=int, default=1)
    options.add_argument("--size", type=int, default=96, help="pixels of a slice")
    options.add_argument("--data", type=Path, help="a folder for slices and rows, used again when there")
    options.add_argument("--write", type=Path, help="a Markdown file for the table")
    wanted = options.parse_args()
    with TemporaryDirectory() as scratch:
        data = wanted.data or Path(scratch)
        data.mkdir(parents=True, exist_ok=True)
        slices = phantom_slices(data / "train", wanted.patients, TRAINING_SEED)
        test = phantom_slices(data / "test", wanted.test, TEST_SEED)
        anchors = [anchor * wanted.size // SMALL["size"] for anchor in SMALL["anchors"]]
        for backbone, attention in VARIANTS:
            kept = data / f"{backbone}-{attention}-{wanted.size}-{wanted.epochs}.json"
            form = {"size": wanted.size, "anchors": anchors, "backbone_name": backbone, "attention": attention}
            print(kept_row(kept, partial(row_of, slices, test, {**SMALL, **form}, wanted.epochs)), flush=True)
            if wanted.write:
                with staged_file(wanted.write) as staged:
                    staged.write_text(document(data, wanted), encoding="utf-8")


def row_of(
    slices: Sequence[SliceImage], test: Sequence[SliceImage], form: dict[str, Any], epochs: int
) -> dict[str, object]:
    """Train one form and judge it on the test slices."""
    run = trained(slices, test, form, epochs)
    return {
        "backbone": form["backbone_name"],
        "attention": form["attention"],
        "parameters": f"{run.parameters / 1e6:.2f} M",
        **{name: getattr(run.figures, attribute) for name, attribute in FIGURES.items()},
        "processor s a slice": run.seconds,
    }


def document(data: Path, wanted: argparse.Namespace) -> str:
    """Return the page of the rows that are in the folder."""
    paths = {(b, a): data / f"{b}-{a}-{wanted.size}-{wanted.epochs}.json" for b, a in VARIANTS}
    rows = [json.loads(path.read_text()) for path in paths.values() if path.exists()]
    missing = ", ".join(" ".join(form) for form, path in paths.items() if not path.exists())
    return (
        "# Detection: the ablation\n\n"
        "Written by `python -m Testing.benchmarks.detection_ablation`. **Phantoms, no patient.**\n\n"
        f"Each form learned from scratch alike, from {wanted.patients} phantoms of 8 slices, at {wanted.size} pixels, "
        f"in {wanted.epochs} of the\npaper's 100 epochs, and was judged on {wanted.test} others. So short a training "
        "shows that each form learns. It does not\nshow which is better: there is one training of each, and none has "
        "learned out: where Recall is 0 no score reaches the\nthreshold yet. "
        "Seconds are of the processor, beside other work.\n\n"
        f"{markdown(pd.DataFrame(rows))}\n\n"
        f"Not run yet: {missing or 'none'}.\n"
    )


if __name__ == "__main__":
    main()
