"""Spines of formulas whose heights are known: label maps of any grid, and the truth from the signed distances."""

from dataclasses import replace

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.optimize import root_scalar

from OsteoScreenLib.measurement.heights import BAND, PLACES, WINDOW
from OsteoScreenLib.phantoms.render import render
from OsteoScreenLib.phantoms.scene import Scene, random_scene
from OsteoScreenLib.phantoms.vertebra import AnalyticVertebra
from OsteoScreenLib.volume import Volume, grid

STEP_MM = 0.5
SUBVOXEL_MM = 0.75
"""A scene is rendered in voxels no longer than this, for in coarser ones a thin cortex takes up more than its share."""
BLUR_MM, NOISE_HU = 0.5, 15.0


def plain_spine(seed: int, alike: bool = False) -> Scene:
    """Return a spine without fractures, warp or tissue around it; all of its bodies are the same if `alike`."""
    scene = random_scene(np.random.default_rng(seed), warp=0.0, fracture=0.0)
    shapes = scene.vertebrae
    if alike:
        shapes = dict.fromkeys(shapes, AnalyticVertebra(*scene.spine.sizes["L2"], wedge=0.03))
    return replace(scene, vertebrae=shapes, solids=())


def planted(scene: Scene, level: str, kind: str, loss: float) -> Scene:
    """Return a spine in which a share of a height of one body is lost."""
    return replace(scene, vertebrae={**scene.vertebrae, level: fractured(scene.vertebrae[level], kind, loss)})


def label_map(
    scene: Scene, mm: float = 1.0, turn: np.ndarray | None = None, ends: tuple[str, str] = ("L1", "L4")
) -> Volume:
    """Return the label map from one level to another on a grid of `mm`, turned by a rotation (3, 3) of RAS if given."""
    field = _field(scene, mm, turn, ends)
    return field.with_voxels(render(scene, field, np.random.default_rng(0))[1])


def scanned(
    scene: Scene, mm: float, turn: np.ndarray | None = None, ends: tuple[str, str] = ("L1", "L4")
) -> tuple[Volume, Volume]:
    """Return a CT and `label_map`: points are blurred by an SD of 0.5 mm, voxels hold means, noise has 15 HU."""
    labels = label_map(scene, mm, turn, ends)
    parts = int(np.ceil(mm / SUBVOXEL_MM))
    k, j, i = labels.voxels.shape
    matrix = labels.ijk_to_ras.copy()
    matrix[:3, :3] /= parts
    matrix[:3, 3] = labels.to_ras(np.full(3, (1 / parts - 1) / 2))
    rng = np.random.default_rng(0)
    fine, _ = render(scene, Volume(np.zeros((parts * k, parts * j, parts * i), np.float32), matrix), rng)
    blurred = gaussian_filter(fine, BLUR_MM * parts / mm)
    hu = blurred.reshape(k, parts, j, parts, i, parts).mean((1, 3, 5)) + rng.normal(0, NOISE_HU, (k, j, i))
    return labels.with_voxels(hu.astype(np.float32)), labels


def _field(scene: Scene, mm: float, turn: np.ndarray | None, ends: tuple[str, str]) -> Volume:
    """Return an empty grid around two levels and what lies between them."""
    first, last = (scene.centre(level) for level in ends)
    centre = (first + last) / 2
    size = np.ceil((np.abs(first - last) + np.array([90, 80, 50])) / mm).astype(int)
    field = grid(centre, tuple(size.tolist()), mm)
    if turn is None:
        return field
    matrix = field.ijk_to_ras.copy()
    matrix[:3, :3] = turn @ matrix[:3, :3]
    matrix[:3, 3] = centre - matrix[:3, :3] @ ((size - 1) / 2)
    return Volume(field.voxels, matrix)


def true_heights(shape: AnalyticVertebra) -> dict[str, float]:
    """Return the heights of a shape in mm, at the places of `measurement.heights`, from its signed distance."""
    lean = 0.0
    for _ in range(3):
        top, bottom, x, y = _surfaces(shape, lean)
        sure = top - bottom >= 0.8 * np.nanmedian(top - bottom)
        slopes = [np.linalg.lstsq(_design(x, y)[sure], side[sure], rcond=None)[0][1] for side in (top, bottom)]
        lean += np.arctan(np.mean(slopes))
    top, bottom, x, y = _surfaces(shape, lean)
    lines = np.unique(y)
    height = (top - bottom).reshape(-1, len(lines))
    solid = height >= 0.5 * np.nanmedian(height)
    band = solid & (np.abs(np.unique(x)) <= BAND * shape.width / 2)[:, None]
    ends = np.array([[lines[row].min(), lines[row].max()] for row in band if row.any()]).mean(axis=0)
    found = {}
    for name, share in PLACES.items():
        at = ends[0] + share * (ends[1] - ends[0])
        near = band & (np.abs(lines - at) <= WINDOW * (ends[1] - ends[0]))[None]
        found[name] = float(height[near].mean())
    return found


def fractured(shape: AnalyticVertebra, kind: str, loss: float) -> AnalyticVertebra:
    """Return a shape whose true height at the place of `kind` (wedge, biconcave, crush) has lost a share."""
    place = {"wedge": "anterior", "biconcave": "middle", "crush": "posterior"}[kind]
    target = (1 - loss) * true_heights(shape)[place]
    before = getattr(shape, kind)

    def missed(amount: float) -> float:
        return true_heights(replace(shape, **{kind: before + amount}))[place] - target

    found = root_scalar(missed, method="brentq", bracket=(0.5 * loss, 1.6 * loss), xtol=2e-3)
    return replace(shape, **{kind: before + found.root})


def _design(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.column_stack([x, y, np.ones_like(x)])


def _surfaces(shape: AnalyticVertebra, lean: float) -> tuple[np.ndarray, ...]:
    """Return the upper and lower surface over points x, y of the plane, seen along an axis that leans backwards."""
    x = np.arange(-0.14 * shape.width, 0.14 * shape.width, 1.0)
    y = np.arange(-0.65 * shape.depth, 0.65 * shape.depth, STEP_MM)
    z = np.arange(-0.8 * shape.height, 0.8 * shape.height, STEP_MM / 2)
    gx, gy, gz = np.meshgrid(x, y, z, indexing="ij")
    turned = np.stack([gx, np.cos(lean) * gy - np.sin(lean) * gz, np.sin(lean) * gy + np.cos(lean) * gz])
    inside = shape.body(turned) < 0
    some = inside.any(axis=2)
    edge = STEP_MM / 4
    top = np.where(some, z[len(z) - 1 - np.argmax(inside[..., ::-1], axis=2)] + edge, np.nan).ravel()
    bottom = np.where(some, z[np.argmax(inside, axis=2)] - edge, np.nan).ravel()
    return top, bottom, gx[..., 0].ravel(), gy[..., 0].ravel()
