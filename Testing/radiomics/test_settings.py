"""Parameter files of pyradiomics: read as they mean, refused by name where they mean what is not here."""

from pathlib import Path

import pytest

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.radiomics.settings import PYRADIOMICS, Settings, as_pyradiomics, read_settings


def read(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "parameters.yaml"
    path.write_text(text, encoding="utf-8")
    return read_settings(path)


def test_a_file_means_what_it_says(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """
        imageType: {Original: {}, LoG: {sigma: [1, 2.5]}, Wavelet: {wavelet: coif1}}
        featureClass: {glcm: [Contrast, MCC], firstorder: }
        setting:
          normalize: true
          normalizeScale: 500
          removeOutliers: 3
          resampledPixelSpacing: [0.5, 0.5, 0]
          interpolator: sitkLinear
          binWidth: 12.5
          force2D: false
          distances: [1]
          label: 7
        """,
    )
    assert (found.normalize, found.normalize_scale, found.remove_outliers) == (True, 500, 3)
    assert (found.resampled_spacing, found.interpolator, found.bin_width) == ((0.5, 0.5, 0), "sitkLinear", 12.5)
    assert found.images == (
        "original", "log-sigma-1-0-mm-3D", "log-sigma-2-5-mm-3D",
        *(f"wavelet-{name}" for name in ("LLL", "LLH", "LHL", "LHH", "HLL", "HLH", "HHL", "HHH")),
    )  # fmt: skip
    assert len(found.features) == 18 + 2
    assert found.columns[18:20] == ("original_glcm_Contrast", "original_glcm_MCC")


def test_what_a_file_leaves_out_is_as_in_pyradiomics(tmp_path: Path) -> None:
    assert read(tmp_path, "setting: {binWidth: 25}") == PYRADIOMICS
    assert (PYRADIOMICS.normalize, PYRADIOMICS.resampled_spacing, PYRADIOMICS.images) == (False, None, ("original",))


def test_settings_survive_the_way_to_pyradiomics_and_back(tmp_path: Path) -> None:
    import yaml

    assert read(tmp_path, yaml.safe_dump(as_pyradiomics(Settings()), sort_keys=False)) == Settings()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("setting: {force2D: true}", "setting force2D True"),
        ("setting: {distances: [1, 2]}", r"setting distances \[1, 2\]"),
        ("setting: {resegmentRange: [-50, 400]}", r"setting resegmentRange \[-50, 400\]"),
        ("setting: {interpolator: sitkHammingWindowedSinc}", "setting interpolator sitkHammingWindowedSinc"),
        ("setting: {binwidth: 25}", "setting binwidth"),
        ("imageType: {LBP3D: {}}", "imageType LBP3D"),
        ("imageType: {Wavelet: {binWidth: 10}}", "setting binWidth of imageType Wavelet"),
        ("featureClass: {shape: }", "featureClass shape"),
        ("featureClass: {glcm: [Homogeneity1]}", "feature glcm_Homogeneity1"),
        ("voxelSetting: {kernelRadius: 2}", "section voxelSetting"),
        ("setting: {binWidth: -5}", "binWidth cannot be -5"),
        ("setting: {resampledPixelSpacing: [1, 1]}", r"resampledPixelSpacing cannot be \[1, 1\]"),
        ("setting: {normalize: perhaps}", "normalize cannot be 'perhaps'"),
        ("setting: 5", "setting is not a list of names"),
        ("featureClass: {glcm: 5}", "featureClass is not a list"),
        ("", "not a pyradiomics parameter file"),
        ("{", "cannot be read"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(InputError, match=named):
        read(tmp_path, text)


def test_a_scale_that_leaves_one_grey_level_is_said() -> None:
    assert "one grey level" in Settings(normalize_scale=1).cautions[0]
    assert Settings().cautions == ()


def test_pyradiomics_is_given_whole_numbers_where_its_schema_wants_them() -> None:
    given = as_pyradiomics(Settings())["setting"]
    whole = {name: given[name] for name in ("padDistance", "voxelArrayShift", "minimumROIDimensions")}
    assert {name: type(value) for name, value in whole.items()} == dict.fromkeys(whole, int)
    assert "binCount" not in given
