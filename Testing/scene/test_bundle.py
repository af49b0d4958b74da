import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from OsteoScreenLib.annotation.segments import segment_named
from OsteoScreenLib.errors import InputError, OutputError
from OsteoScreenLib.result import ScreeningResult
from OsteoScreenLib.scene.bundle import ViewerMissingError, load_bundle, new_scene, save_bundle, save_scene
from OsteoScreenLib.scene.volumes import right_handed

if TYPE_CHECKING:
    import slicer

REOPEN = """
import json, sys
import numpy as np, slicer, slicer.util
from vtkmodules.vtkCommonCore import reference
from OsteoScreenLib.scene.bundle import load_bundle, new_scene
from OsteoScreenLib.scene.segmentations import labels_from_segmentation
from OsteoScreenLib.scene.volumes import volume_from_node

with new_scene() as scene:
    load_bundle(scene, sys.argv[1])
    first = scene.GetFirstNodeByClass
    volume, node = first("vtkMRMLScalarVolumeNode"), first("vtkMRMLSegmentationNode")
    ct = volume_from_node(volume)
    np.savez(sys.argv[2], voxels=ct.voxels, ijk_to_ras=ct.ijk_to_ras, labels=labels_from_segmentation(node, volume))
    segments = {}
    for n in range(node.GetSegmentation().GetNumberOfSegments()):
        segment, tag = node.GetSegmentation().GetNthSegment(n), reference("")
        segment.GetTag("TerminologyEntry", tag)
        segments[segment.GetName()] = [segment.GetColor(), tag.get()]
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    item = hierarchy.GetItemByDataNode(node)
    curve = scene.GetFirstNodeByName("L4 anterior ROI")
    print(json.dumps({
        "segments": segments,
        "layers": node.GetSegmentation().GetNumberOfLayers(),
        "table": slicer.util.dataframeFromTable(scene.GetFirstNodeByName("case 1 measurements")).to_dict("list"),
        "curve": slicer.util.arrayFromMarkupsControlPoints(curve).tolist(),
        "folder": hierarchy.GetItemName(hierarchy.GetItemParent(item)),
        "below the segmentation": hierarchy.GetNumberOfItemChildren(item),
        "window": volume.GetDisplayNode().GetWindow(),
        "shown": [scene.GetNthNodeByClass(n, "vtkMRMLSliceCompositeNode").GetBackgroundVolumeID() == volume.GetID()
                  for n in range(scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode"))],
    }))
"""


@pytest.fixture
def bundle(result: ScreeningResult, tmp_path: Path) -> Path:
    pytest.importorskip("trame_slicer", reason="slicer-core is not installed (extra 'viewer')")
    save_scene(result, tmp_path / "scene.mrb")
    return tmp_path / "scene.mrb"


def test_a_new_process_finds_the_case_as_it_was(bundle: Path, result: ScreeningResult, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", REOPEN, str(bundle), str(tmp_path / "arrays.npz")],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[2],
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    arrays = np.load(tmp_path / "arrays.npz")
    ct = right_handed(result.volume)
    assert np.array_equal(arrays["voxels"], ct.voxels)
    assert arrays["ijk_to_ras"] == pytest.approx(ct.ijk_to_ras, abs=1e-6)
    assert np.array_equal(arrays["labels"], right_handed(result.segmentation.labels).voxels)
    assert len(found["segments"]) == 8
    assert found["layers"] == 2
    for name, (color, terminology) in found["segments"].items():
        assert color == pytest.approx(segment_named(name).color, abs=1e-6)
        assert terminology == segment_named(name).terminology
    assert found["table"]["level"] == ["L1", "L2", "L3", "L4"]
    assert found["table"]["trabecular_mean_hu"] == pytest.approx([151.25, 140.5, np.nan, 99.0], nan_ok=True)
    assert np.asarray(found["curve"]) == pytest.approx(result.rois["L4"].outline(32), abs=1e-3)
    assert found["folder"] == "case 1 OsteoScreen"
    assert found["below the segmentation"] == 8
    assert found["window"] == 1800
    assert found["shown"] == [True, True, True]


def test_the_bundle_is_laid_out_as_slicer_does_and_names_no_place_outside(bundle: Path) -> None:
    with zipfile.ZipFile(bundle) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        mrml = archive.read("scene/scene.mrml").decode()
    assert all(name == "scene/scene.mrml" or name.startswith("scene/Data/") for name in names)
    files = re.findall(r'fileName="([^"]*)"', mrml)
    assert files
    assert all(file.startswith("Data/") for file in files)
    assert str(bundle.parent) not in mrml
    assert "/tmp" not in mrml


def test_a_bundle_replaces_the_old_one_and_leaves_nothing_beside(bundle: Path, result: ScreeningResult) -> None:
    save_scene(result, bundle)
    assert [path.name for path in bundle.parent.iterdir()] == ["scene.mrb"]


def test_an_unwritable_place_is_refused(scene: "slicer.vtkMRMLScene", tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        save_bundle(scene, tmp_path / "file" / "scene.mrb")


@pytest.mark.parametrize("content", [None, b"", b"not a scene"])
def test_what_is_no_bundle_is_refused(scene: "slicer.vtkMRMLScene", content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "scene.mrb").write_bytes(content)
    before = Path.cwd()
    with pytest.raises(InputError, match=r"scene\.mrb"):
        load_bundle(scene, tmp_path / "scene.mrb")
    assert Path.cwd() == before


def test_without_slicer_core_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trame_slicer.core", None)
    with pytest.raises(ViewerMissingError, match=r"osteoscreen\[viewer\]"), new_scene():
        pass
