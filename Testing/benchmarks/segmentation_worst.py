"""The worst body of each of the three hard phantoms that our engine outlines worst, cut lengthwise and across.

    python -m Testing.benchmarks.segmentation_worst --hard 100 --keep DIR --write docs/images/worst.png

DIR holds the rows that `Testing.benchmarks.segmentation --keep DIR` has left; phantoms without one are run here.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from OsteoScreenLib.levels import body_mask
from OsteoScreenLib.phantoms import make_phantom
from OsteoScreenLib.segmentation.engines import segment
from Testing.benchmarks.segmentation import DISEASE, FAULTS, FIRST_HARD_SEED, GRIDS, kept_in, phantom_rows

AROUND_MM = 18.0
TRUTH, OURS = "#00e676", "#ff6d00"


def draw_case(axes: np.ndarray, case: int, level: str, title: str) -> None:
    """Draw one body of a hard phantom in two cuts (sagittal, axial), through the middle of its true mask."""
    size, spacing = GRIDS[case % len(GRIDS)]
    phantom = make_phantom(FIRST_HARD_SEED + case, size, spacing, disease=DISEASE, faults=FAULTS)
    volume = phantom.volume
    truth = body_mask(phantom.labels.voxels, level)
    ours = body_mask(segment(volume, device="cpu").labels.voxels, level)
    there = np.argwhere(truth | ours)
    around = np.ceil(AROUND_MM / np.array(volume.spacing[::-1])).astype(int)
    low, high = np.maximum(there.min(0) - around, 0), there.max(0) + around + 1
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    k, _, i = np.rint(np.argwhere(truth).mean(0)).astype(int) - low
    x, y, z = volume.spacing
    for ax, cut, aspect in ((axes[0], np.s_[:, :, i], z / y), (axes[1], np.s_[k], y / x)):
        _draw_cut(ax, volume.voxels[box][cut], truth[box][cut], ours[box][cut], aspect)
    axes[0].set_title(title, fontsize=9, loc="left")


def _draw_cut(ax: Axes, hu: np.ndarray, truth: np.ndarray, ours: np.ndarray, aspect: float) -> None:
    ax.imshow(hu, cmap="gray", vmin=-200, vmax=600, aspect=aspect, origin="lower")
    for mask, color in ((truth, TRUTH), (ours, OURS)):
        if mask.any():
            ax.contour(mask, [0.5], colors=color, linewidths=1.2)
    ax.axis("off")


def main() -> None:
    """Find the worst body of each phantom, print the figures of the three worst, and draw them."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--hard", type=int, default=100)
    options.add_argument("--keep", type=Path, required=True)
    options.add_argument("--write", type=Path, required=True, help="a PNG")
    wanted = options.parse_args()
    rows = phantom_rows(wanted.hard, FIRST_HARD_SEED, DISEASE, FAULTS, kept_in(wanted.keep))
    worst = rows.loc[rows.groupby("case").body_dice.idxmin()].nsmallest(3, "body_dice")
    print(worst.to_string(index=False))
    figure = Figure(figsize=(7, 10), layout="constrained")
    for axes, row in zip(figure.subplots(3, 2), worst.itertuples(), strict=True):
        title = f"phantom {row.case}, {row.level}, {row.slice_mm:g} mm slices: body Dice {row.body_dice:.3f}"
        draw_case(axes, row.case, row.level, title)
    figure.suptitle("Synthetic. Green: truth; orange: OsteoScreen", fontsize=10)
    figure.savefig(wanted.write, dpi=110)


if __name__ == "__main__":
    main()
