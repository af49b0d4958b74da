"""A sheet of axial slices with the boxes that a detector drew, as one PNG."""

from pathlib import Path

import numpy as np

from OsteoScreenLib import RESEARCH_USE
from OsteoScreenLib.bone_status import NAMES, STATUSES
from OsteoScreenLib.detection.slices import WINDOWS, Slices
from OsteoScreenLib.result import Detection

COLUMNS = 8
_INCH = 1.5


def write_sheet(detection: Detection, slices: Slices, title: str, path: Path) -> None:
    """Draw every slice, head first, in the bone window, patient's right on the left, with its boxes, into a PNG.

    A box has the colour of its status, with level and confidence over it; one that belongs to no vertebra is dashed.
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Rectangle

    low, high = WINDOWS["bone"]
    grey = np.clip((slices.hu - low) / (high - low), 0, 1)
    count, rows, columns = grey.shape
    lines = -(-count // COLUMNS)
    sheet = np.zeros((lines * rows, COLUMNS * columns), np.float32)
    places = [((n // COLUMNS) * rows, (n % COLUMNS) * columns) for n in range(count)]
    for image, (top, left) in zip(grey, places, strict=True):
        sheet[top : top + rows, left : left + columns] = image
    figure = Figure(figsize=(COLUMNS * _INCH, lines * _INCH + 0.9))
    axes = figure.add_axes((0, 0.45 / (lines * _INCH + 0.9), 1, lines * _INCH / (lines * _INCH + 0.9)))
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=1, extent=(0, sheet.shape[1], sheet.shape[0], 0), aspect="auto")
    axes.axis("off")
    for n, (top, left) in enumerate(places):
        axes.text(left + 2, top + 3, f"z {slices.z[n]:.0f}", color="white", fontsize=5, va="top")
    for box in detection.boxes:
        top, left = places[box.slice]
        x0, y0, x1, y1 = slices.corners_of(box)
        color = STATUSES[NAMES.index(box.status)].color
        style = "-" if box.level else ":"
        axes.add_patch(Rectangle((left + x0, top + y0), x1 - x0, y1 - y0, fill=False, ec=color, lw=1.2, ls=style))
        axes.text(
            left + x0, top + y0 - 1, f"{box.level or '?'} {box.confidence:.2f}", color=color, fontsize=5.5, va="bottom"
        )
    figure.text(0.005, 0.995, f"{title}: vertebral bodies on axial slices", fontsize=8, va="top")
    trained = detection.model.trained_in_brief.rstrip(".")
    figure.text(0.005, 0.005, f"{RESEARCH_USE} {detection.model.name}: trained on {trained}.", fontsize=6, va="bottom")
    handles = [Line2D([], [], color=status.color, label=status.name) for status in STATUSES]
    figure.legend(handles=handles, loc="upper right", ncols=3, fontsize=7, frameon=False, borderaxespad=0.1)
    figure.savefig(path, dpi=150, facecolor="white")
