"""Phantoms without any fault, and the faults that the gate has to find, planted into them one by one."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from OsteoScreenLib.levels import SCREENED
from OsteoScreenLib.phantoms import make_phantom
from OsteoScreenLib.phantoms.scan import Protocol
from OsteoScreenLib.phantoms.scene import Scene, random_scene
from OsteoScreenLib.phantoms.tube_voltage import at_voltage
from OsteoScreenLib.result import Segmentation
from OsteoScreenLib.segmentation.engines import describe
from OsteoScreenLib.volume import Acquisition, Volume, grid

MADE = Acquisition(kvp=120.0, slice_thickness=2.5, kernel="B30f", contrast_agent="")
NATIVE_HU = 60.0
"""Blood without contrast agent stays below."""


@dataclass(frozen=True, eq=False)
class Scan:
    """A CT with its true bodies of L1-L4, and the patient behind it."""

    volume: Volume
    labels: Volume
    scene: Scene

    @property
    def segmentation(self) -> Segmentation:
        """The truth as an engine would hand it over."""
        return describe(self.volume, self.labels.voxels, {}, "truth", "none", (), ())


def clean(seed: int) -> Scan | None:
    """Return a patient without disease, contrast agent in the blood or faults of the scan; None for other seeds."""
    scene = random_scene(np.random.default_rng(seed), fracture=0.0)
    if any(solid.hu > NATIVE_HU for solid in scene.solids if solid.name == "aorta"):
        return None
    return scanned(scene, seed)


def enhanced(seed: int) -> Scan | None:
    """Return a patient with contrast agent in the blood, None where a seed has none."""
    scene = random_scene(np.random.default_rng(seed), fracture=0.0)
    if any(solid.hu <= NATIVE_HU for solid in scene.solids if solid.name == "aorta"):
        return None
    return scanned(scene, seed)


def fatty_liver_and_heart() -> Scan:
    """Return a patient whose liver has the HU of water, on a CT that goes up to the heart."""
    scene = random_scene(np.random.default_rng(537), fracture=0.0)
    solids = [replace(solid, hu=0.0) if solid.name == "liver" else solid for solid in scene.solids]
    return scanned(replace(scene, solids=tuple(solids)), 537, slices=160)


def scanned(scene: Scene, seed: int, protocol: Protocol | None = None, slices: int = 120) -> Scan:
    """Return a patient's CT at 2.5 mm, abdomen and lower chest."""
    made = make_phantom(seed, size=(150, 110, slices), spacing=(2.5, 2.5, 2.5), scene=scene, protocol=protocol)
    volume = replace(made.volume, acquisition=replace(MADE, kvp=made.volume.acquisition.kvp))
    return Scan(volume, _bodies(made.labels), scene)


def first_clean(start: int = 500) -> Scan:
    """Return the first clean patient from a seed on."""
    return next(scan for seed in range(start, start + 50) if (scan := clean(seed)))


def l4_cut(scan: Scan) -> Scan:
    """The field of view ends in the middle of L4."""
    k = np.argwhere(scan.labels.voxels // 10 == 23)[:, 0]
    return _window(scan, (slice(int(k.mean()), None), slice(None), slice(None)))


def thick_slices(scan: Scan) -> Scan:
    """Slices of 7 mm, each averaged from thinner ones, and so is the truth."""
    step = round(7 / scan.volume.spacing[2])
    mm = step * scan.volume.spacing[2]
    n = len(scan.volume.voxels) // step * step
    hu = scan.volume.voxels[:n].reshape(n // step, step, *scan.volume.voxels.shape[1:]).mean(1)
    matrix = scan.volume.ijk_to_ras @ np.diag([1.0, 1.0, step, 1.0])
    matrix[:3, 3] = scan.volume.to_ras(np.array([0, 0, (step - 1) / 2]))
    volume = replace(scan.volume, voxels=np.rint(hu).astype(np.int16), ijk_to_ras=matrix,
                     acquisition=replace(MADE, slice_thickness=mm))  # fmt: skip
    labels = replace(volume, voxels=np.ascontiguousarray(scan.labels.voxels[step // 2 : n : step]))
    return replace(scan, volume=volume, labels=labels)


def contrast_in_header(scan: Scan) -> Scan:
    """The header names a contrast agent."""
    return _made(scan, contrast_agent="IOHEXOL 300")


def metal_rod(scan: Scan) -> Scan:
    """A rod of 6 mm behind the arches, and a screw from it into L3."""
    points = _points(scan.volume)
    hu = scan.volume.voxels.copy()
    middle = points[scan.labels.voxels // 10 == 22].mean(0)
    x, y, z = np.moveaxis(points - middle, -1, 0)
    hu[(np.hypot(x - 18, y + 42) < 3) & (np.abs(z) < 60)] = 3071
    hu[(np.hypot(x - 12, z) < 3) & (y > -42) & (y < 8)] = 3071
    return replace(scan, volume=scan.volume.with_voxels(hu))


def low_voltage(scan: Scan) -> Scan:
    """80 kVp, in the header and in the HU."""
    hu = np.rint(at_voltage(scan.volume.voxels.astype(np.float32), 80.0)).astype(np.int16)
    return replace(_made(scan, kvp=80.0), volume=replace(_made(scan, kvp=80.0).volume, voxels=hu))


def sharp_kernel(scan: Scan) -> Scan:
    """A kernel for bone, by its name."""
    return _made(scan, kernel="B70s")


def magnetic_resonance(scan: Scan) -> Scan:
    """What an MR would show of the same patient: fat bright, muscle dark, bone and air darkest, and no HU."""
    known = ([-1024, -900, -200, -100, -20, 40, 150, 500, 3071], [-5, 5, 60, 900, 500, 280, 150, 60, 20])
    signal = np.interp(scan.volume.voxels, *known).astype(np.int16)
    return replace(scan, volume=scan.volume.with_voxels(signal))


def head(scan: Scan) -> Scan:
    """A head: skull, brain, and a neck below, under masks that somebody has put there all the same."""
    rng = np.random.default_rng(0)
    field = grid(np.array([0.0, 0.0, 0.0]), (110, 110, 90), 2.5)
    x, y, z = np.moveaxis(_points(field), -1, 0)
    outer = (x / 78) ** 2 + (y / 95) ** 2 + (z / 90) ** 2
    inner = (x / 69) ** 2 + (y / 86) ** 2 + (z / 81) ** 2
    hu = np.full(field.voxels.shape, -1000.0)
    hu[(np.hypot(x, y) < 55) & (z < -60)] = 40
    hu[outer < 1.12] = 20
    hu[outer < 1] = 900
    hu[inner < 1] = 35
    hu = np.rint(hu + rng.normal(0, 8, hu.shape)).astype(np.int16)
    volume = Volume(hu, field.ijk_to_ras, MADE, "head")
    labels = np.zeros(hu.shape, np.uint16)
    for n, level in enumerate((20, 21, 22, 23)):
        z0 = 45 - 30 * n
        labels[(abs(x) < 20) & (abs(y) < 15) & (abs(z - z0) < 12)] = 10 * level + 1
        labels[(abs(x) < 17) & (abs(y) < 12) & (abs(z - z0) < 9)] = 10 * level + 2
    return replace(scan, volume=volume, labels=volume.with_voxels(labels))


def upside_down(scan: Scan) -> Scan:
    """The file says feet where the head is; an engine names the bodies from top to bottom all the same."""
    turned = _flipped(scan, (0, 1))
    swap = np.arange(2**16, dtype=np.uint16)
    for a, b in ((20, 23), (21, 22), (22, 21), (23, 20)):
        swap[10 * a : 10 * a + 10] = np.arange(10 * b, 10 * b + 10)
    return replace(turned, labels=turned.labels.with_voxels(swap[turned.labels.voxels]))


def mirrored(scan: Scan) -> Scan:
    """The file says left where right is."""
    return _flipped(scan, (2,))


def missing_slices(scan: Scan) -> Scan:
    """15 mm of slices are missing in L2, and nobody has noticed."""
    k = int(np.argwhere(scan.labels.voxels // 10 == 21)[:, 0].mean())
    kept = np.r_[0:k, k + 6 : len(scan.volume.voxels)]
    volume = replace(scan.volume, voxels=scan.volume.voxels[kept])
    return replace(scan, volume=volume, labels=replace(volume, voxels=scan.labels.voxels[kept]))


def cement(scan: Scan) -> Scan:
    """A drop of cement of 10 mm in L2."""
    points = _points(scan.volume)
    middle = points[scan.labels.voxels // 10 == 21].mean(0)
    hu = np.where(np.linalg.norm(points - middle, axis=-1) < 8, 1500, scan.volume.voxels).astype(np.int16)
    return replace(scan, volume=scan.volume.with_voxels(hu))


def loose_mask(scan: Scan) -> Scan:
    """The outline of L3 reaches 40 mm to the front, into fat and gas, and half of L1's is lost."""
    voxels = scan.labels.voxels.copy()
    body = np.argwhere(voxels // 10 == 22)
    low, high = body.min(0), body.max(0) + 1
    front = voxels[low[0] : high[0], high[1] : high[1] + 16, low[2] : high[2]]
    front[front == 0] = 221
    return replace(scan, labels=scan.labels.with_voxels(voxels))


FAULTS: dict[str, tuple[Callable[[Scan], Scan], str]] = {
    "L4 cut": (l4_cut, "cut by the field of view"),
    "7 mm slices": (thick_slices, "slice thickness"),
    "contrast (header)": (contrast_in_header, "contrast agent"),
    "metal rod": (metal_rod, "metal"),
    "80 kVp": (low_voltage, "tube voltage"),
    "sharp kernel": (sharp_kernel, "kernel"),
    "MR instead of CT": (magnetic_resonance, "not a CT in HU"),
    "head CT": (head, "not an abdomen"),
    "upside down": (upside_down, "upside down"),
    "mirrored": (mirrored, "mirrored"),
    "missing slices": (missing_slices, "motion or missing slices"),
    "cement": (cement, "cement or sclerosis"),
    "wrong outline": (loose_mask, "outline"),
}
"""Each fault: how it is planted, and the check that has to find it."""


def _bodies(labels: Volume) -> Volume:
    codes = np.isin(labels.voxels // 10, [20 + n for n in range(len(SCREENED))])
    return labels.with_voxels(np.where(codes, labels.voxels, 0).astype(np.uint16))


def _made(scan: Scan, **facts: object) -> Scan:
    return replace(scan, volume=replace(scan.volume, acquisition=replace(scan.volume.acquisition, **facts)))


def _points(volume: Volume) -> np.ndarray:
    k, j, i = np.indices(volume.voxels.shape)
    return volume.to_ras(np.stack([i, j, k], -1))


def _window(scan: Scan, box: tuple[slice, slice, slice]) -> Scan:
    return replace(scan, volume=scan.volume.window(box), labels=scan.labels.window(box))


def _flipped(scan: Scan, axes: tuple[int, ...]) -> Scan:
    volume = scan.volume.with_voxels(np.ascontiguousarray(np.flip(scan.volume.voxels, axes)))
    return replace(
        scan, volume=volume, labels=volume.with_voxels(np.ascontiguousarray(np.flip(scan.labels.voxels, axes)))
    )
