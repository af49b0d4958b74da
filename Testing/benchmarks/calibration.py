"""What internal calibration takes out of HU and vBMD: scanner offsets and gains on phantoms whose density is known.

``python -m Testing.benchmarks.calibration`` writes ``docs/calibration-figures.md``; ``--patients N`` (2 by default).
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
from OsteoScreenLib.measurement.frame import Frame, boxes, vertebra_frame
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


def calibrated(volume: Volume, frames: dict[str, Frame], kvp: float | None = REFERENCE_KVP) -> Calibration | None:
    """Return the internal calibration of a CT, None where it is refused."""
    try:
        return internal_calibration(find_tissues(volume, frames).tissues, kvp)
    except NotCalibratedError:
        return None


def rows_of(
    made: Phantom, patient: str, scanners: tuple[tuple[int, float], ...], lowest: int = -2000
) -> list[dict[str, object]]:
    """Return, for each scanner and level, how far raw and calibrated HU and vBMD are from those of the true scan.

    The image cannot hold less than `lowest` HU.
    """
    labels, per_mg = made.labels, hydroxyapatite_hu_per_mg(effective_kev(REFERENCE_KVP))
    truth = measure(made.volume, labels, LEVELS, {})["trabecular_mean_hu"].to_numpy()
    rows = []
    frames = {level: vertebra_frame(labels, level) for level in boxes(labels) if level in LEVELS}
    for offset, gain in scanners:
        hu = np.maximum(made.volume.voxels * gain + offset, lowest)
        volume = made.volume.with_voxels(np.round(hu).astype(np.int16))
        line = calibrated(volume, frames)
        raw = measure(volume, labels, LEVELS, {})["trabecular_mean_hu"].to_numpy()
        for level, before, after in zip(LEVELS, truth, raw, strict=True):
            rows.append({
                "patient": patient, "offset": offset, "gain": gain, "level": level, "raw": after - before,
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


def voltages(seed: int) -> pd.DataFrame:
    """Return how far HU corrected to 120 kVp, and vBMD, are from those of the same patient at 120 kVp."""
    per_mg = hydroxyapatite_hu_per_mg(effective_kev(REFERENCE_KVP))
    scans = {kvp: phantom(seed, True, replace(QUIET, kvp=kvp)) for kvp in (80.0, 100.0, 120.0, 140.0)}
    labels = scans[120.0].labels
    frames = {level: vertebra_frame(labels, level) for level in boxes(labels) if level in LEVELS}
    means = {
        kvp: measure(one.volume, labels, LEVELS, {})["trabecular_mean_hu"].to_numpy() for kvp, one in scans.items()
    }
    rows = []
    for kvp, raw in means.items():
        true, line = means[120.0], calibrated(scans[kvp].volume, frames, kvp)
        density = [np.nan if line is None else line.density(hu) for hu in raw]
        rows.append({
            "kVp": f"{kvp:g}", "raw HU off by": np.mean(raw - true),
            "corrected HU off by": np.mean(raw * voltage_correction(kvp).factor - true),
            "vBMD off by (mg/cm3)": np.mean(density - true / per_mg),
        })  # fmt: skip
    return pd.DataFrame(rows)


def main() -> None:
    """Write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=2)
    seeds = range(parser.parse_args().patients)
    usual = [phantom(seed, True) for seed in seeds]
    named = [(f"{seed}", one) for seed, one in zip(seeds, usual, strict=True)]
    exact = pd.DataFrame([row for name, one in named for row in rows_of(one, name, SCANNERS)])
    far = tuple((offset, gain) for offset, gain in SCANNERS if gain > 1)
    held = pd.DataFrame([row for name, one in named for row in rows_of(one, name, far, -1024)])
    drawn = [(f"{seed}", phantom(seed, False)) for seed in range(10, 16)]
    people = pd.DataFrame([row for name, one in drawn for row in rows_of(one, name, ((0, 1.0),))])
    off = people[["calibrated", "vBMD"]].abs()
    FIGURES.write_text(
        "\n\n".join(
            [
                "<!-- Written by python -m Testing.benchmarks.calibration -->",
                f"{len(usual)} phantoms at 2.2 x 2.2 x 2.5 mm, noise 15 HU, L2 to L4; truth is the trabecular mean of "
                "the scan before a gain and an offset were put into all of its HU. The largest errors:",
                "### Patients whose fat, muscle and blood are as expected",
                markdown(by_scanner(exact)),
                "### The same, where the image cannot hold less than -1024 HU",
                markdown(by_scanner(held)),
                "### Patients as they come, on a scanner without fault",
                f"{people['patient'].nunique()} phantoms, fat, muscle and contrast agent as drawn, more varied than "
                f"in people; {people['calibrated'].notna().mean():.0%} of bodies calibrated. Calibrated HU are off "
                f"by {off['calibrated'].mean():.1f} on the mean and {off['calibrated'].max():.1f} at most, vBMD by "
                f"{off['vBMD'].mean():.1f} and {off['vBMD'].max():.1f} mg/cm3; the SD said with it is "
                f"{people['said SD'].mean():.1f} mg/cm3 on the mean.",
                "### Other tube voltages",
                "One phantom, mean errors. The phantoms' voltages follow NIST's coefficients, the correction follows "
                "cohort means: the two disagree by what is left.",
                markdown(voltages(0)),
            ]
        )
        + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
