"""Is it a CT in HU, of a trunk, and how clean: what the voxels say, whatever the header says."""

import numpy as np

from OsteoScreenLib.findings import DENSITY, EVERYTHING, SHAPE, Finding, Findings, Measure, Severity
from OsteoScreenLib.measurement.limits import LIMITS
from OsteoScreenLib.volume import Volume

COARSE_MM = 5.0
"""Voxel size of the look at the whole image, on a RAS-aligned grid (`volume.isotropic`)."""

FAT, SOFT = (-140, -50), (0, 110)
"""HU of fat and of soft tissue, enhanced or not: most of a trunk is one of the two."""

SIDE_MM = 6.0
"""Side of the squares whose SD is the noise."""


def signal_findings(coarse: Volume) -> Findings:
    """Return a finding where a coarse image (`COARSE_MM`) is no CT in HU, else one where it shows no trunk."""
    return _not_hu(coarse) or _no_trunk(coarse)


def _not_hu(coarse: Volume) -> Findings:
    hu = coarse.voxels
    air = float((hu < -850).mean()) > 0.005
    tissue = hu[hu > -500] if air else hu
    if tissue.size == 0:
        return ()
    known = _share(tissue, FAT) + _share(tissue, SOFT)
    if known >= LIMITS["tissue_share"] and (air or _share(tissue, (-15, 15)) < LIMITS["empty_share"]):
        return ()
    what = "air at -1000 HU, fat at -100 and muscle at 50 are not there"
    text = f"The values are not those of a CT in HU: {what} (MR, another modality, or a CT without its rescale?)."
    return (Finding("not a CT in HU", Severity.CLOSED, text, EVERYTHING),)


def _no_trunk(coarse: Volume) -> Findings:
    from scipy.ndimage import binary_opening

    body = binary_opening(coarse.voxels > -300, iterations=2)
    if not body.any():
        return ()
    area = float(np.percentile(body.sum((1, 2)), 90)) * COARSE_MM**2
    bone = float((coarse.voxels[body] > 300).mean())
    if area > LIMITS["trunk_area_mm2"] or bone < LIMITS["bone_share"]:
        return ()
    text = (
        f"The image shows a part of the body with a cross-section of {area / 100:.0f} cm2 of which {bone:.0%} is bone, "
        "as a head or a limb does, not an abdomen."
    )
    return (Finding("not an abdomen", Severity.CLOSED, text, EVERYTHING),)


def padding_findings(volume: Volume) -> Findings:
    """Return a note where much of the image is one constant value: padding around the field of view."""
    slices = volume.voxels[:: max(1, len(volume.voxels) // 12)]
    flat = (slices[:, 1:, 1:] == slices[:, :-1, :-1]) & (slices[:, 1:, :-1] == slices[:, :-1, 1:])
    flat &= (slices[:, 1:, 1:] == slices[:, 1:, :-1]) & (slices[:, 1:, 1:] <= -1000)
    share = float(flat.mean())
    if share < LIMITS["padding_share"]:
        return ()
    text = (
        f"{share:.0%} of the image is padding: features of the image normalised as a whole differ from those of the "
        "same scan without it."
    )
    return (Finding("padding", Severity.NOTE, text, (Measure.FEATURES,)),)


def noise_hu(volume: Volume) -> float | None:
    """Return the noise in HU: the most frequent SD of squares of soft tissue; None where there is hardly any.

    The squares (of 6 mm, at least 3 voxels) lie in the image's own (j, i) planes, which keeps what a kernel correlates.
    """
    from scipy.ndimage import gaussian_filter1d, uniform_filter

    step = max(1, len(volume.voxels) // 12)
    hu = volume.voxels[::step].astype(np.float32)
    size = (1, *(max(3, 2 * round(SIDE_MM / mm / 2) + 1) for mm in volume.spacing[1::-1]))
    mean = uniform_filter(hu, size)
    variance = np.maximum(uniform_filter(hu**2, size) - mean**2, 0)
    deviation = np.sqrt(variance[(mean > SOFT[0]) & (mean < SOFT[1])])
    if deviation.size < 500:
        return None
    count, edges = np.histogram(deviation, bins=np.arange(0, 200, 1.0))
    return float(edges[int(gaussian_filter1d(count.astype(float), 2.0).argmax())] + 0.5)


def noise_findings(volume: Volume) -> Findings:
    """Return a finding where the noise near the spine, measured in the image, is large; a note where it is known."""
    noise = noise_hu(volume)
    if noise is None:
        return ()
    if noise <= LIMITS["noise_hu"]:
        return (Finding("noise", Severity.NOTE, f"Noise in soft tissue {noise:.0f} HU (measured in the image)."),)
    text = (
        f"Noise in soft tissue {noise:.0f} HU (more than {LIMITS['noise_hu']:g} HU): SD, percentiles and texture are "
        "those of the noise, and the ellipse is less exact."
    )
    return (Finding("noise", Severity.CAUTION, text, DENSITY),)


def slice_findings(volume: Volume, z_range: tuple[float, float]) -> Findings:
    """Return a finding where neighbouring slices between two heights (RAS mm) do not follow from one another.

    Missing slices and motion leave a step that is much larger than the others around it; copied slices none at all.
    """
    from scipy.ndimage import gaussian_filter, median_filter

    axis = 2 - int(np.abs(volume.ijk_to_ras[2, :3]).argmax())
    planes = np.moveaxis(volume.voxels, axis, 0)
    in_plane = [mm for n, mm in enumerate(volume.spacing[::-1]) if n != axis]
    planes = planes[(slice(None), *(slice(None, None, max(1, round(4 / mm))) for mm in in_plane))].astype(np.float32)
    middle = np.array(volume.voxels.shape[::-1]) / 2
    ijk = np.repeat(middle[None], len(planes), 0)
    ijk[:, 2 - axis] = np.arange(len(planes))
    z = volume.to_ras(ijk)[:, 2]
    smooth = gaussian_filter(np.clip(planes, -200, 300), (0, 1.5, 1.5))
    step = np.abs(np.diff(smooth, axis=0)).mean((1, 2))
    usual = median_filter(step, size=11, mode="nearest")
    ratio = step / np.maximum(usual, 0.5)
    near = ((z[1:] + z[:-1]) / 2 > z_range[0]) & ((z[1:] + z[:-1]) / 2 < z_range[1])
    found = []
    if (near & (ratio > LIMITS["slice_jump"])).any():
        worst = int(np.where(near, ratio, 0).argmax())
        text = (
            f"The image jumps between neighbouring slices at z = {z[worst]:.0f} mm ({ratio[worst]:.1f} times the usual "
            "step): slices are missing, or the patient moved."
        )
        found.append(Finding("motion or missing slices", Severity.CAUTION, text, (*SHAPE, *DENSITY, Measure.NAMES)))
    if (near & (step < 1e-6) & (usual > 0.5)).any():
        text = "Some neighbouring slices are copies of one another: heights and volumes are too large there."
        found.append(Finding("copied slices", Severity.CAUTION, text, (*SHAPE, Measure.FEATURES)))
    return tuple(found)


def _share(hu: np.ndarray, window: tuple[float, float]) -> float:
    return float(((hu >= window[0]) & (hu <= window[1])).mean())
