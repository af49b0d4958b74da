"""The report of an evaluation: one HTML file in the form of the paper's tables and figures, and the figures as SVG."""

import base64
from pathlib import Path
from typing import TYPE_CHECKING

from OsteoScreenLib import RESEARCH_USE, __version__
from OsteoScreenLib.evaluation.study import Part
from OsteoScreenLib.output import staged_folder
from OsteoScreenLib.report.evaluation_charts import calibration_svg, decision_svg, roc_svg, weights_svg
from OsteoScreenLib.report.templates import templates

if TYPE_CHECKING:
    from OsteoScreenLib.signature.rad_score import RadScore

PAGE = "report.html"


def write_evaluation(
    parts: tuple[Part, ...], folder: Path, source: str, models: "dict[str, RadScore] | None" = None
) -> None:
    """Write ``report.html`` and its figures into a folder; `source` names the table, `models` the signatures shown.

    Raises `OutputError` where that cannot be; a report that was there before then stays.
    """
    figures = {
        "roc": roc_svg(parts),
        "decision_curves": decision_svg(parts),
        "calibration": calibration_svg(parts),
    } | {f"weights_{name}": weights_svg(model.weights) for name, model in (models or {}).items()}
    with staged_folder(folder) as staged:
        for name, svg in figures.items():
            (staged / f"{name}.svg").write_bytes(svg)
        (staged / PAGE).write_text(_render(parts, source, models or {}, figures), encoding="utf-8")


def _render(parts: tuple[Part, ...], source: str, models: "dict[str, RadScore]", figures: dict[str, bytes]) -> str:
    environment = templates()
    environment.filters["p"] = lambda value: "< 0.001" if value < 0.001 else f"{value:.3f}"
    return environment.get_template("evaluation.html.j2").render(
        parts=parts,
        source=source,
        models=models,
        figures={name: base64.b64encode(svg).decode("ascii") for name, svg in figures.items()},
        research_use=RESEARCH_USE,
        version=__version__,
    )
