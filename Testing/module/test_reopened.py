"""A scene that was saved in the middle of the work goes on in a new process, in a new panel."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from Testing.conftest import BoxCase
from Testing.module.test_panel import cells, edit, load

REOPEN = """
import json, sys
from Testing.slicer_shim.desktop import load_module, start
slicer = start()
module = load_module()
from OsteoScreenLib.scene.bundle import load_bundle
from Testing.module.test_panel import cells
panel = module.OsteoScreenWidget() if sys.argv[2] == "before" else None
load_bundle(slicer.mrmlScene, sys.argv[1])
panel = panel or module.OsteoScreenWidget()
from OsteoScreenLib.scene.review import our_segments
from vtkmodules.vtkCommonCore import reference
segments = {}
for _, vtk_segment, segment in our_segments(panel.case.segmentation):
    tag = reference("")
    vtk_segment.GetTag("TerminologyEntry", tag)
    segments[segment.name] = [vtk_segment.GetColor(), tag.get()]
charts = {}
for n in range(slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLPlotChartNode")):
    chart = slicer.mrmlScene.GetNthNodeByClass(n, "vtkMRMLPlotChartNode")
    series = [chart.GetNthPlotSeriesNode(m) for m in range(chart.GetNumberOfPlotSeriesNodes())]
    charts[chart.GetTitle()] = [one.GetTableNode().GetNumberOfRows() for one in series]
print(json.dumps({
    "segments": segments,
    "charts": charts,
    "review": cells(panel.ui.reviewTable),
    "measure": cells(panel.ui.measureTable),
    "facts": panel.ui.factsLabel.text,
    "engine": panel.ui.enginePathLineEdit.currentPath,
    "device": panel.ui.deviceComboBox.currentText,
    "level": panel.case.level,
    "labels": int(panel.case.labels().astype(int).sum()),
}))
"""


def reopened(path: Path, panel: str) -> dict[str, Any]:
    """Return what a new process shows of a scene; `panel` is made before or after the scene is loaded."""
    run = subprocess.run(
        [sys.executable, "-c", REOPEN, str(path), panel],
        capture_output=True, text=True, timeout=180, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def test_everything_is_there_in_a_new_panel(
    panel: Any, box_case: BoxCase, wait: Callable[..., None], tmp_path: Path
) -> None:
    import slicer

    from OsteoScreenLib.annotation.segments import segment_named
    from OsteoScreenLib.scene.bundle import save_bundle

    load(panel, box_case)
    panel.ui.deviceComboBox.currentIndex = 1
    for button in (panel.ui.segmentButton, panel.ui.measureButton):
        button.click()
        wait(lambda: not panel.work.running)
    edit(panel, "L2")
    wait(lambda: panel.ui.measureButton.text == "Measure 1 edited again", 10)
    panel.goTo("L1")
    panel.ui.acceptButton.click()
    panel.ui.shiftDownButton.click()
    rng = np.random.default_rng(0)
    rows = [f"{y},{y + rng.normal():.4f}" for y in np.arange(60) % 2]
    (tmp_path / "cohort.csv").write_text("low,hu\n" + "\n".join(rows) + "\n")
    panel.ui.cohortPathLineEdit.currentPath = str(tmp_path / "cohort.csv")
    panel.ui.scoresListWidget.item(1).setSelected(True)
    panel.ui.evaluateButton.click()

    save_bundle(slicer.mrmlScene, tmp_path / "scene.mrb")
    before, found = reopened(tmp_path / "scene.mrb", "before"), reopened(tmp_path / "scene.mrb", "after")
    assert before == found, "whether the panel was there before the scene or came after it"
    assert found["review"] == cells(panel.ui.reviewTable)
    assert found["measure"] == cells(panel.ui.measureTable)
    assert found["measure"][1][-1] == "✎ edited since"
    assert found["level"] == panel.case.level == "L3"
    assert found["labels"] == int(panel.case.labels().astype(int).sum())
    assert "120 kVp" in found["facts"]
    assert found["engine"] == str(box_case.labels_path)
    assert found["device"] == "cpu"
    assert len(found["segments"]) == 8
    for name, (color, terminology) in found["segments"].items():
        assert color == pytest.approx(segment_named(name).color, abs=1e-6)
        assert terminology == segment_named(name).terminology
    assert found["charts"]["boxes vertebrae trabecular mean"] == [4]
    assert found["charts"]["cohort all rows ROC"][0] > 20
    assert len(found["charts"]["cohort all rows decision curves"]) == 3
