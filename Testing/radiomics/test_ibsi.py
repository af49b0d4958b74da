"""The digital phantom of the Image Biomarker Standardisation Initiative, against its published benchmark values.

Phantom and values: IBSI reference manual (arXiv:1612.07003), CC BY 4.0; Zwanenburg et al., Radiology 2020; 295: 328.
Texture in 3D, averaged over directions where there are any; grey levels as they are.
"""

import numpy as np
import pytest

from OsteoScreenLib.radiomics.features import all_features
from OsteoScreenLib.radiomics.names import FEATURES, IBSI
from OsteoScreenLib.radiomics.regions import discretise

PHANTOM = """
14411 14611 41641 44641
14411 11611 11311 44611
14411 11111 11911 11611
14411 11111 11111 11611
"""
MASK = """
11111 11111 11111 11111
11111 11111 01111 11111
11100 11111 11011 11111
11100 11111 11111 11111
"""
BENCHMARK = {
    "QG58": 1, "8DWT": 4, "N8CA": 567, "TLU2": 1.27, "SALO": 3, "IPH6": -0.355, "84IY": 6, "4FUA": 1.55,
    "Q4LE": 2.15, "Y12H": 1, "1GSF": 1, "2OJQ": 5, "1128": 1.11, "5ZWQ": 2.77, "KE2A": 1.08, "BJ5W": 0.512,
    "ECT3": 3.05, "QWB0": 5.06, "AE86": 145, "7NFM": 16.6, "DG8W": 7.07, "ACUI": 5.32, "NI2N": 0.157, "TF7R": 1.43,
    "NTRS": 1.56, "D3YU": 3.06, "IB1Z": 0.677, "WF0Z": 0.618, "1QCO": 0.898, "NDRX": 0.851, "R8DG": -0.157,
    "JN9H": 0.52, "E8JP": 0.0604, "60VM": 2.14, "8ZQL": 0.303, "TU9B": 2.4, "GYBY": 0.503, "ZGXS": 4.29,
    "P6QZ": 1.92, "UR99": 3.1, "FCBV": 4.4, "Z87G": 4.86, "OKJI": 0.0657, "DNX2": 22.1, "FP8K": 37.9, "1PFV": 3.05,
    "OAE7": 7.66, "IMOQ": 109, "9QMG": 235, "NBZI": 102, "TL9H": 0.693, "SODN": 0.045, "JA6D": 0.736,
    "EQ3F": 0.00963, "R5YN": 21.8, "OVBL": 0.43, "8CE5": 3.46, "G3QZ": 9.7, "W4KF": 3.06, "3KUM": 17.6, "IVPO": 2.39,
    "V3SW": 0.603, "HJ9O": 2.43, "W92Y": 26.9, "IC23": 0.513, "9ZK5": 0.68, "SXLW": 0.574, "22OV": 0.705,
    "GD3A": 8.54, "HTZT": 0.352, "JNSA": 1.4, "Y1RO": 0.28, "BYLV": 2.64, "5GN9": 15.6, "48P8": 550, "J17V": 1490,
    "YH51": 503, "XMSY": 0.253, "4JP3": 1, "VB3A": 0.2, "5QRC": 0.255, "HW1V": 2.76, "5RAI": 0.0256, "GU8N": 2.32,
    "P30P": 0.0676, "3NSA": 331, "NQ30": 6.54, "QCDE": 0.0296, "HDEZ": 13.5, "65HE": 0.584, "1X9X": 0.763,
}  # fmt: skip
"""By IBSI code."""


def voxels(text: str) -> np.ndarray:
    return np.array([[[int(digit) for digit in row] for row in part.split()] for part in text.strip().splitlines()])


@pytest.fixture(scope="module")
def found() -> dict[str, float]:
    return all_features(discretise(voxels(PHANTOM), voxels(MASK) == 1, voxel_volume=8.0, bin_width=1.0))


CODES = {f"{kind}_{name}": code for kind, names in IBSI.items() for name, code in names.items() if code}


@pytest.mark.parametrize("feature", CODES)
def test_the_benchmark_value_to_three_digits(found: dict[str, float], feature: str) -> None:
    excess = 3 if feature == "firstorder_Kurtosis" else 0  # pyradiomics' kurtosis of a normal distribution is 3
    benchmark = BENCHMARK[CODES[feature]]
    assert float(f"{found[feature] - excess:.3g}") == pytest.approx(benchmark, rel=1e-9)


def test_each_code_belongs_to_one_feature_and_only_two_features_have_none() -> None:
    assert len(set(CODES.values())) == len(CODES)
    assert set(FEATURES) - set(CODES) == {"firstorder_TotalEnergy", "glcm_MCC"}
    assert found_in_all_classes() == set(IBSI)


def found_in_all_classes() -> set[str]:
    return {feature.split("_")[0] for feature in CODES}
