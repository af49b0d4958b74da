from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from OsteoScreenLib.annotation.seg_nrrd import read_segmentation, write_segmentation
from OsteoScreenLib.errors import LabelMapError, OutputError
from OsteoScreenLib.levels import SHELL, TRABECULAR, label
from OsteoScreenLib.volume import Volume, same_grid


@pytest.fixture
def labels() -> Volume:
    """L1 and L2 as boxes on an oblique, left-handed grid."""
    voxels = np.zeros((14, 12, 10), dtype=np.uint16)
    for k, level in ((8, "L1"), (2, "L2")):
        voxels[k : k + 4, 2:10, 2:8] = label(level, SHELL)
        voxels[k + 1 : k + 3, 3:9, 3:7] = label(level, TRABECULAR)
    c, s = np.cos(0.4), np.sin(0.4)
    matrix = np.array([[-0.8 * c, 0.9 * s, 0, 12.5], [-0.8 * s, -0.9 * c, 0, -40], [0, 0, -3, 7.25], [0, 0, 0, 1]])
    return Volume(voxels, matrix)


def test_a_label_map_comes_back_as_it_was(labels: Volume, tmp_path: Path) -> None:
    write_segmentation(labels, tmp_path / "a.seg.nrrd")
    back = read_segmentation(tmp_path / "a.seg.nrrd")
    assert back.voxels.dtype == np.uint16
    assert np.array_equal(back.voxels, labels.voxels)
    assert same_grid(back, labels, tolerance=1e-9)


def test_other_readers_see_two_layers_on_the_grid(labels: Volume, tmp_path: Path) -> None:
    write_segmentation(labels, tmp_path / "a.seg.nrrd")
    image = sitk.ReadImage(str(tmp_path / "a.seg.nrrd"))
    assert image.GetSize() == (10, 12, 14)
    assert image.GetNumberOfComponentsPerPixel() == 2
    assert image.GetMetaData("Segment1_Name") == "L1 trabecular"
    assert [float(x) for x in image.GetMetaData("Segment0_Color").split()] == pytest.approx([0.9, 0.62, 0], abs=1e-6)
    layers = sitk.GetArrayFromImage(image)
    assert np.array_equal(layers[..., 0] == 20, labels.voxels // 10 == 20)
    assert np.array_equal(layers[..., 1] == 20, labels.voxels == 202)


def test_a_sheared_grid_is_written_as_it_is(labels: Volume, tmp_path: Path) -> None:
    tilted = Volume(labels.voxels, labels.ijk_to_ras + np.array([[0] * 4, [0, 0, 0.6, 0], [0] * 4, [0] * 4]))
    write_segmentation(tilted, tmp_path / "a.seg.nrrd")
    header = (tmp_path / "a.seg.nrrd").read_bytes().split(b"\n\n")[0].decode()
    directions = next(line for line in header.splitlines() if line.startswith("space directions: "))
    k = [float(x) for x in directions.split()[-1].strip("()").split(",")]
    assert k == pytest.approx([0, -0.6, -3], abs=1e-12)


def test_a_single_layer_with_foreign_segments_is_read(labels: Volume, tmp_path: Path) -> None:
    image = labels.with_voxels((labels.voxels // 10 == 20).astype(np.uint8) * 3 + (labels.voxels == 0)).to_sitk()
    for n, (name, value) in enumerate((("air", 1), ("L1 body", 3))):
        for key, text in (("ID", name), ("Name", name), ("LabelValue", str(value)), ("Layer", "0")):
            image.SetMetaData(f"Segment{n}_{key}", text)
    sitk.WriteImage(image, str(tmp_path / "a.seg.nrrd"))
    back = read_segmentation(tmp_path / "a.seg.nrrd")
    assert np.array_equal(back.voxels, np.where(labels.voxels // 10 == 20, label("L1", SHELL), 0))


@pytest.mark.parametrize("content", [b"not a segmentation", b""])
def test_what_is_no_segmentation_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.seg.nrrd").write_bytes(content)
    with pytest.raises(LabelMapError, match="cannot be read"):
        read_segmentation(tmp_path / "a.seg.nrrd")


def test_a_plain_image_is_refused(labels: Volume, tmp_path: Path) -> None:
    sitk.WriteImage(labels.to_sitk(), str(tmp_path / "a.nrrd"))
    with pytest.raises(LabelMapError, match="L1 body"):
        read_segmentation(tmp_path / "a.nrrd")


def test_nothing_is_written_without_a_vertebra_or_a_folder(labels: Volume, tmp_path: Path) -> None:
    with pytest.raises(LabelMapError):
        write_segmentation(labels.with_voxels(np.zeros_like(labels.voxels)), tmp_path / "a.seg.nrrd")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_segmentation(labels, tmp_path / "file" / "a.seg.nrrd")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
