"""Make oracle.npz: a synthetic CT and what pyradiomics says of it. Needs pyradiomics 3.0.1 or newer; the tests do not.

``python Testing/radiomics/oracle/make_oracle.py`` from the project's folder, in an environment of its own: pyradiomics
has no wheel, but builds with ``pip install "numpy<2" "setuptools<70" wheel cython versioneer`` and then
``pip install --no-build-isolation pyradiomics==3.0.1``.
"""

import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk

SEED = 3
SIZE, SPACING = (72, 56, 40), (1.5, 1.5, 3.0)
LEVELS = ("L1", "L2", "L3")
IMAGE_TYPES = {"Original": {}, "LoG": {"sigma": [1.0, 2.0, 3.0, 4.0, 5.0]}, "Wavelet": {}, "Square": {},
               "SquareRoot": {}, "Logarithm": {}, "Exponential": {}, "Gradient": {}}  # fmt: skip
CLASSES = ("firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm")
PAPER = {"normalize": True, "normalizeScale": 100, "resampledPixelSpacing": [1, 1, 1], "binWidth": 25}
SETTINGS = {
    "paper": PAPER,
    "as-it-is": {"normalize": False, "resampledPixelSpacing": [2, 2, 2], "binWidth": 25, "padDistance": 8},
    "bin-count": {"normalize": True, "normalizeScale": 1, "removeOutliers": 2.5, "preCrop": True, "binCount": 24},
    "one-level": {**PAPER, "normalizeScale": 1, "resampledPixelSpacing": [2, 2, 2]},
}
"""The last is the trap that `Settings.cautions` warns of."""


def grid(name: str) -> np.ndarray:
    """Return the ijk_to_ras of a setting: oblique, flipped, left-handed, plain."""
    angle = np.deg2rad(20)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    axes = {"paper": turn @ turn[[2, 0, 1]][:, [2, 0, 1]], "as-it-is": np.diag([-1.0, -1, 1]),
            "bin-count": np.diag([1.0, -1, 1])}.get(name, np.eye(3))  # fmt: skip
    matrix = np.eye(4)
    matrix[:3, :3] = axes * SPACING
    matrix[:3, 3] = 12.3, -45.6, 78.9
    return matrix


def main() -> None:
    """Compute all values and write them beside this script."""
    import radiomics
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    from OsteoScreenLib.levels import body_mask, trabecular_mask
    from OsteoScreenLib.phantoms import make_phantom
    from OsteoScreenLib.volume import Volume

    radiomics.setVerbosity(60)
    phantom = make_phantom(SEED, SIZE, SPACING)
    hu, labels = phantom.volume.voxels, phantom.labels.voxels
    regions = [(level, roi, mask(labels, level)) for level in LEVELS
               for roi, mask in (("body", body_mask), ("trabecular", trabecular_mask))]  # fmt: skip
    kept = {"hu": hu, "labels": labels, "regions": np.array([f"{level} {roi}" for level, roi, _ in regions])}
    kept["versions"] = np.array([
        f"pyradiomics {radiomics.__version__.lstrip('v')}", f"numpy {np.__version__}",
        f"SimpleITK {sitk.Version.VersionString()}", f"Python {sys.version.split()[0]}",
    ])  # fmt: skip
    for name, setting in SETTINGS.items():
        given = {"setting": setting, "imageType": IMAGE_TYPES, "featureClass": dict.fromkeys(CLASSES)}
        extractor = RadiomicsFeatureExtractor(given)
        extractor.addProvenance(False)
        rows = []
        for level, roi, mask in regions:
            print(name, level, roi, int(mask.sum()), flush=True)
            on_grid = [Volume(voxels, grid(name)).to_sitk() for voxels in (hu, mask)]
            rows.append({key: float(value) for key, value in extractor.execute(*on_grid).items()})
        columns = list(rows[0])
        kept[f"{name} columns"] = np.array(columns)
        kept[f"{name} values"] = np.array([[row.get(column, np.nan) for column in columns] for row in rows])
    np.savez_compressed(Path(__file__).with_name("oracle.npz"), **kept)


if __name__ == "__main__":
    main()
