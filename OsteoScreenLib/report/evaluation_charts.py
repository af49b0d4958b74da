"""The figures of an evaluation as SVG: ROC and decision curves, calibration, weights."""

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.evaluation.decision_curves import ALL, NONE
from OsteoScreenLib.evaluation.study import Part

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, QUIET = "#1c2530", "#5b6675"
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe and Ito's, told apart by colour-blind readers; later predictors start again, dashed."""


def roc_svg(parts: tuple[Part, ...]) -> bytes:
    """Draw the ROC curves of each set beside each other."""
    figure, panels = _panels(len(parts), 3.6)
    for axes, part in zip(panels, parts, strict=True):
        for number, (name, curve) in enumerate(part.predictors.curves.items()):
            _, sensitivity, specificity = curve.points
            axes.plot(1 - specificity, sensitivity, label=f"{name}: {curve.auc:.3f}", **_style(number))
        axes.plot([0, 1], [0, 1], color=QUIET, linewidth=0.7, linestyle=":")
        _finish(axes, part.name, "1 - specificity", "sensitivity")
        axes.set_aspect("equal")
        axes.legend(loc="lower right", frameon=False, title="AUC", alignment="left")
    return svg(figure)


def decision_svg(parts: tuple[Part, ...]) -> bytes:
    """Draw net benefit against the threshold probability, for each set."""
    figure, panels = _panels(len(parts), 3.2)
    for axes, part in zip(panels, parts, strict=True):
        by_model = dict(list(part.decisions.groupby("model", sort=False)))
        for number, name in enumerate(part.predictors.curves):
            axes.plot(by_model[name]["threshold"], by_model[name]["net_benefit"], label=name, **_style(number))
        for name, line in ((ALL, "--"), (NONE, "-")):
            axes.plot(
                by_model[name]["threshold"], by_model[name]["net_benefit"], line, color=QUIET, linewidth=0.8,
                label=f"treat {name}",
            )  # fmt: skip
        prevalence = part.cases / part.rows
        axes.set_ylim(-0.15 * prevalence, 1.5 * prevalence)
        _finish(axes, part.name, "threshold probability", "net benefit")
        axes.legend(loc="upper right", frameon=False, ncols=2)
    return svg(figure)


def calibration_svg(parts: tuple[Part, ...]) -> bytes:
    """Draw observed shares against predicted risks, for each set."""
    figure, panels = _panels(len(parts), 3.6)
    for axes, part in zip(panels, parts, strict=True):
        for number, name in enumerate(part.predictors.curves):
            if name in part.calibrations:
                found = part.calibrations[name]
                axes.plot(found.predicted, found.observed, marker="o", markersize=3, label=name, **_style(number))
        axes.plot([0, 1], [0, 1], color=QUIET, linewidth=0.7, linestyle=":")
        _finish(axes, part.name, "predicted risk", "observed share")
        axes.set_aspect("equal")
        if part.calibrations:
            axes.legend(loc="upper left", frameon=False)
    return svg(figure)


def weights_svg(weights: Mapping[str, float]) -> bytes:
    """Draw each feature's change of the score per standard deviation, the largest on top."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.4, 0.6 + 0.22 * max(len(weights), 1)), layout="constrained")
    axes = figure.add_subplot()
    values = np.array(list(weights.values()), dtype=float)
    axes.barh(range(len(values)), values, color=[COLORS[1] if value > 0 else COLORS[0] for value in values])
    axes.set_yticks(range(len(values)), list(weights))
    axes.invert_yaxis()
    axes.axvline(0, color=INK, linewidth=0.7)
    _finish(axes, "", "change of the rad-score per standard deviation", "")
    return svg(figure)


def _panels(count: int, height: float) -> "tuple[Figure, list[Axes]]":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.7 * count, height), layout="constrained")
    return figure, list(figure.subplots(1, count, squeeze=False)[0])


def _style(number: int) -> dict[str, object]:
    return {"color": COLORS[number % len(COLORS)], "linewidth": 1.3, "linestyle": "-" if number < len(COLORS) else "--"}


def _finish(axes: "Axes", title: str, x: str, y: str) -> None:
    axes.set_title(title, fontsize=9)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)


def svg(figure: "Figure") -> bytes:
    """Return a figure as SVG, in the reports' type size, the same for the same figure."""
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "osteoscreen"}):
        for axes in figure.axes:
            for text in axes.findobj(lambda artist: hasattr(artist, "set_fontsize")):
                text.set_fontsize(7.5)
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()
