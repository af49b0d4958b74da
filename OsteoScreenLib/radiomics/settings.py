"""What is computed and how: one frozen dataclass, readable from a pyradiomics parameter file."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.radiomics.names import FEATURES, IMAGE_TYPES, WAVELETS

BSPLINE, LINEAR = "sitkBSpline", "sitkLinear"

Positive = Annotated[float, Gt(0), Lt(float("inf"))]
Length = Annotated[float, Ge(0), Lt(float("inf"))]
Count = Annotated[int, Ge(0)]


@dataclass(frozen=True)
class Settings:
    """Settings of a feature extraction; the defaults are those of Liu et al. 2024 and, where it is silent, ours.

    `resampled_spacing` is in mm along i, j, k (0 keeps an axis; None resamples nothing), `sigma` in mm, `bin_width` in
    units of the filtered image. `normalize` makes the whole image's mean 0 and its standard deviation
    `normalize_scale`, clipped at `remove_outliers` standard deviations. `pad_distance` is how many voxels around the
    region a filter sees. `image_types` and `features` (``class_Name``) say what is in the table.
    """

    normalize: bool = True
    normalize_scale: Positive = 100.0
    remove_outliers: Positive | None = None
    resampled_spacing: tuple[Length, Length, Length] | None = (1.0, 1.0, 1.0)
    interpolator: Literal["sitkBSpline", "sitkLinear"] = BSPLINE
    pad_distance: Count = 5
    pre_crop: bool = False
    bin_width: Positive = 25.0
    bin_count: Annotated[int, Gt(0)] | None = None
    voxel_array_shift: int = 0
    minimum_roi_dimensions: Annotated[int, Ge(1), Le(3)] = 2
    minimum_roi_size: Count | None = None
    sigma: tuple[Positive, ...] = (1.0, 2.0, 3.0, 4.0, 5.0)
    gradient_use_spacing: bool = True
    image_types: tuple[str, ...] = IMAGE_TYPES
    features: tuple[str, ...] = FEATURES

    @property
    def images(self) -> tuple[str, ...]:
        """The names of the filtered images, in the table's order."""
        several = {"Wavelet": WAVELETS, "LoG": tuple(log_name(sigma) for sigma in self.sigma)}
        return tuple(name for kind in self.image_types for name in several.get(kind, (kind.lower(),)))

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all features, as pyradiomics spells them."""
        return tuple(f"{image}_{feature}" for image in self.images for feature in self.features)

    @property
    def cautions(self) -> tuple[str, ...]:
        """What these settings are known to spoil, in words for a person."""
        if self.normalize and self.bin_count is None and 6 * self.normalize_scale < self.bin_width:
            return (
                f"normalizeScale {self.normalize_scale:g} with binWidth {self.bin_width:g} leaves one grey level in "
                "many of the images, whose texture is then constant or undefined; 100 with 25 does not.",
            )
        return ()


PYRADIOMICS = Settings(
    normalize=False, normalize_scale=1.0, resampled_spacing=None, sigma=(), image_types=("Original",)
)
"""What pyradiomics does where a parameter file is silent."""

_FIELDS = {
    "normalize": "normalize", "normalizeScale": "normalize_scale", "removeOutliers": "remove_outliers",
    "resampledPixelSpacing": "resampled_spacing", "interpolator": "interpolator", "padDistance": "pad_distance",
    "preCrop": "pre_crop", "binWidth": "bin_width", "binCount": "bin_count", "voxelArrayShift": "voxel_array_shift",
    "minimumROIDimensions": "minimum_roi_dimensions", "minimumROISize": "minimum_roi_size", "sigma": "sigma",
    "gradientUseSpacing": "gradient_use_spacing",
}  # fmt: skip

_FIXED: dict[str, tuple[object, ...]] = {
    "distances": ([1],), "force2D": (False,), "symmetricalGLCM": (True,), "gldm_a": (0,), "resegmentRange": (None,),
    "weightingNorm": (None, "no_weighting"), "wavelet": ("coif1",), "level": (1,), "start_level": (0,),
}  # fmt: skip
"""Settings that have one value here: naming it is fine, another is refused."""

_WITHOUT_EFFECT = {"label", "additionalInfo", "geometryTolerance", "correctMask", "force2Ddimension", "resegmentMode",
                   "resegmentShape", "label_channel"}  # fmt: skip
"""Settings about things that are otherwise here: which label, what else to report."""

_OF_IMAGE_TYPE = {"LoG": {"sigma"}, "Wavelet": {"wavelet", "level", "start_level"}, "Gradient": {"gradientUseSpacing"}}


def log_name(sigma: float) -> str:
    """Return the name of the Laplacian of Gaussian image of a width in mm."""
    return f"log-sigma-{str(float(sigma)).replace('.', '-')}-mm-3D"


def read_settings(path: Path) -> Settings:
    """Read a pyradiomics parameter file (YAML or JSON); what it does not name takes pyradiomics' defaults.

    Raises `InputError` for a file that cannot be read, and by name for what is not supported.
    """
    import yaml

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, RecursionError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read as a pyradiomics parameter file (YAML).") from error
    if not isinstance(found, dict) or not found:
        raise InputError(f"{path} is not a pyradiomics parameter file: it has no setting, imageType or featureClass.")
    _refuse([name for name in found if name not in ("setting", "imageType", "featureClass")], "section")
    given = _section(found, "setting")
    types = _section(found, "imageType") or {"Original": None}
    _refuse([name for name in types if name not in IMAGE_TYPES], "imageType")
    for kind in types:
        custom = _section(types, kind)
        _refuse([f"{name} of imageType {kind}" for name in custom if name not in _OF_IMAGE_TYPE.get(kind, ())])
        given |= custom
    chosen = _values(given)
    features = _features(_section(found, "featureClass"))
    return replace(PYRADIOMICS, **chosen, image_types=tuple(types), features=features)


def as_pyradiomics(settings: Settings) -> dict[str, dict]:
    """Return the settings as the dictionary that pyradiomics takes."""
    named = {name: getattr(settings, field) for name, field in _FIELDS.items() if name != "sigma"}
    named = {name: list(value) if isinstance(value, tuple) else value for name, value in named.items()}
    wanted: dict[str, list[str]] = {}
    for feature in settings.features:
        kind, name = feature.split("_")
        wanted.setdefault(kind, []).append(name)
    custom = {"LoG": {"sigma": list(settings.sigma)}}
    return {
        "setting": {name: value for name, value in named.items() if value is not None},
        "imageType": {kind: custom.get(kind, {}) for kind in settings.image_types},
        "featureClass": wanted,
    }


def _section(found: Mapping, name: str) -> dict:
    section = found.get(name) or {}
    if not isinstance(section, dict):
        raise InputError(f"The parameter file's {name} is not a list of names with values.")
    return dict(section)


def _values(given: dict[str, object]) -> dict[str, object]:
    """Return the dataclass's fields, of the right types."""
    from pydantic import TypeAdapter, ValidationError

    _refuse([name for name in given if name not in {*_FIELDS, *_FIXED, *_WITHOUT_EFFECT}])
    for name, allowed in _FIXED.items():
        if name in given and given[name] not in allowed:
            _refuse([f"{name} {given[name]}"])
    if given.get("interpolator", BSPLINE) not in (BSPLINE, LINEAR):
        _refuse([f"interpolator {given['interpolator']}"])
    named = {_FIELDS[name]: value for name, value in given.items() if name in _FIELDS}
    try:
        checked = TypeAdapter(Settings).validate_python(named)
    except ValidationError as error:
        field = error.errors()[0]["loc"][0]
        name = next(name for name in given if _FIELDS.get(name) == field)
        raise InputError(f"The parameter file's {name} cannot be {given[name]!r}.") from error
    return {field: getattr(checked, field) for field in named}


def _features(classes: dict[str, list[str] | None]) -> tuple[str, ...]:
    """Return the named features in the table's order; all of a class whose list is empty, all classes for none."""
    if not classes:
        return FEATURES
    known = {feature.split("_")[0] for feature in FEATURES}
    _refuse([name for name in classes if name not in known], "featureClass")
    if not all(isinstance(names or [], list) for names in classes.values()):
        raise InputError("The parameter file's featureClass is not a list of classes with lists of features.")
    wanted = {f"{kind}_{name}" for kind, names in classes.items() for name in names or []}
    _refuse(sorted(wanted - set(FEATURES)), "feature")
    wanted |= {feature for feature in FEATURES if not classes.get(feature.split("_")[0], [""])}
    return tuple(feature for feature in FEATURES if feature in wanted)


def _refuse(names: list[str], what: str = "setting") -> None:
    if names:
        raise InputError(
            f"The parameter file's {what} {', '.join(map(str, names))} is not supported; take it out, or run "
            "pyradiomics itself."
        )
