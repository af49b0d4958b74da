"""An evaluation in the scene: its tables, ROC and decision curves, and the weights of signatures, in one folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from OsteoScreenLib.evaluation.study import Part
from OsteoScreenLib.scene.charts import add_bar_chart, add_line_chart
from OsteoScreenLib.scene.folders import add_folder, put_in_folder
from OsteoScreenLib.scene.tables import add_table

if TYPE_CHECKING:
    import pandas as pd
    import slicer

    from OsteoScreenLib.signature.rad_score import RadScore

COLORS = ((0.0, 0.45, 0.70), (0.84, 0.37, 0.0), (0.0, 0.62, 0.45), (0.80, 0.47, 0.65), (0.90, 0.62, 0.0))
SENSITIVITY, FALSE_POSITIVES, NET_BENEFIT, THRESHOLD = "sensitivity", "1 - specificity", "net benefit", "threshold"


@dataclass(frozen=True, eq=False)
class EvaluationNodes:
    """The nodes of an evaluation: tables and charts by set, weights by signature, and the folder's item."""

    accuracy: "dict[str, slicer.vtkMRMLTableNode]"
    tests: "dict[str, slicer.vtkMRMLTableNode]"
    roc_charts: "dict[str, slicer.vtkMRMLPlotChartNode]"
    decision_charts: "dict[str, slicer.vtkMRMLPlotChartNode]"
    weight_charts: "dict[str, slicer.vtkMRMLPlotChartNode]"
    folder: int


def add_evaluation(
    scene: "slicer.vtkMRMLScene",
    parts: tuple[Part, ...],
    name: str,
    models: "Mapping[str, RadScore] | None" = None,
) -> EvaluationNodes:
    """Add the sets of a study, and the weights of signatures by name, always as new nodes."""
    import pandas as pd

    accuracy, tests, roc_charts, decision_charts, weight_charts = {}, {}, {}, {}, {}
    others: list[slicer.vtkMRMLNode] = []
    for part in parts:
        title = f"{name} {part.name}"
        accuracy[part.name] = add_table(scene, _accuracy(part), f"{title} AUC")
        tests[part.name] = add_table(scene, _tests(part), f"{title} DeLong")
        curves = {one: _roc_points(part, one) for one in part.predictors.curves}
        roc_charts[part.name], nodes = _lines(scene, curves, FALSE_POSITIVES, SENSITIVITY, f"{title} ROC")
        others += nodes
        decisions = {
            str(model): pd.DataFrame({THRESHOLD: rows["threshold"], NET_BENEFIT: rows["net_benefit"]})
            for model, rows in part.decisions.groupby("model", sort=False)
        }
        decision_charts[part.name], nodes = _lines(scene, decisions, THRESHOLD, NET_BENEFIT, f"{title} decision curves")
        others += nodes
    for model, fitted in (models or {}).items():
        weights = pd.DataFrame({"feature": list(fitted.weights), "weight": list(fitted.weights.values())})
        table = add_table(scene, weights.astype({"weight": float}), f"{name} {model} weights")
        chart, bars = add_bar_chart(
            scene, table, labels="feature", values="weight", title=f"{name} {model}", unit="weight per SD"
        )
        weight_charts[model] = chart
        others += [table, bars]
    folder = add_folder(scene, f"{name} evaluation", beside=next(iter(accuracy.values())))
    charts = [*roc_charts.values(), *decision_charts.values(), *weight_charts.values()]
    put_in_folder(scene, folder, *accuracy.values(), *tests.values(), *charts, *others)
    return EvaluationNodes(accuracy, tests, roc_charts, decision_charts, weight_charts, folder)


def _accuracy(part: Part) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "predictor": name, "AUC": curve.auc, "CI low": curve.interval()[0], "CI high": curve.interval()[1],
                "cut-off": part.points[name].threshold, SENSITIVITY: part.points[name].sensitivity,
                "specificity": part.points[name].specificity,
            }
            for name, curve in part.predictors.curves.items()
        ]
    )  # fmt: skip


def _tests(part: Part) -> "pd.DataFrame":
    import pandas as pd

    columns = ["first", "second", "difference", "z", "p"]
    rows = [[*pair, test.difference, test.z, test.p] for pair, test in part.predictors.tests.items()]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[2:], float))


def _roc_points(part: Part, name: str) -> "pd.DataFrame":
    import pandas as pd

    _, sensitivity, specificity = part.predictors.curves[name].points
    return pd.DataFrame({FALSE_POSITIVES: 1 - specificity, SENSITIVITY: sensitivity})


def _lines(
    scene: "slicer.vtkMRMLScene", frames: "Mapping[str, pd.DataFrame]", x: str, y: str, title: str
) -> "tuple[slicer.vtkMRMLPlotChartNode, list[slicer.vtkMRMLNode]]":
    tables = {name: add_table(scene, frame, f"{title} {name}") for name, frame in frames.items()}
    chart, series = add_line_chart(scene, tables, x=x, y=y, title=title, colors=COLORS)
    return chart, [*tables.values(), *series]
