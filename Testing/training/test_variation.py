"""Shapes in between stay in between, meshes become distances, and training patients are sick."""

from pathlib import Path

import numpy as np
import pytest

from OsteoScreenLib.phantoms.spine import random_spine
from OsteoScreenLib.phantoms.vertebra import random_vertebra
from OsteoScreenLib.training.meshes import read_obj
from OsteoScreenLib.training.patients import exposed, training_scene
from OsteoScreenLib.training.shapes import MeasuredVertebra, load_shapes
from OsteoScreenLib.training.variation import Between, random_between


def _lattice() -> np.ndarray:
    axis = np.arange(-36, 36, 1.5, dtype=np.float32)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij")[::-1])


def _volume_ml(field: np.ndarray) -> float:
    return float((field < 0).sum() * 1.5**3 / 1000)


@pytest.mark.parametrize("seed", range(4))
def test_a_shape_in_between_has_a_volume_in_between(seed: int) -> None:
    rng = np.random.default_rng(seed)
    spine = random_spine(rng)
    shapes = [random_vertebra(spine, "L3", rng, fracture) for fracture in (0.0, 1.0)]
    between, points = random_between(*shapes, rng), _lattice()
    fields = [shape.body(points) for shape in shapes]
    volumes = [_volume_ml(field) for field in fields]
    # the ripple moves the surface by less than 1.2 mm
    inside, outside = (_volume_ml(combine(fields) + step) for combine, step in ((_largest, 1.2), (_smallest, -1.2)))
    assert inside <= _volume_ml(between.body(points)) <= outside
    assert 0.85 * min(volumes) < _volume_ml(between.body(points)) < 1.15 * max(volumes)
    assert np.array_equal(between.posterior(points), shapes[0].posterior(points))


def _largest(fields: list[np.ndarray]) -> np.ndarray:
    return np.maximum(*fields)


def _smallest(fields: list[np.ndarray]) -> np.ndarray:
    return np.minimum(*fields)


def test_a_mesh_of_a_ball_has_its_distances(tmp_path: Path) -> None:
    """A ball of 20 mm written in metres as quadrangles, each with its own corners."""
    turn, rise = np.meshgrid(np.linspace(0, 2 * np.pi, 73), np.linspace(0, np.pi, 37), indexing="ij")
    ball = 0.02 * np.stack([np.cos(turn) * np.sin(rise), np.sin(turn) * np.sin(rise), np.cos(rise)], axis=-1)
    lines, count = [], 0
    for a in range(72):
        for b in range(36):
            corners = (ball[a, b], ball[a, b + 1], ball[a + 1, b + 1], ball[a + 1, b])
            lines += ["v " + " ".join(f"{x:.9f}" for x in corner) for corner in corners]
            lines.append("f " + " ".join(f"{count + n}/{count + n}" for n in range(1, 5)))
            count += 4
    (tmp_path / "ball.obj").write_text("\n".join(lines))
    mesh = read_obj(tmp_path / "ball.obj", 1000.0)
    probes = np.array([[0, 0, 5], [17, 0, 0], [0, -19, 0], [12, 12, 12], [0, 25, 0], [30, 30, 0.0]])
    expected = np.linalg.norm(probes, axis=1) - 20
    assert mesh.distance(probes) == pytest.approx(expected, abs=0.25)


def test_bodies_cut_from_meshes_are_lumbar_bodies(real_data: Path, tmp_path: Path) -> None:
    (tmp_path / "meshes_visible_human").symlink_to(real_data / "meshes_visible_human")
    shapes = load_shapes(tmp_path)
    assert [shape.level for shape in shapes] == ["L1", "L2", "L3", "L4", "L5"]
    for shape in shapes:
        # a tall man's: 40 to 55 ml, at most 60 mm wide, 45 deep and 40 high
        assert 40 < (shape.body_field < 0).sum() / 1000 < 55
        extent = [np.ptp(c) for c in np.nonzero(shape.body_field < 0)]
        assert (np.array(extent) < [40, 45, 60]).all()
        assert not ((shape.body_field < -1) & (shape.arch_field < -1)).any()
        assert shape.arch_field.min() < -4


def test_training_patients_mix_measured_shapes_in_and_are_often_sick() -> None:
    ball = np.linalg.norm(np.stack(np.meshgrid(*(np.arange(n) - n / 2 for n in (96, 120, 96)), indexing="ij")), axis=0)
    field = (ball - 20).astype(np.float32)
    shapes = [MeasuredVertebra("L2", "a ball", field, field + 10, (40.0, 40.0, 40.0))]
    kinds, mixed = set(), 0
    for seed in range(6):
        scene = training_scene(np.random.default_rng(seed), shapes)
        kinds |= {finding.kind for finding in scene.findings}
        mixed += sum(isinstance(v, Between) for v in scene.vertebrae.values())
        assert not isinstance(scene.vertebrae["S1"], Between)
    assert len(kinds) >= 5
    assert mixed > 5


def test_an_exposure_keeps_bone_above_soft_tissue_above_air() -> None:
    hu = np.full((32, 32, 32), -1000, np.float32)
    hu[:, 4:28, 4:28], hu[:, 12:20, 12:20] = 40, 500
    for seed in range(12):
        seen = exposed(hu, (1.5, 1.5, 1.5), np.random.default_rng(seed))
        assert seen.shape == hu.shape
        air, soft, bone = seen[:, :2].mean(), seen[8:24, 6:10, 6:26].mean(), seen[:, 14:18, 14:18].mean()
        assert air < -850
        assert -60 < soft < 140
        assert bone > soft + 200
