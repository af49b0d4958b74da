"""Every value against pyradiomics, on a synthetic CT; `oracle/make_oracle.py` made the numbers, with its versions."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from OsteoScreenLib.radiomics.extract import extract
from OsteoScreenLib.radiomics.settings import Settings, read_settings
from OsteoScreenLib.volume import Volume
from Testing.radiomics.oracle.make_oracle import LEVELS, PAPER, SETTINGS, grid

ORACLE = Path(__file__).parent / "oracle" / "oracle.npz"
RELATIVE, ABSOLUTE = 1e-6, 1e-11
"""The absolute tolerance is for what is zero but for rounding, such as the entropy of one grey level."""

CONVENTION = {
    "firstorder_Kurtosis": 0, "firstorder_Skewness": 0, "glcm_Correlation": 1, "glcm_Imc1": 0, "glcm_MCC": 1,
    "ngtdm_Busyness": 0, "ngtdm_Coarseness": 1e6, "ngtdm_Contrast": 0, "ngtdm_Strength": 0,
}  # fmt: skip
"""What pyradiomics answers where a feature is not defined; here it is NaN, with its reason in the log."""


@pytest.fixture(scope="module")
def oracle() -> dict[str, np.ndarray]:
    with np.load(ORACLE) as stored:
        return dict(stored)


def ours(oracle: dict[str, np.ndarray], name: str, tmp_path: Path) -> pd.DataFrame:
    """Compute a setting's table, the settings read from the very parameters that pyradiomics was given."""
    import yaml

    from Testing.radiomics.oracle.make_oracle import CLASSES, IMAGE_TYPES

    given = {"setting": SETTINGS[name], "imageType": IMAGE_TYPES, "featureClass": dict.fromkeys(CLASSES)}
    (tmp_path / "parameters.yaml").write_text(yaml.safe_dump(given))
    ct, labels = (Volume(oracle[key], grid(name)) for key in ("hu", "labels"))
    return extract(ct, labels, "phantom", LEVELS, read_settings(tmp_path / "parameters.yaml"))


@pytest.mark.parametrize("name", SETTINGS)
def test_every_value_is_that_of_pyradiomics(oracle: dict[str, np.ndarray], name: str, tmp_path: Path) -> None:
    table = ours(oracle, name, tmp_path)
    assert (table.level + " " + table.roi).tolist() == oracle["regions"].tolist()
    columns = oracle[f"{name} columns"].tolist()
    assert sorted(columns) == sorted(table.columns[3:-1])
    assert len(columns) == 1767
    theirs = pd.DataFrame(oracle[f"{name} values"], columns=columns)
    mine = table[columns]
    undefined = mine.isna().to_numpy()
    np.testing.assert_allclose(mine.to_numpy()[~undefined], theirs.to_numpy()[~undefined], RELATIVE, ABSOLUTE)
    for row, column in np.argwhere(undefined):
        feature = columns[column].split("_", 1)[1]
        assert theirs.iloc[row, column] == pytest.approx(CONVENTION[feature], abs=1e-9)
        assert feature in table.log[row]
    assert (table.log == "ok").to_numpy().tolist() == (~undefined.any(axis=1)).tolist()
    if name != "one-level":
        assert not undefined.any()


def test_the_papers_settings_are_the_default() -> None:
    given = {"normalize": True, "normalize_scale": 100, "resampled_spacing": (1, 1, 1), "bin_width": 25}
    assert replace(Settings(), **given) == Settings()
    assert PAPER["normalizeScale"] == Settings().normalize_scale
    assert len(Settings().columns) == len(set(Settings().columns)) == 1767
