"""How much Dice our engine loses when a CT is turned, flipped, cut, thinned out, made noisy or shifted in HU.

``python -m Testing.benchmarks.segmentation_robustness [--write docs/segmentation-robustness.md]``
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from OsteoScreenLib.errors import OsteoScreenError
from OsteoScreenLib.evaluation.overlap import overlap
from OsteoScreenLib.levels import SCREENED, body_mask
from OsteoScreenLib.phantoms import make_phantom
from OsteoScreenLib.segmentation.engines import segment
from OsteoScreenLib.segmentation.pose import moved, rotation
from OsteoScreenLib.volume import Volume, resample
from Testing.benchmarks.reference import Case, data_folder, totalsegmentator_case
from Testing.benchmarks.table import markdown, models_line

SEED = 1_000_000
"""The phantom's: seen by no training run."""

SLICE_MM = 5


def turned(volume: Volume, degrees: float, axis: int) -> Volume:
    """Return the patient turned around the image's middle: the same voxels at other places in RAS."""
    return moved(volume, rotation(volume, degrees, axis))


def flipped(volume: Volume) -> Volume:
    """Return the same patient stored from right to left, back to front and foot to head reversed."""
    matrix = volume.ijk_to_ras @ np.diag([-1.0, -1.0, -1.0, 1.0])
    matrix[:3, 3] = volume.to_ras(np.array(volume.voxels.shape[::-1]) - 1)
    return replace(volume, voxels=np.ascontiguousarray(volume.voxels[::-1, ::-1, ::-1]), ijk_to_ras=matrix)


def oblique(volume: Volume) -> Volume:
    """Return the same patient on a grid that is turned by 15 degrees about two axes."""
    frame = turned(turned(volume, 15, 0), 15, 1)
    return replace(resample(volume, frame, outside=-1024.0), acquisition=volume.acquisition)


def half_field(volume: Volume, labels: np.ndarray) -> Volume:
    """Return the half of the image's width and depth around the spine."""
    middle = np.argwhere(labels > 0).mean(0).round().astype(int)
    box = [slice(None)]
    for n, m in zip(volume.voxels.shape[1:], middle[1:], strict=True):
        first = int(np.clip(m - n // 4, 0, n - n // 2))
        box.append(slice(first, first + n // 2))
    return volume.window(tuple(box))


def thick(volume: Volume) -> Volume:
    """Return the volume in 5 mm slices, each averaged from five of 1 mm."""
    step = volume.spacing[2]
    slices = int(len(volume.voxels) * step // SLICE_MM)
    to_thin = np.diag([1, 1, 1 / step, 1])
    to_thin[2, 3] = 0.5 / step - 0.5
    empty = np.zeros((slices * SLICE_MM, *volume.voxels.shape[1:]), np.float32)
    thin = resample(volume, Volume(empty, volume.ijk_to_ras @ to_thin))
    matrix = thin.ijk_to_ras @ np.diag([1, 1, SLICE_MM, 1])
    matrix[:3, 3] = thin.to_ras(np.array([0, 0, (SLICE_MM - 1) / 2]))
    voxels = thin.voxels.reshape(slices, SLICE_MM, *thin.voxels.shape[1:]).mean(1)
    return replace(volume, voxels=voxels, ijk_to_ras=matrix)


def noisy(volume: Volume) -> Volume:
    """Return the volume with three times its noise, which is taken to be what a running median over z removes."""
    from scipy.ndimage import median_filter

    inside = volume.voxels > -300
    own = (volume.voxels - median_filter(volume.voxels, (3, 1, 1)))[inside]
    own = 1.4826 * np.median(abs(own)) * np.sqrt(1.5)
    noise = np.random.default_rng(0).normal(0, np.sqrt(8) * own, volume.voxels.shape)
    return replace(volume, voxels=(volume.voxels + noise).astype(np.float32))


def shifted(volume: Volume, hu: float) -> Volume:
    """Return the volume with an offset in HU."""
    return replace(volume, voxels=volume.voxels + np.float32(hu))


def changes(labels: np.ndarray) -> dict[str, Callable[[Volume], Volume]]:
    """Return every change by name."""
    return {
        "as it is": lambda v: v,
        **{
            f"turned {d:+d}° about {'xyz'[a]}": lambda v, d=d, a=a: turned(v, d, a) for a in range(3) for d in (-20, 20)
        },
        "stored flipped": flipped,
        "stored oblique": oblique,
        "half the field of view": lambda v: half_field(v, labels),
        "5 mm slices": thick,
        "noise x 3": noisy,
        "-30 HU": lambda v: shifted(v, -30),
        "+30 HU": lambda v: shifted(v, 30),
    }


def rows(case: Case) -> Iterator[dict[str, object]]:
    """Yield, for every change, the body Dice of each level with the case's reference, on the changed grid."""
    for name, change in changes(case.labels.voxels).items():
        volume = change(case.volume)
        try:
            found = segment(volume, device="cpu").labels.voxels
        except OsteoScreenError as error:
            print(f"{case.name}, {name}: {error}")
            found = np.zeros(volume.voxels.shape, np.uint16)
        patient = volume if volume.voxels is case.volume.voxels else case.volume
        dice = {}
        for level in SCREENED:
            body = replace(patient, voxels=body_mask(case.labels.voxels, level).astype(np.float32))
            truth = resample(body, volume, outside=0.0).voxels > 0.5
            dice[level] = overlap(body_mask(found, level), truth, volume.spacing).dice
        mean = float(np.mean(list(dice.values())))
        print(f"{case.name}, {name}: {mean:.3f}", flush=True)
        yield {"case": case.name, "change": name, **dice, "mean": mean}


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with what each change costs against the untouched case of the same name."""
    untouched = rows[rows.change == "as it is"].set_index("case")["mean"]
    return rows.assign(lost=rows.case.map(untouched) - rows["mean"])


def main() -> None:
    """Run the benchmark on a phantom and, where it is at hand, on real CT."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--write", type=Path, help="a Markdown file for the table")
    wanted = options.parse_args()
    phantom = make_phantom(SEED, (256, 200, 240), (1.5, 1.5, 1.5))
    cases = [Case(f"phantom {SEED}", phantom.volume, phantom.labels)]
    if data_folder().is_dir():
        cases.append(totalsegmentator_case(data_folder()))
    found = table(pd.DataFrame([row for case in cases for row in rows(case)]))
    page = f"{models_line()}\n\nBody Dice.\n\n{markdown(found)}\n"
    print(page)
    if wanted.write:
        wanted.write.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
