"""Scored radiographs in the scene: a volume of one slice, the heat map over it, and a table, in one folder."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.radiographs.film import Film
from OsteoScreenLib.radiographs.score import Score, Scored
from OsteoScreenLib.report.film_pages import score_table
from OsteoScreenLib.scene.folders import add_folder, put_in_folder
from OsteoScreenLib.scene.tables import add_table
from OsteoScreenLib.scene.volumes import add_volume, volume_from_node
from OsteoScreenLib.volume import Volume

if TYPE_CHECKING:
    import slicer

HEAT_COLORS, HEAT_OPACITY, COLDEST = "vtkMRMLColorTableNodeIron", 0.5, 0.1
"""Slicer's colour node, how much of the film it covers, and the heat below which nothing is painted."""


INVERTED = "vtkMRMLColorTableNodeInvertedGrey"
"""The colour node through which Slicer shows films whose dark pixels are stored bright."""


@dataclass(frozen=True, eq=False)
class FilmNodes:
    """The nodes of one film: the film, and its heat map, which lies over it."""

    film: "slicer.vtkMRMLScalarVolumeNode"
    heat: "slicer.vtkMRMLScalarVolumeNode"


@dataclass(frozen=True, eq=False)
class ScoredNodes:
    """What `add_scored` made, films in the order of their scores; `folder` is an item of the subject hierarchy."""

    films: tuple[FilmNodes, ...]
    table: "slicer.vtkMRMLTableNode"
    folder: int


def add_scored(scene: "slicer.vtkMRMLScene", scored: Scored) -> ScoredNodes:
    """Add scored films to the scene: for each a volume of one slice and its heat map, and one table of the scores.

    `show_film` puts one into the slice views.
    """
    films = tuple(FilmNodes(add_film(scene, one.film), _add_heat(scene, one)) for one in scored.scores)
    table = add_table(scene, score_table(scored), f"{scored.system} scores")
    folder = add_folder(scene, f"{films[0].film.GetName()} {scored.system}", beside=films[0].film)
    put_in_folder(scene, folder, *(node for one in films for node in (one.film, one.heat)), table)
    return ScoredNodes(films, table, folder)


def add_film(scene: "slicer.vtkMRMLScene", film: Film) -> "slicer.vtkMRMLScalarVolumeNode":
    """Add a film as a volume of one slice, as an axial view shows it upright, with its grey values from end to end.

    Pixels count as 1 mm where the film does not say; the film's middle is the origin.
    """
    node = add_volume(scene, Volume(film.pixels[None], _ijk_to_ras(film, (0.0, 0.0, *film.pixels.shape), film.pixels)))
    node.SetName(film.name)
    low, high = float(film.pixels.min()), float(film.pixels.max())
    node.GetDisplayNode().SetWindowLevel(high - low, (low + high) / 2)
    return node


def film_of(node: "slicer.vtkMRMLScalarVolumeNode") -> Film:
    """Return a volume of one slice as a film, bone bright. Raises `InputError` for one of more slices, or of none.

    3D Slicer shows a DICOM film in MONOCHROME1 through an inverted colour table; such a one is turned over here.
    """
    image = node.GetImageData()
    if image is None or min(image.GetDimensions()) < 1 or node.IsA("vtkMRMLVectorVolumeNode"):
        raise InputError(f"'{node.GetName()}' is no greyscale film; choose another, or its file.")
    volume = volume_from_node(node)
    if volume.voxels.shape[0] != 1:
        raise InputError(f"'{node.GetName()}' has {volume.voxels.shape[0]} slices and is no film; choose one film.")
    pixels = volume.voxels[0].astype(np.float32)
    display = node.GetDisplayNode()
    if display is not None and display.GetColorNodeID() == INVERTED:
        pixels = pixels.max() + pixels.min() - pixels
    return Film(pixels, (float(volume.spacing[1]), float(volume.spacing[0])), node.GetName())


def _add_heat(scene: "slicer.vtkMRMLScene", one: Score) -> "slicer.vtkMRMLScalarVolumeNode":
    node = add_volume(scene, Volume(one.heat[None], _ijk_to_ras(one.film, one.window, one.heat)))
    node.SetName(f"{one.name} heat")
    display = node.GetDisplayNode()
    display.SetAndObserveColorNodeID(HEAT_COLORS)
    display.SetWindowLevel(1.0, 0.5)
    display.SetThreshold(COLDEST, 1.0)
    display.SetApplyThreshold(True)
    return node


def show_film(scene: "slicer.vtkMRMLScene", nodes: FilmNodes) -> None:
    """Put a film into the background and its heat map into the foreground of every slice view."""
    for number in range(scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")):
        layers = scene.GetNthNodeByClass(number, "vtkMRMLSliceCompositeNode")
        layers.SetBackgroundVolumeID(nodes.film.GetID())
        layers.SetForegroundVolumeID(nodes.heat.GetID())
        layers.SetForegroundOpacity(HEAT_OPACITY)


def _ijk_to_ras(film: Film, window: tuple[float, float, float, float], image: np.ndarray) -> np.ndarray:
    """Return the geometry of an image that covers a window (top, left, rows, columns) of a film, in its pixels.

    Rows go to the back and columns to the left, as Slicer reads a picture.
    """
    spacing = np.array(film.spacing or (1.0, 1.0))
    start, extent = np.array(window[:2]), np.array(window[2:])
    step = extent / image.shape * spacing
    first = (start - np.array(film.pixels.shape) / 2) * spacing + step / 2
    matrix = np.diag([-step[1], -step[0], 1.0, 1.0])
    matrix[:2, 3] = -first[1], -first[0]
    return matrix
