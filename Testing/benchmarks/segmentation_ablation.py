"""What the parts of the outlining network are worth: the same training with one of them changed.

ST-UNet against a U-Net of equal size; analytic shapes alone against all shapes; crops of 1 mm against 3 mm. All learn
from as many samples, by the same recipe, from scratch:

    python -m Testing.benchmarks.segmentation_ablation --folder FOLDER --write docs/segmentation-ablation.md

A training that was stopped goes on where it was, and a row that is in the folder is not made again.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn.functional import interpolate, pad

from OsteoScreenLib.evaluation.overlap import overlap
from OsteoScreenLib.levels import SCREENED, body_mask
from OsteoScreenLib.segmentation.networks import BEYOND_HU, FINE_CHANNELS, FINE_SIZE, build, normalise
from OsteoScreenLib.segmentation.refine import outline, paint
from OsteoScreenLib.segmentation.st_unet import SMALL, STUNet
from OsteoScreenLib.training.segmentation import outline_loss, outline_measures
from OsteoScreenLib.training.shapes import load_shapes
from OsteoScreenLib.training.trainer import Settings, dense_task, fit
from OsteoScreenLib.training.vertebra_samples import vertebra_sample
from Testing.benchmarks.kept import kept_row
from Testing.benchmarks.reference import data_folder, totalsegmentator_case
from Testing.benchmarks.table import markdown

TEST_SEED = 40_000_003
UNET = {"out_channels": FINE_CHANNELS, "features": (16, 32, 36, 64, 72, 16),
        "act": ["leakyrelu", {"negative_slope": 0.1}]}  # fmt: skip
"""MONAI's BasicUNet, as wide as makes it as large as the small ST-UNet."""


class Coarse(nn.Module):
    """ST-UNet that sees a crop of 1 mm averaged to 3 mm; its logits are interpolated back to 1 mm."""

    SIDE = 72

    def __init__(self) -> None:
        super().__init__()
        windows = ((6, 6, 6), (3, 3, 3))
        self.network = STUNet(FINE_CHANNELS, **{**SMALL, "windows": windows})

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits (batch, channel, k, j, i) of an image (batch, 1, k, j, i)."""
        room = [(self.SIDE - n) // 2 for n in reversed(image.shape[2:])]
        cube = pad(image, [n for side in room for n in (side, side)], value=float(normalise(np.float32(BEYOND_HU))))
        found = interpolate(self.network(nn.functional.avg_pool3d(cube, 3)), scale_factor=3.0, mode="trilinear")
        inside = tuple(slice(n, self.SIDE - n) for n in reversed(room))
        return found[:, :, *inside]


@dataclass(frozen=True)
class Arm:
    """One training: its name, its network, and whether measured shapes join the analytic ones."""

    name: str
    network: Callable[[], nn.Module]
    all_shapes: bool = True


ARMS = (
    Arm("ST-UNet, all shapes, 1 mm", partial(build, "STUNet", {"out_channels": FINE_CHANNELS, **SMALL})),
    Arm("U-Net of equal size", partial(build, "BasicUNet", UNET)),
    Arm("analytic shapes alone", partial(build, "STUNet", {"out_channels": FINE_CHANNELS, **SMALL}), all_shapes=False),
    Arm("3 mm", Coarse),
)


def row_of(arm: Arm, folder: Path, steps: int, test: int) -> dict[str, object]:
    """Train one form and judge it on crops of other phantoms and on the bodies of a real CT with known centres."""
    data = data_folder()
    everything = load_shapes(data)
    settings = Settings(steps, batch=1, workers=0, validate_every=steps)
    torch.manual_seed(settings.seed)
    network = arm.network()
    draw = partial(vertebra_sample, shapes=everything if arm.all_shapes else [])
    task = dense_task("refine", draw, outline_loss, outline_measures)
    began = time.process_time()
    network.load_state_dict(fit(network, task, settings, folder / arm.name))
    seconds = time.process_time() - began
    network.eval()
    figures = pd.DataFrame([on_a_phantom(network, number, everything) for number in range(test)])
    real = on_real_ct(network, data)
    return {
        "form": arm.name,
        "parameters": f"{sum(p.numel() for p in network.parameters()) / 1e6:.2f} M",
        "body, median": figures["body_dice"].median(),
        "5th percentile": figures["body_dice"].quantile(0.05),
        "trabecular, median": figures["trabecular_dice"].median(),
        "real CT, body L1 to L4": " ".join(f"{one:.3f}" for one in real),
        "their mean": float(np.mean(real)),
        "CPU s of this call": round(seconds),
    }


def on_a_phantom(network: nn.Module, number: int, shapes: list) -> dict[str, float]:
    """Return the Dice of body and trabecular bone in two scans of a vertebra that was not learned from."""
    image, classes = vertebra_sample(np.random.default_rng([TEST_SEED, number]), shapes)
    with torch.inference_mode():
        return outline_measures(network(torch.from_numpy(image)), torch.from_numpy(classes))


def on_real_ct(network: nn.Module, data: Path) -> list[float]:
    """Return the Dice of the bodies L1 to L4 of the TotalSegmentator CT, outlined from their true centres."""
    case = totalsegmentator_case(data)
    truth = {level: body_mask(case.labels.voxels, level) for level in SCREENED}
    centres = [case.volume.to_ras(np.argwhere(truth[level]).mean(0)[::-1]) for level in SCREENED]
    bodies = dict(zip(SCREENED, outline(case.volume, centres, network, "cpu", flips=True), strict=True))
    found = paint(case.volume, {level: body for level, body in bodies.items() if body is not None})
    return [overlap(body_mask(found, level), truth[level], case.volume.spacing).dice for level in SCREENED]


def main() -> None:
    """Train and judge what is not there yet, and print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--folder", type=Path, required=True, help="trainings and rows, used again when there")
    options.add_argument("--steps", type=int, default=400, help="of one phantom vertebra, scanned twice")
    options.add_argument("--test", type=int, default=40, help="phantom vertebrae to be judged on, scanned twice")
    options.add_argument("--write", type=Path, help="a Markdown file for the table")
    wanted = options.parse_args()
    folder = wanted.folder / f"{wanted.steps}"
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for arm in ARMS:
        rows.append(kept_row(folder / f"{arm.name}.json", partial(row_of, arm, folder, wanted.steps, wanted.test)))
        print(rows[-1], flush=True)
    size = " x ".join(map(str, FINE_SIZE))
    page = (
        f"{wanted.steps} steps from scratch, each of one synthetic vertebra in a crop of {size} mm, scanned twice;\n"
        f"judged on {wanted.test} others (all shapes and faults) and on ct_totalsegmentator, from true centres. Dice.\n"
        "\n"
        f"{markdown(pd.DataFrame(rows))}\n"
    )
    print(page)
    if wanted.write:
        wanted.write.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
