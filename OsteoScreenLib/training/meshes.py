"""Surface meshes as signed distances."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

_NEIGHBOURS = 4


@dataclass(frozen=True, eq=False)
class Mesh:
    """A triangulated surface: `points` (n, 3) in mm and their outward unit `normals` (n, 3)."""

    points: np.ndarray
    normals: np.ndarray

    def distance(self, points: np.ndarray) -> np.ndarray:
        """Return signed distances in mm, negative inside, of points (n, 3).

        Each is the distance to the nearest tangent planes, averaged; exact to first order for a dense mesh, and small
        holes close by themselves, as nothing is asked of the faces but their normals.
        """
        from scipy.spatial import cKDTree

        gap, nearest = cKDTree(self.points).query(points, k=_NEIGHBOURS)
        along = np.einsum("nkd,nkd->nk", points[:, None] - self.points[nearest], self.normals[nearest])
        weight = np.exp(-np.square((gap - gap[:, :1]) / 1.0))
        plane = (along * weight).sum(1) / weight.sum(1)
        return np.where(gap[:, 0] < 2.0, plane, np.copysign(gap[:, 0], plane))


def read_obj(path: Path, scale: float = 1.0) -> Mesh:
    """Read an OBJ file, its lengths multiplied by `scale`; points that lie on each other become one."""
    vertices, faces = [], []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        kind, *words = line.split() or [""]
        if kind == "v":
            vertices.append([float(word) for word in words[:3]])
        elif kind == "f":
            corners = [int(word.split("/")[0]) - 1 for word in words]
            faces += [(corners[0], *corners[n : n + 2]) for n in range(1, len(corners) - 1)]
    points, same = np.unique(np.round(np.array(vertices) * scale, 4), axis=0, return_inverse=True)
    triangles = same.ravel()[np.array(faces)]
    a, b, c = (points[triangles[:, n]] for n in range(3))
    areas = np.cross(b - a, c - a)
    normals = np.zeros_like(points)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], areas)
    length = np.linalg.norm(normals, axis=1)
    used = length > 0
    points, normals = points[used], normals[used] / length[used, None]
    inside_out = np.einsum("nd,nd->", points - points.mean(0), normals) < 0
    return Mesh(points, -normals if inside_out else normals)
