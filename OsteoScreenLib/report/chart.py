"""HU per level against the reference lines, as one small chart."""

import base64
import io
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.levels import BY_NAME
from OsteoScreenLib.measurement.cutoffs import Cutoff

if TYPE_CHECKING:
    import pandas as pd

INK, QUIET = "#1c2530", "#5b6675"


def hu_chart(measurements: "pd.DataFrame", cutoffs: tuple[Cutoff, ...]) -> str:
    """Return an SVG (base64): the ellipse's mean, the trabecular mean and its 10th to 90th percentile per level.

    Reference lines are solid at the level they were made for and dotted at the others; they are numbered as in
    `cutoffs`, from 1.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.hashsalt": "osteoscreen", "font.size": 8, "text.color": INK}):
        figure = Figure(figsize=(3.1, 3.2), layout="constrained")
        axes = figure.add_subplot()
        levels = list(measurements["level"])
        for x, row in enumerate(measurements.to_dict("records")):
            color = BY_NAME[row["level"]].color
            axes.plot([x - 0.12] * 2, [row["trabecular_p10_hu"], row["trabecular_p90_hu"]], color=color, linewidth=5,
                      alpha=0.45, solid_capstyle="butt", zorder=2)  # fmt: skip
            axes.plot(x - 0.12, row["trabecular_mean_hu"], "s", color="white", markeredgecolor=INK, zorder=3)
            axes.plot(x + 0.12, row["roi_mean_hu"], "o", color=color, markeredgecolor=INK, zorder=3)
        _lines(axes, levels, cutoffs)
        axes.plot([], [], "o", color="#9aa3ad", markeredgecolor=INK, label="anterior ellipse")
        axes.plot([], [], "s", color="white", markeredgecolor=INK, label="trabecular mean")
        axes.plot([], [], color="#9aa3ad", linewidth=4, solid_capstyle="butt", label="10th-90th percentile")
        figure.legend(
            loc="outside lower center",
            ncols=3,
            frameon=False,
            fontsize=6.5,
            handletextpad=0.4,
            columnspacing=1,
            handlelength=1,
        )
        axes.set_xticks(range(len(levels)), levels)
        axes.set_xlim(-0.5, max(len(levels), 1) - 0.5)
        axes.set_ylabel("trabecular HU", color=INK)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=INK)
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    return base64.b64encode(file.getvalue()).decode("ascii")


def _lines(axes, levels: list[str], cutoffs: tuple[Cutoff, ...]) -> None:
    """Draw the reference lines with their names at the right edge, moved apart where they would touch."""
    low, high = axes.get_ylim()
    values = [cutoff.hu for cutoff in cutoffs]
    low, high = min([low, 0, *values]), max([high, *values]) + 15
    axes.set_ylim(low, high)
    gap = 0.052 * (high - low)
    order = np.argsort(values)
    places = np.array(values, dtype=float)[order]
    for n in range(1, len(places)):
        places[n] = max(places[n], places[n - 1] + gap)
    edge = max(len(levels), 1) - 0.5
    for place, index in zip(places, order, strict=True):
        cutoff = cutoffs[index]
        axes.axhline(cutoff.hu, color=QUIET, linewidth=0.7, linestyle=":", zorder=1)
        if cutoff.level in levels:
            x = levels.index(cutoff.level)
            axes.plot([x - 0.4, x + 0.4], [cutoff.hu] * 2, color=INK, linewidth=1.3, zorder=1)
        leader = {"arrowstyle": "-", "linewidth": 0.4, "color": QUIET, "shrinkA": 0, "shrinkB": 0}
        axes.annotate(
            f"{cutoff.hu:g} ({index + 1})",
            (edge, cutoff.hu),
            (edge + 0.12, place),
            fontsize=6.5,
            va="center",
            annotation_clip=False,
            arrowprops=leader,
        )
