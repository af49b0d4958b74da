"""Scored radiographs in the scene: where they lie, what covers them, and that all comes back from a file."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from OsteoScreenLib.models import ModelCard
from OsteoScreenLib.radiographs.film import Film
from OsteoScreenLib.radiographs.prepare import bone_texture, bone_texture_placement
from OsteoScreenLib.radiographs.score import Score, Scored
from OsteoScreenLib.radiographs.scored_files import load_scored, save_scored
from OsteoScreenLib.scene.bundle import load_bundle, new_scene, save_bundle
from OsteoScreenLib.scene.films import add_scored, show_film
from OsteoScreenLib.scene.tables import rows_of
from OsteoScreenLib.scene.views import add_slice_views
from OsteoScreenLib.scene.volumes import volume_from_node

if TYPE_CHECKING:
    import slicer

SPOT = (60, 40)
"""Row and column of a bright square on the film; the heat has its only spot there."""


@pytest.fixture
def scored() -> Scored:
    pixels = np.full((160, 100), 10.0, np.float32)
    pixels[SPOT[0] - 5 : SPOT[0] + 6, SPOT[1] - 5 : SPOT[1] + 6] = 200.0
    film = Film(pixels, (0.4, 0.5), "a.dcm")
    prepared = bone_texture(pixels)
    heat = (prepared > 0.5).astype(np.float32)
    card = ModelCard(
        name="m", version="0", task="t", architecture="model-3", parameters={"system": "bone-texture"}, measured={},
        trained_on="Synthetic films.", intended_use="Research.", licence="Apache-2.0", sources=(), sha256="a" * 64,
    )  # fmt: skip
    one = Score(film, 0.75, "degraded", prepared, heat, bone_texture_placement(pixels).window)
    other = Score(Film(pixels, None, "b.png"), 0.25, "normal", prepared, 0 * heat, one.window)
    return Scored("bone-texture", card, 0.5, (one, other))


def middle(node: "slicer.vtkMRMLScalarVolumeNode", above: float) -> np.ndarray:
    volume = volume_from_node(node)
    return volume.to_ras(np.argwhere(volume.voxels > above)[:, ::-1].mean(0))


def test_a_film_has_its_pixel_size_and_the_heat_lies_over_what_it_is_of(
    scene: "slicer.vtkMRMLScene", scored: Scored
) -> None:
    film, heat = (nodes := add_scored(scene, scored).films[0]).film, nodes.heat
    assert film.GetSpacing() == pytest.approx((0.5, 0.4, 1.0))
    assert film.GetImageData().GetDimensions() == (100, 160, 1)
    expected = [-(SPOT[1] + 0.5 - 50) * 0.5, -(SPOT[0] + 0.5 - 80) * 0.4, 0]
    assert middle(film, 100) == pytest.approx(expected)
    assert middle(heat, 0.5) == pytest.approx(expected, abs=0.3)
    display = heat.GetDisplayNode()
    assert display.GetColorNode().GetName() == "Iron"
    assert display.GetApplyThreshold()


def test_scores_stand_in_a_table_and_all_lies_in_one_folder(scene: "slicer.vtkMRMLScene", scored: Scored) -> None:
    import slicer

    made = add_scored(scene, scored)
    rows = rows_of(made.table)
    assert [(row["film"], row["score"], row["class"]) for row in rows] == [
        ("a.dcm", 0.75, "degraded"),
        ("b.png", 0.25, "normal"),
    ]
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    nodes = [made.table, *(node for one in made.films for node in (one.film, one.heat))]
    assert {hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) for node in nodes} == {made.folder}
    assert hierarchy.GetItemName(made.folder) == "a.dcm bone-texture"


def test_a_film_with_its_heat_comes_back_from_a_bundle(
    scene: "slicer.vtkMRMLScene", scored: Scored, tmp_path: Path
) -> None:
    made = add_scored(scene, scored)
    add_slice_views(scene, made.films[0].film, np.zeros(3), 80.0)
    show_film(scene, made.films[0])
    save_bundle(scene, tmp_path / "films.mrb")
    with new_scene() as other:
        load_bundle(other, tmp_path / "films.mrb")
        film, heat = (other.GetFirstNodeByName(name) for name in ("a.dcm", "a.dcm heat"))
        assert np.array_equal(volume_from_node(film).voxels[0], scored.scores[0].film.pixels)
        assert np.array_equal(volume_from_node(heat).voxels[0], scored.scores[0].heat)
        assert middle(heat, 0.5) == pytest.approx(middle(film, 100), abs=0.3)
        assert heat.GetDisplayNode().GetColorNode().GetName() == "Iron"
        layers = other.GetFirstNodeByClass("vtkMRMLSliceCompositeNode")
        assert layers.GetBackgroundVolumeID() == film.GetID()
        assert layers.GetForegroundVolumeID() == heat.GetID()
        assert layers.GetForegroundOpacity() == pytest.approx(0.5)
        assert rows_of(other.GetFirstNodeByName("bone-texture scores"))[0]["class"] == "degraded"


def test_scored_films_come_back_from_a_folder(scored: Scored, tmp_path: Path) -> None:
    save_scored(scored, tmp_path / "scored")
    back = load_scored(tmp_path / "scored")
    assert (back.system, back.card, back.threshold, back.ill) == ("bone-texture", scored.card, 0.5, "degraded")
    for one, other in zip(back.scores, scored.scores, strict=True):
        assert (one.name, one.film.spacing, one.score, one.label) == (
            other.name, other.film.spacing, other.score, other.label,
        )  # fmt: skip
        assert one.window == pytest.approx(other.window)
        assert np.array_equal(one.heat, other.heat)
        assert np.array_equal(one.film.pixels, other.film.pixels)
