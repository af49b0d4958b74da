"""Pictures of films: a scored film beside its heat map, the confusion matrix, and what a test got wrong."""

import base64
import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib import RESEARCH_USE, __version__
from OsteoScreenLib.evaluation.study import study
from OsteoScreenLib.output import staged_folder
from OsteoScreenLib.report.evaluation_charts import INK, svg
from OsteoScreenLib.report.evaluation_page import write_evaluation
from OsteoScreenLib.report.templates import templates

if TYPE_CHECKING:
    import pandas as pd

    from OsteoScreenLib.radiographs.score import Score, Scored
    from OsteoScreenLib.training.films import Trained

SCORES, PAGE = "scores.csv", "report.html"
WRONG_SHOWN = 24
GAP = 12
"""Pixels between a film and its heat map."""


def write_scores(scored: "Scored", folder: Path) -> None:
    """Write ``scores.csv`` and ``report.html`` of scored films into a folder; raises `OutputError`."""
    with staged_folder(folder) as staged:
        score_table(scored).to_csv(staged / SCORES, index=False, float_format="%.6f")
        pictures = [(one, base64.b64encode(_beside(one)).decode("ascii")) for one in scored.scores]
        page = templates().get_template("films.html.j2")
        text = page.render(scored=scored, pictures=pictures, research_use=RESEARCH_USE, version=__version__)
        (staged / PAGE).write_text(text, encoding="utf-8")


def score_table(scored: "Scored") -> "pd.DataFrame":
    """Return a row for each film: its name, score, class, and whose threshold and model made the class."""
    import pandas as pd

    rows = [(one.name, one.score, one.label, scored.threshold, scored.card.name) for one in scored.scores]
    return pd.DataFrame(rows, columns=["film", "score", "class", "threshold", "model"])


def write_test(trained: "Trained", classes: tuple[str, str], folder: Path) -> None:
    """Write how a trained network did on the films held out: metrics, report, confusion matrix, films it got wrong."""
    name = trained.card.architecture
    write_evaluation(study(trained.test.ill, {name: trained.scores}), folder, f"{name}, films held out")
    values = {"network": name, **trained.result.as_values(), "seconds_for_10_epochs": trained.seconds_for_10_epochs}
    low, high = values.pop("AUC_ci95")
    with staged_folder(folder) as staged:
        with (staged / "metrics.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [*values, "AUC_low", "AUC_high"])
            writer.writeheader()
            writer.writerow({**values, "AUC_low": low, "AUC_high": high})
        (staged / "confusion.svg").write_bytes(confusion_svg(trained, classes))
        _write_wrong(trained, classes, staged / "misclassified.png")


def confusion_svg(trained: "Trained", classes: tuple[str, str]) -> bytes:
    """Draw the four counts of a test."""
    from matplotlib.figure import Figure

    r = trained.result
    counts = np.array([[r.true_negative, r.false_positive], [r.false_negative, r.true_positive]])
    figure = Figure(figsize=(3.2, 2.8), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(counts, cmap="Blues", vmin=0)
    for (row, column), count in np.ndenumerate(counts):
        ink = "white" if count > counts.max() / 2 else INK
        axes.text(column, row, str(count), ha="center", va="center", color=ink)
    axes.set_xticks([0, 1], classes)
    axes.set_yticks([0, 1], classes)
    axes.set_xlabel("the network says")
    axes.set_ylabel("the film is")
    return svg(figure)


def _write_wrong(trained: "Trained", classes: tuple[str, str], path: Path) -> None:
    """Draw the films that a test got wrong, the most surely wrong first, as many as fit on a sheet."""
    from matplotlib.figure import Figure

    ill, threshold = trained.test.ill, trained.result.threshold
    wrong = np.flatnonzero((trained.scores >= threshold) != ill)
    wrong = wrong[np.argsort(-abs(trained.scores[wrong] - threshold))]
    shown = wrong[:WRONG_SHOWN]
    lines = max(1, -(-len(shown) // 6))
    figure = Figure(figsize=(9, 0.4 + 1.9 * lines), layout="constrained")
    figure.suptitle(f"{len(wrong)} of {len(ill)} films held out were misclassified; {len(shown)} shown", fontsize=9)
    for place, axes in enumerate(figure.subplots(lines, 6, squeeze=False).ravel()):
        axes.axis("off")
        if place < len(shown):
            n = shown[place]
            axes.imshow(np.asarray(trained.test.images[n], np.float32), cmap="gray", vmin=0, vmax=1)
            axes.set_title(f"is {classes[int(ill[n])]}, score {trained.scores[n]:.2f}", fontsize=6.5)
    figure.savefig(path, dpi=110)


def _beside(one: "Score") -> bytes:
    """Return a film and, beside it with a white gap, the same film under its heat map, as a PNG."""
    from matplotlib import colormaps
    from PIL import Image

    grey = np.clip(one.prepared, 0, 1)
    colour = colormaps["inferno"](one.heat)[..., :3]
    share = 0.6 * one.heat[..., None]
    over = (1 - share) * grey[..., None] + share * colour
    gap = np.ones((len(grey), GAP, 3))
    pair = np.concatenate([np.repeat(grey[..., None], 3, axis=2), gap, over], axis=1)
    file = io.BytesIO()
    Image.fromarray(np.rint(255 * pair).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()
