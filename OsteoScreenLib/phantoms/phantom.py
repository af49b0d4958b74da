"""A seeded synthetic CT with its exact truth: demo, test and benchmark input that needs no patient."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from OsteoScreenLib.phantoms.render import render
from OsteoScreenLib.phantoms.scan import Protocol, random_protocol, scan
from OsteoScreenLib.phantoms.scene import Scene, random_scene
from OsteoScreenLib.volume import Acquisition, Volume, grid

_SLABS = 8


@dataclass(frozen=True, eq=False)
class Phantom:
    """A synthetic CT (`volume`, int16 HU), the true label map on its grid (`labels`, uint16), the scene behind it."""

    volume: Volume
    labels: Volume
    scene: Scene


def make_phantom(
    seed: int,
    size: tuple[int, int, int] = (256, 256, 256),
    spacing: tuple[float, float, float] = (1.4, 1.4, 1.4),
    centre: str = "L2",
    protocol: Protocol | None = None,
    scene: Scene | None = None,
    disease: float = 0.0,
    faults: float = 0.0,
) -> Phantom:
    """Make a phantom of `size` voxels (i, j, k) of `spacing` mm whose field of view is centred on a level's body.

    The same seed gives the same patient whatever the grid. `disease` and `faults` in [0, 1] scale how likely disease
    and faults of the scan are, where no scene or protocol is given (`random_scene`, `random_protocol`). Slices thicker
    than 1.5 mm are averaged from thinner ones, as a scanner does. The label map is exact: the voxel's centre decides.
    """
    rng = np.random.default_rng(seed)
    scene = scene or random_scene(rng, disease=disease)
    protocol = protocol or random_protocol(rng, faults)
    middle = scene.centre(centre) * [0, 1, 1] + [0, 15, 0]
    slices = 1 + 2 * max(0, ceil((spacing[2] / 1.5 - 1) / 2))
    hu = np.zeros(size[::-1], dtype=np.float32)
    for step in range(slices):
        off = [0, 0, spacing[2] * ((step + 0.5) / slices - 0.5)]
        part, truth = _rendered(scene, grid(middle + off, size, spacing), rng)
        hu += part / slices
        if step == slices // 2:
            labels = truth
    hu = np.round(scan(hu, spacing, protocol, rng)).astype(np.int16)
    facts = Acquisition(
        kvp=protocol.kvp, slice_thickness=spacing[2], manufacturer="OsteoScreen", model="synthetic phantom",
        series_description=f"phantom, seed {seed}",
    )  # fmt: skip
    volume = replace(grid(middle, size, spacing), voxels=hu, acquisition=facts, name=f"phantom-{seed}")
    return Phantom(volume, volume.with_voxels(labels), scene)


def _rendered(scene: Scene, whole: Volume, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return HU and labels of a grid, rendered in slabs of slices on all cores; numpy lets go of the interpreter."""
    count = len(whole.voxels)
    edges = np.linspace(0, count, min(_SLABS, count) + 1).astype(int)

    def slab(start: int, stop: int, noise: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        return render(scene, whole.window((slice(start, stop), slice(None), slice(None))), noise)

    with ThreadPoolExecutor() as pool:
        parts = list(pool.map(slab, edges[:-1], edges[1:], rng.spawn(len(edges) - 1)))
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))
