"""Scene to voxels: HU with partial volume computed from distances, and the label map that is exactly true to it."""

from dataclasses import dataclass

import numpy as np

from OsteoScreenLib.levels import BY_NAME, SHELL, SHELL_MM, TRABECULAR
from OsteoScreenLib.phantoms.discs import DISC_HU, disc_solids
from OsteoScreenLib.phantoms.scene import HEALTHY, Scene
from OsteoScreenLib.phantoms.solids import Solid, capsule
from OsteoScreenLib.phantoms.vertebra import smooth_max
from OsteoScreenLib.volume import Volume

AIR = -1000.0
_MARGIN_MM = 1.0
_FILLET_MM = 1.5


@dataclass
class Canvas:
    """The voxels being painted: `points` (3, k, j, i) in anatomy space, `hu`, `labels`, unit-SD `grain`, `voxel` mm."""

    scene: Scene
    grid: Volume
    points: np.ndarray
    hu: np.ndarray
    labels: np.ndarray
    grain: np.ndarray
    voxel: float

    def box(self, low: np.ndarray, high: np.ndarray) -> tuple[slice, slice, slice] | None:
        """Return the (k, j, i) slices that hold a box of anatomy space, or None outside of the grid."""
        matrix = self.grid.ras_to_ijk @ self.scene.pose
        middle = matrix[:3, :3] @ (np.add(low, high) / 2) + matrix[:3, 3]
        half = np.abs(matrix[:3, :3]) @ (np.subtract(high, low) / 2 + _MARGIN_MM + self.scene.warp.reach) + 1
        start, stop = np.floor(middle - half).astype(int), np.ceil(middle + half).astype(int) + 1
        start, stop = np.maximum(start, 0), np.minimum(stop, self.hu.shape[::-1])
        if (start >= stop).any():
            return None
        return tuple(slice(a, b) for a, b in zip(start[::-1].tolist(), stop[::-1].tolist(), strict=True))

    def coverage(self, distance: np.ndarray) -> np.ndarray:
        """Return the share of each voxel that lies inside a surface at `distance` mm."""
        return np.clip(0.5 - distance / self.voxel, 0, 1)

    def blend(self, box: tuple[slice, slice, slice], share: np.ndarray, hu: np.ndarray | float) -> None:
        """Replace the share of each voxel in the box by a material of `hu`."""
        self.hu[box] += share * (hu - self.hu[box])


def render(scene: Scene, grid: Volume, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Scan a scene without noise or blur.

    Returns HU (float32) and the label map (uint16, coding of `levels`), both with the axes (k, j, i) of `grid`. A voxel
    holds the mean over its volume, to first order in the distance to each surface.
    """
    shape = grid.voxels.shape
    canvas = Canvas(
        scene=scene,
        grid=grid,
        points=scene.to_anatomy(_centres(grid)),
        hu=np.full(shape, AIR, dtype=np.float32),
        labels=np.zeros(shape, dtype=np.uint16),
        grain=_grain(shape, grid.spacing, rng),
        voxel=float(np.cbrt(grid.voxel_volume)),
    )
    for solid in (*scene.solids, *disc_solids(scene.spine), *_canal(scene), *scene.inserts):
        _paint_solid(canvas, solid)
    for level in scene.vertebrae:
        _paint_vertebra(canvas, level)
    for solid in scene.implants:
        _paint_solid(canvas, solid)
    return canvas.hu, canvas.labels


def _centres(grid: Volume) -> np.ndarray:
    """Return the RAS positions (3, k, j, i) of the voxel centres."""
    k, j, i = np.meshgrid(*[np.arange(n, dtype=np.float32) for n in grid.voxels.shape], indexing="ij")
    m = grid.ijk_to_ras.astype(np.float32)
    return np.stack([m[r, 0] * i + m[r, 1] * j + m[r, 2] * k + m[r, 3] for r in range(3)])


def _grain(shape: tuple[int, ...], spacing: tuple[float, ...], rng: np.random.Generator) -> np.ndarray:
    """Return noise of unit SD whose detail is about 1.5 mm fine: trabeculae, fat streaks, stool."""
    from scipy.ndimage import gaussian_filter

    sigma = [0.8 / s for s in spacing[::-1]]
    noise = gaussian_filter(rng.standard_normal(shape, dtype=np.float32), sigma)
    return noise / max(float(noise.std()), 1e-6)


def _paint_solid(canvas: Canvas, solid: Solid) -> None:
    box = canvas.box(solid.low, solid.high)
    if box is None:
        return
    distance = solid.distance(canvas.points[:, *box])
    inside = solid.hu + solid.texture * canvas.grain[box] if solid.texture else solid.hu
    if solid.shell is None:
        canvas.blend(box, canvas.coverage(distance), inside)
        return
    thickness, cortex = solid.shell
    canvas.blend(box, canvas.coverage(distance), cortex)
    canvas.blend(box, canvas.coverage(distance + thickness), inside)


def _paint_vertebra(canvas: Canvas, level: str) -> None:
    """Paint arch and processes, then the body with its lesions over them; the body alone is labelled.

    The trabecular compartment lies `SHELL_MM` under the surface without growths: an osteophyte is shell throughout.
    """
    scene, bone, shape = canvas.scene, canvas.scene.bone, canvas.scene.vertebrae[level]
    centre, frame = scene.spine.centres[level], scene.spine.frames[level]
    box = canvas.box(centre - shape.reach, centre + shape.reach)
    if box is None:
        return
    local = np.tensordot(
        frame.T.astype(np.float32), canvas.points[:, *box] - centre.astype(np.float32).reshape(3, 1, 1, 1), 1
    )
    arch = shape.posterior(local)
    canvas.blend(box, canvas.coverage(arch), bone.arch_cortex)
    canvas.blend(box, canvas.coverage(arch + bone.arch_cortex_mm), bone.arch_marrow + bone.texture * canvas.grain[box])

    width, depth, height = scene.spine.sizes[level]
    near = canvas.box(centre - 0.75 * width, centre + 0.75 * width)
    if near is None:
        return
    inner = tuple(slice(n.start - b.start, n.stop - b.start) for n, b in zip(near, box, strict=True))
    local = local[:, *inner]
    lesions = scene.lesions.get(level, HEALTHY)
    core = shape.body(local)
    for pit in lesions.pits:
        hole = pit(local)
        canvas.blend(near, canvas.coverage(hole), DISC_HU)
        core = np.maximum(core, -hole)
    body = core
    for growth in lesions.growths:
        body = -smooth_max(-body, -growth(local), _FILLET_MM)
    x, y, z = local
    vein = np.exp(-np.square(x / 5) - np.square((y + 0.4 * depth) / (0.22 * depth)) - np.square(z / 3.5))
    front, top = bone.gradients[level]
    marrow = bone.trabecular[level] * (1 + front * 2 * y / depth + top * 2 * z / height - 0.4 * vein)
    marrow += bone.texture * canvas.grain[near]
    marrow += bone.endplate_sclerosis * np.clip(1 - (height / 2 - np.abs(z)) / 5, 0, 1)
    canvas.blend(near, canvas.coverage(body), bone.cortex)
    canvas.blend(near, canvas.coverage(body + bone.cortex_mm), marrow)
    for focus in lesions.foci:
        canvas.blend(near, focus.share(local, body, bone.cortex_mm), focus.fill(local, canvas.grain[near]))

    code = 10 * BY_NAME[level].code
    labels = canvas.labels[near]
    labels[body < 0] = code + SHELL
    labels[core < -SHELL_MM] = code + TRABECULAR


def _canal(scene: Scene) -> list[Solid]:
    """Return epidural fat and the thecal sac along the back of the bodies."""
    back = {
        level: scene.spine.centres[level] - scene.spine.frames[level][:, 1] * (scene.spine.sizes[level][1] / 2 + 9)
        for level in scene.vertebrae
    }
    pairs = scene.spine.neighbours()
    fat = [capsule(back[u], back[v], 10.5).filled(f"epidural {u}", -60.0) for u, v in pairs]
    sac = [capsule(back[u], back[v], 8.0).filled(f"sac {u}", 25.0) for u, v in pairs]
    return fat + sac
