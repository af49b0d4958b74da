"""Draw the panel as it stands in the middle of the work, 400 px wide: ``python -m Testing.slicer_shim.screenshot PNG``.

Qt's own widgets look as in Slicer; the sections, selectors and the Segment Editor are stand-ins.
"""

import sys
import time

from Testing.slicer_shim.desktop import load_module, start


def main(path: str) -> None:
    """Write the picture."""
    slicer = start()
    panel = load_module().OsteoScreenWidget()
    from OsteoScreenPanel.synthetic import add_synthetic_case

    from OsteoScreenLib.scene.review import segment_id
    from OsteoScreenLib.scene.volumes import keep_acquisition
    from OsteoScreenLib.volume import Acquisition

    def settle(seconds: float = 1.0) -> None:
        end = time.monotonic() + seconds
        while panel.work.running or time.monotonic() < end:
            slicer.app.processEvents()

    volume, segmentation, _ = add_synthetic_case(slicer.mrmlScene)
    made = Acquisition(kvp=100.0, slice_thickness=2.0, kernel="B31f", manufacturer="OsteoScreen", model="four boxes")
    keep_acquisition(volume, made)
    panel.case.volume, panel.case.segmentation = volume, segmentation
    panel.refresh()
    panel.ui.measureButton.click()
    settle()
    panel.goTo("L1")
    panel.ui.acceptButton.click()
    found = segment_id(segmentation, "L3", "trabecular")
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, found, volume).copy()
    mask[:40] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, segmentation, found, volume)
    settle()
    widget = panel.parent.qobject
    widget.show()
    widget.resize(400, widget.layout().heightForWidth(400) if widget.layout().hasHeightForWidth() else 1200)
    settle()
    widget.grab().save(path)
    panel.cleanup()


if __name__ == "__main__":
    main(sys.argv[1])
