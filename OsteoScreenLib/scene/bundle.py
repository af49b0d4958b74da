"""Scenes outside the desktop application, and scenes as files (.mrb)."""

from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.errors import InputError, OsteoScreenError, OutputError
from OsteoScreenLib.output import staged_file
from OsteoScreenLib.result import ScreeningResult
from OsteoScreenLib.scene.case import add_case
from OsteoScreenLib.scene.views import add_slice_views

if TYPE_CHECKING:
    import slicer

FIELD_OF_VIEW_MM = 250.0
"""Width of the slice views of a saved case: the lumbar spine and what is around it."""


class ViewerMissingError(OsteoScreenError):
    """slicer-core is not installed, so there can be no scene."""

    def __init__(self) -> None:
        super().__init__("Scenes need slicer-core, which is not installed: pip install 'osteoscreen[viewer]'.")


@contextmanager
def new_scene() -> "Iterator[slicer.vtkMRMLScene]":
    """Yield an empty scene with Slicer's module logics, which live as long as the block.

    Raises `ViewerMissingError` if slicer-core or trame-slicer is not installed.
    """
    try:
        from trame_slicer.core import SlicerApp
    except ImportError as error:
        raise ViewerMissingError from error
    app = SlicerApp()
    yield app.scene


def save_bundle(scene: "slicer.vtkMRMLScene", path: Path | str) -> None:
    """Write the scene as a Slicer data bundle (.mrb), whole or not at all. Raises `OutputError` where it cannot."""
    import slicer

    problems = slicer.vtkMRMLMessageCollection()
    with staged_file(Path(path)) as staged, _vtk_messages_aside():
        if not scene.WriteToMRB(str(staged), None, problems):
            raise OutputError(f"Cannot write the scene to {path}: {_one_line(problems) or 'see the disk space'}.")


def load_bundle(scene: "slicer.vtkMRMLScene", path: Path | str) -> None:
    """Add the nodes of a Slicer data bundle (.mrb) to the scene. Raises `InputError` if it is not one."""
    import slicer

    problems = slicer.vtkMRMLMessageCollection()
    # VTK leaves a file that it cannot unpack in a working directory that it has removed.
    with _vtk_messages_aside(), chdir("."):
        loaded = scene.ReadFromMRB(str(path), False, problems)
    if not loaded:
        raise InputError(f"{path} cannot be opened as a Slicer scene (.mrb). {_one_line(problems)}".rstrip())


def save_scene(result: ScreeningResult, path: Path | str) -> None:
    """Write a screened case as a scene of its own (.mrb), which opens with the slice views on the spine.

    Raises `ViewerMissingError` without slicer-core, `LabelMapError` if nothing was segmented, `OutputError`.
    """
    labels = result.segmentation.labels
    with new_scene() as scene:
        case = add_case(scene, result)
        spine = labels.to_ras(np.argwhere(labels.voxels)[:, ::-1].mean(axis=0))
        add_slice_views(scene, case.volume, spine, FIELD_OF_VIEW_MM)
        save_bundle(scene, path)


@contextmanager
def _vtk_messages_aside() -> Iterator[None]:
    """Keep VTK's report of each file it zips off the terminal."""
    from vtkmodules.vtkCommonCore import vtkOutputWindow, vtkStringOutputWindow

    before = vtkOutputWindow.GetInstance()
    vtkOutputWindow.SetInstance(vtkStringOutputWindow())
    try:
        yield
    finally:
        vtkOutputWindow.SetInstance(before)


def _one_line(problems: "slicer.vtkMRMLMessageCollection") -> str:
    return " ".join(problems.GetAllMessagesAsString().split())
