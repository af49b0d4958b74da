"""``osteoscreen evaluate boxes``: detections against annotated slices."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from OsteoScreenLib.cli.job import job
from OsteoScreenLib.cli.options import DeviceOption

if TYPE_CHECKING:
    from OsteoScreenLib.evaluation.boxes import BoxFigures


def boxes(
    dataset: Annotated[
        Path,
        typer.Argument(metavar="DATASET", help="Annotated slices: a COCO JSON, or a folder with annotations.json."),
    ],
    found: Annotated[
        Path | None, typer.Option(metavar="JSON", help="Detections in COCO's results format; else our model looks.")
    ] = None,
    t_scores: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Columns patient, t_score: the WHO's classes in place of categories."),
    ] = None,
    device: DeviceOption = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object on stdout.")] = False,
) -> None:
    """Give precision, recall and accuracy as Xue et al. do, COCO's mAP, and which status is taken for which."""
    with job() as work:
        import time

        from OsteoScreenLib.bone_status import NAMES
        from OsteoScreenLib.detection.detect import load_detector
        from OsteoScreenLib.device import choose
        from OsteoScreenLib.evaluation.boxes import LabelledBoxes, compare_boxes
        from OsteoScreenLib.training.detection import as_measured, predictions
        from OsteoScreenLib.training.slice_dataset import read_found, read_slices

        slices = read_slices(dataset, t_scores)
        truth = [LabelledBoxes(one.boxes, one.labels) for one in slices]
        speed = None
        if found:
            seen = read_found(found, slices)
        else:
            where = choose(device)
            _, network = load_detector()
            started = time.monotonic()
            seen, _ = predictions(network.to(where), slices, where, work.progress, work.cancelled)
            speed = len(slices) / (time.monotonic() - started)
        figures = compare_boxes(seen, truth, len(NAMES))
        if json:
            from json import dumps

            work.say(dumps({**as_measured(figures), "confusion": figures.confusion.tolist(), "slices_per_s": speed}))
            return
        for line in _lines(figures, NAMES):
            work.say(line)
        if speed:
            work.say(f"{speed:.1f} slices a second, reading them included")


def _lines(figures: "BoxFigures", names: tuple[str, ...]) -> list[str]:
    width = max(map(len, names)) + 2
    confusion = [
        f"  {name:{width}s}" + "".join(f"{count:{width}d}" for count in row)
        for name, row in zip((*names, "nowhere"), figures.confusion, strict=True)
    ]
    return [
        f"Map (precision)  {figures.map_paper:.3f}   Recall  {figures.recall:.3f}   Acc  {figures.acc:.3f}"
        "   as in Xue et al. 2022, IoU 0.5",
        f"mAP@0.5  {figures.map50:.3f}   mAP@[.5:.95]  {figures.map:.3f}   as in COCO",
        f"Status right in {figures.class_accuracy:.3f} of the boxes in place; true status down, found across:",
        "  " + " " * width + "".join(f"{name:>{width}s}" for name in (*names, "missed")),
        *confusion,
    ]
