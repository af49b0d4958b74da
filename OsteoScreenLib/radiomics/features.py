"""Features of one region, by the names and definitions of pyradiomics.

Zwanenburg et al., The Image Biomarker Standardisation Initiative (Radiology 2020; 295: 328), chapter 3.3;
van Griethuysen et al., Computational Radiomics System (Cancer Research 2017; 77: e104).
"""

import numpy as np

BIN_WIDTH_HU = 25.0

FIRST_ORDER: tuple[str, ...] = (
    "10Percentile", "90Percentile", "Energy", "Entropy", "InterquartileRange", "Kurtosis", "Maximum",
    "MeanAbsoluteDeviation", "Mean", "Median", "Minimum", "Range", "RobustMeanAbsoluteDeviation", "RootMeanSquared",
    "Skewness", "TotalEnergy", "Uniformity", "Variance",
)  # fmt: skip


def first_order(hu: np.ndarray, voxel_volume: float, bin_width: float = BIN_WIDTH_HU) -> dict[str, float]:
    """Return the 18 first-order features of a region's values (n,), in the order of `FIRST_ORDER`; NaN if it is empty.

    `voxel_volume` in mm3 weighs TotalEnergy. Entropy (bits) and Uniformity are of the histogram whose bins are
    `bin_width` wide with edges at its multiples. Moments are of the population; Kurtosis is 3 for a normal
    distribution; Skewness and Kurtosis of a constant region are 0.
    """
    if not hu.size:
        return dict.fromkeys(FIRST_ORDER, float("nan"))
    x = hu.astype(np.float64)
    mean = x.mean()
    variance, third, fourth = (((x - mean) ** power).mean() for power in (2, 3, 4))
    p10, p25, median, p75, p90 = np.percentile(x, (10, 25, 50, 75, 90))
    middle = x[(x >= p10) & (x <= p90)]
    bins = np.floor(x / bin_width)
    share = np.unique(bins, return_counts=True)[1] / x.size
    energy = (x**2).sum()
    values = {
        "10Percentile": p10,
        "90Percentile": p90,
        "Energy": energy,
        "Entropy": -(share * np.log2(share)).sum() + 0.0,
        "InterquartileRange": p75 - p25,
        "Kurtosis": fourth / variance**2 if variance else 0.0,
        "Maximum": x.max(),
        "MeanAbsoluteDeviation": np.abs(x - mean).mean(),
        "Mean": mean,
        "Median": median,
        "Minimum": x.min(),
        "Range": np.ptp(x),
        "RobustMeanAbsoluteDeviation": np.abs(middle - middle.mean()).mean(),
        "RootMeanSquared": np.sqrt(energy / x.size),
        "Skewness": third / variance**1.5 if variance else 0.0,
        "TotalEnergy": voxel_volume * energy,
        "Uniformity": (share**2).sum(),
        "Variance": variance,
    }
    return {name: float(value) for name, value in values.items()}
