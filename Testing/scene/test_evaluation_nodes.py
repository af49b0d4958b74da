from typing import TYPE_CHECKING

import numpy as np
import pytest

from OsteoScreenLib.evaluation.study import study
from OsteoScreenLib.scene.evaluation import add_evaluation
from OsteoScreenLib.signature.labelled_features import LabelledFeatures
from OsteoScreenLib.signature.rad_score import Settings, fit

if TYPE_CHECKING:
    import slicer


def test_an_evaluation_becomes_tables_and_charts_in_one_folder(scene: "slicer.vtkMRMLScene") -> None:
    import slicer
    import slicer.util

    rng = np.random.default_rng(0)
    labels = rng.random(80) < 0.5
    X = rng.normal(size=(80, 4)) + labels[:, None] * [1.5, 0, 0.5, 0]
    sets = np.where(np.arange(80) < 50, "train", "test")
    parts = study(labels, {"rad-score": X[:, 0], "HU": -X[:, 2]}, sets)
    model = fit(LabelledFeatures(("a", "b", "c", "d"), X, labels), Settings(keep=0, folds=5))

    nodes = add_evaluation(scene, parts, "cohort", {"body": model})
    table = slicer.util.dataframeFromTable(nodes.accuracy["test"])
    assert table["predictor"].tolist() == ["rad-score", "HU"]
    assert table["AUC"].tolist() == pytest.approx([c.auc for c in parts[1].predictors.curves.values()], abs=1e-12)
    assert slicer.util.dataframeFromTable(nodes.tests["train"])["p"][0] == pytest.approx(
        parts[0].predictors.tests["rad-score", "HU"].p, abs=1e-12
    )
    chart = nodes.roc_charts["train"]
    assert [chart.GetNthPlotSeriesNode(n).GetName() for n in range(2)] == ["rad-score", "HU"]
    drawn = slicer.util.dataframeFromTable(chart.GetNthPlotSeriesNode(0).GetTableNode())
    area = -np.trapezoid(drawn["sensitivity"], drawn["1 - specificity"])
    assert area == pytest.approx(parts[0].predictors.curves["rad-score"].auc, abs=1e-12)
    assert nodes.decision_charts["test"].GetNumberOfPlotSeriesNodes() == 4
    weights = slicer.util.dataframeFromTable(nodes.weight_charts["body"].GetNthPlotSeriesNode(0).GetTableNode())
    assert dict(zip(weights["feature"], weights["weight"], strict=True)) == pytest.approx(model.weights, abs=1e-12)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    assert hierarchy.GetNumberOfItemChildren(nodes.folder) > 20
