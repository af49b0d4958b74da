"""A CT that Slicer loaded from DICOM tells how it was made, by the files in Slicer's database."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pydicom
import pytest

from Testing.conftest import BoxCase
from Testing.readers.conftest import Series


def test_the_facts_of_the_series_stand_in_the_panel(
    panel: Any, box_case: BoxCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import slicer

    from OsteoScreenLib.scene.volumes import add_volume
    from OsteoScreenLib.volume import Volume

    def change(header: pydicom.Dataset, k: int) -> None:
        header.KVP, header.ConvolutionKernel, header.PatientName = 100, "B31f", "Somebody"

    Series(tmp_path)(change=change)
    files = {pydicom.dcmread(path).SOPInstanceUID: str(path) for path in tmp_path.glob("*.dcm")}
    monkeypatch.setattr(slicer, "dicomDatabase", SimpleNamespace(fileForInstance=files.__getitem__))
    node = add_volume(slicer.mrmlScene, Volume(box_case.volume.voxels, box_case.volume.ijk_to_ras))
    assert "kVp" not in panel.ui.factsLabel.text
    node.SetAttribute("DICOM.instanceUIDs", " ".join(files))
    facts = panel.ui.factsLabel.text
    assert "100 kVp" in facts
    assert "B31f" in facts
    assert "3 mm" in facts
    assert "Somebody" not in facts
    assert "100 kVp: trabecular HU read higher" in panel.ui.warningsLabel.text
