from typing import TYPE_CHECKING

import numpy as np
import pytest

from OsteoScreenLib.result import ScreeningResult
from OsteoScreenLib.scene.volumes import BONE_WINDOW, add_volume, right_handed, volume_from_node
from OsteoScreenLib.volume import Volume

if TYPE_CHECKING:
    import slicer


def test_a_volume_lies_in_the_scene_where_it_lies_in_the_patient(
    scene: "slicer.vtkMRMLScene", result: ScreeningResult
) -> None:
    ct = result.volume
    back = volume_from_node(add_volume(scene, ct))
    assert np.linalg.det(back.ijk_to_ras[:3, :3]) > 0
    for kji in ((0, 0, 0), (39, 37, 35), (11, 20, 3)):
        there = np.rint(back.to_ijk(ct.to_ras(np.array(kji[::-1])))).astype(int)
        assert back.voxels[tuple(there[::-1])] == ct.voxels[kji]
        assert back.to_ras(there) == pytest.approx(ct.to_ras(np.array(kji[::-1])), abs=1e-9)


def test_only_left_handed_volumes_are_turned(result: ScreeningResult) -> None:
    ct = result.volume
    turned = right_handed(ct)
    assert (turned is ct) == (np.linalg.det(ct.ijk_to_ras[:3, :3]) > 0)
    assert right_handed(turned) is turned


def test_a_ct_shows_in_the_bone_window(scene: "slicer.vtkMRMLScene", result: ScreeningResult) -> None:
    display = add_volume(scene, result.volume).GetDisplayNode()
    assert (display.GetWindow(), display.GetLevel()) == BONE_WINDOW
    assert not display.GetAutoWindowLevel()


@pytest.mark.parametrize("dtype", ["<i2", ">i2", "u2", "i4", "i8", "f2", "f4", "f8", "?"])
def test_every_voxel_type_a_file_may_have_is_kept(scene: "slicer.vtkMRMLScene", dtype: str) -> None:
    voxels = (np.arange(24).reshape(2, 3, 4) % 7).astype(dtype)
    node = add_volume(scene, Volume(voxels, np.eye(4)))
    assert np.array_equal(volume_from_node(node).voxels, voxels)
