"""Our networks behind the panel's button, on a small synthetic patient of known HU."""

from collections.abc import Callable
from typing import Any

import numpy as np

from OsteoScreenLib.levels import trabecular_mask
from OsteoScreenLib.phantoms.phantom import make_phantom


def test_segment_and_measure_a_phantom(panel: Any, wait: Callable[..., None]) -> None:
    import slicer

    from OsteoScreenLib.scene.volumes import add_volume

    phantom = make_phantom(3, size=(100, 110, 160), spacing=(1.8, 1.8, 1.8))
    panel.ui.volumeSelector.setCurrentNode(add_volume(slicer.mrmlScene, phantom.volume))
    panel.ui.engineComboBox.currentIndex = 0
    panel.ui.deviceComboBox.currentIndex = 1
    seen = []
    panel.ui.segmentButton.click()
    wait(lambda: seen.append(panel.ui.progressBar.value) or not panel.work.running, 400)
    assert panel.case.segmentation is not None, panel.ui.statusLabel.text
    assert len(set(seen)) > 3, "the bar moves"
    panel.ui.measureButton.click()
    wait(lambda: not panel.work.running)
    rows = {row["level"]: row["trabecular_mean_hu"] for row in panel.measure.rows}
    assert list(rows) == ["L1", "L2", "L3", "L4"], panel.ui.statusLabel.text
    for level, value in rows.items():
        truth = phantom.volume.voxels[trabecular_mask(phantom.labels.voxels, level)]
        assert abs(value - np.mean(truth)) < 15, level
