"""What internal calibration takes out of HU and vBMD: scanner offsets and gains on phantoms whose density is known.

``python -m Testing.benchmarks.calibration`` writes ``docs/calibration-figures.md``; ``--patients N`` (6 by default).
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from OsteoScreenLib.attenuation import REFERENCE_KVP, effective_kev, hydroxyapatite_hu_per_mg
from OsteoScreenLib.measurement.calibration import (
    REFERENCES,
    Calibration,
    NotCalibratedError,
    internal_calibration,
    voltage_correction,
)
from OsteoScreenLib.measurement.frame import boxes, vertebra_frame
from OsteoScreenLib.measurement.hounsfield import measure
from OsteoScreenLib.measurement.tissues import BLOOD, FAT, PSOAS, find_tissues
from OsteoScreenLib.phantoms import Phantom, make_phantom
from OsteoScreenLib.phantoms.reference_tissues import with_tissues
from OsteoScreenLib.phantoms.scan import Protocol
from OsteoScreenLib.phantoms.scene import random_scene
from OsteoScreenLib.volume import Volume
from Testing.benchmarks.table import markdown

FIGURES = Path(__file__).parents[2] / "docs" / "calibration-figures.md"
SCANNERS = tuple((offset, gain) for gain in (0.9, 1.0, 1.1) for offset in (-15, 0, 15))
QUIET = Protocol(shading=0.0, noise=15.0)
GRID = ((180, 130, 70), (2.2, 2.2, 2.5))
LEVELS = ("L2", "L3", "L4")


def phantom(seed: int, expected: bool, protocol: Protocol = QUIET) -> Phantom:
    """Return a patient without fractures; with `expected` fat, muscle and blood have the HU taken for everybody's."""
    scene = random_scene(np.random.default_rng(seed), fracture=0.0)
    if expected:
        scene = with_tissues(scene, *(REFERENCES[name]["hu"] for name in (FAT, PSOAS, BLOOD)))
    return make_phantom(seed, *GRID, centre="L3", scene=scene, protocol=protocol)


def calibrated(volume: Volume, labels: Volume, kvp: float | None = REFERENCE_KVP) -> Calibration | None:
    """Return the internal calibration of a CT, None where it is refused."""
    frames = {level: vertebra_frame(labels, level) for level in boxes(labels) if level in LEVELS}
    try:
        return internal_calibration(find_tissues(volume, frames).tissues, kvp)
    except NotCalibratedError:
        return None


def rows_of(made: Phantom, patient: str) -> list[dict[str, object]]:
    """Return, for each scanner and level, how far raw and calibrated HU and vBMD are from those of the true scan."""
    labels, per_mg = made.labels, hydroxyapatite_hu_per_mg(effective_kev(REFERENCE_KVP))
    truth = measure(made.volume, labels, LEVELS)["trabecular_mean_hu"].to_numpy()
    rows = []
    for offset, gain in SCANNERS:
        for clipped in (False, True):
            hu = made.volume.voxels * gain + offset
            hu = np.maximum(hu, -1024) if clipped else hu
            volume = made.volume.with_voxels(np.round(hu).astype(np.int16))
            line = calibrated(volume, labels)
            raw = measure(volume, labels, LEVELS)["trabecular_mean_hu"].to_numpy()
            for level, before, after in zip(LEVELS, truth, raw, strict=True):
                rows.append({
                    "patient": patient, "offset": offset, "gain": gain, "held at -1024": clipped, "level": level,
                    "raw": after - before,
                    "calibrated": np.nan if line is None else line.hu(after) - before,
                    "vBMD": np.nan if line is None else line.density(after) - before / per_mg,
                    "said SD": np.nan if line is None else line.error(after),
                })  # fmt: skip
    return rows


def by_scanner(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the largest error per scanner."""
    groups = rows.groupby(["gain", "offset"])
    largest = groups[["raw", "calibrated", "vBMD"]].agg(lambda values: float(values.abs().max())).reset_index()
    return largest.rename(
        columns={"raw": "raw HU off by", "calibrated": "calibrated HU off by", "vBMD": "vBMD off by (mg/cm3)"}
    )


def voltages(seeds: range) -> pd.DataFrame:
    """Return how far HU corrected to 120 kVp, and vBMD, are from those of the same patient at 120 kVp."""
    rows = []
    for seed in seeds:
        scans = {kvp: phantom(seed, True, replace(QUIET, kvp=kvp)) for kvp in (80.0, 100.0, 120.0, 140.0)}
        means = {kvp: measure(one.volume, one.labels, LEVELS)["trabecular_mean_hu"] for kvp, one in scans.items()}
        for kvp, one in scans.items():
            line = calibrated(one.volume, one.labels, kvp)
            per_mg = hydroxyapatite_hu_per_mg(effective_kev(REFERENCE_KVP))
            raw, true = means[kvp].to_numpy(), means[120.0].to_numpy()
            density = [np.nan if line is None else line.density(hu) for hu in raw]
            rows.append({
                "kVp": kvp, "raw": np.mean(raw - true),
                "corrected": np.mean(raw * voltage_correction(kvp).factor - true),
                "vBMD": np.mean(density - true / per_mg),
            })  # fmt: skip
    table = pd.DataFrame(rows).groupby("kVp").mean().reset_index()
    return table.rename(
        columns={"raw": "raw HU off by", "corrected": "corrected HU off by", "vBMD": "vBMD off by (mg/cm3)"}
    )


def main() -> None:
    """Write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=6)
    count = parser.parse_args().patients
    expected = pd.DataFrame([row for seed in range(count) for row in rows_of(phantom(seed, True), str(seed))])
    drawn = pd.DataFrame([row for seed in range(count) for row in rows_of(phantom(seed, False), str(seed))])
    exact, held = (expected[expected["held at -1024"] == clipped] for clipped in (False, True))
    people = drawn[~drawn["held at -1024"] & (drawn["gain"] == 1.0) & (drawn["offset"] == 0)]
    said = f"{people['calibrated'].notna().mean():.0%} of bodies were calibrated"
    FIGURES.write_text(
        "\n\n".join(
            [
                "<!-- Written by python -m Testing.benchmarks.calibration -->",
                f"{count} phantoms at 2.2 x 2.2 x 2.5 mm, noise 15 HU, L2 to L4; truth is the trabecular mean of the "
                "scan before a gain and an offset were put into all of its HU. The largest errors:",
                "### Patients whose fat, muscle and blood are as expected",
                markdown(by_scanner(exact)),
                "### The same, where the image cannot hold less than -1024 HU",
                markdown(by_scanner(held)),
                "### Patients as they come, on a scanner without fault",
                f"Fat, muscle and contrast agent as the phantoms draw them, wider than people are; {said}. "
                f"Calibrated HU off by {people['calibrated'].abs().mean():.1f} on the mean and "
                f"{people['calibrated'].abs().max():.1f} at most, vBMD by {people['vBMD'].abs().mean():.1f} and "
                f"{people['vBMD'].abs().max():.1f} mg/cm3; the SD that is said with it is "
                f"{people['said SD'].mean():.1f} mg/cm3 on the mean.",
                "### Other tube voltages",
                "Mean errors. The phantoms' voltages follow NIST's coefficients, the correction follows cohort means: "
                "the two disagree by what is left.",
                markdown(voltages(range(min(count, 2)))),
            ]
        )
        + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
