"""How well our engine segments: phantoms that no training has drawn, and real CT where it is at hand.

``python -m Testing.benchmarks.segmentation [--cases 20] [--hard 20] [--hard-seed N] [--keep DIR] [--write FILE]``

Hard phantoms have the diseases of `phantoms.disease` and the scanner faults of `phantoms.scan`, drawn at random. With
``--keep`` the rows of each phantom are written as soon as they are there and found again by a later run with the same
networks, so that a long one may be stopped.
"""

import argparse
import hashlib
import time
from pathlib import Path

import numpy as np
import pandas as pd

from OsteoScreenLib.errors import OsteoScreenError
from OsteoScreenLib.evaluation.overlap import overlap
from OsteoScreenLib.levels import SCREENED, body_mask, levels_in, trabecular_mask
from OsteoScreenLib.output import staged_file
from OsteoScreenLib.phantoms import make_phantom
from OsteoScreenLib.segmentation.engines import segment
from OsteoScreenLib.segmentation.networks import load_network
from OsteoScreenLib.segmentation.refine import outline, paint
from OsteoScreenLib.volume import Volume
from Testing.benchmarks.reference import data_folder, totalsegmentator_case, tptbox_case
from Testing.benchmarks.table import markdown, models_line

FIRST_SEED, FIRST_HARD_SEED = 1_000_000, 1_500_000
"""Phantoms from here on are seen by no training run, whose samples have pairs (run, number) for a seed."""

DISEASE, FAULTS = 0.35, 0.7
"""How likely each disease and each scanner fault is in the hard phantoms (`make_phantom`)."""

GRIDS = (
    ((288, 220, 288), (1.3, 1.3, 1.3)),
    ((360, 280, 120), (1.0, 1.0, 3.0)),
    ((360, 280, 76), (1.0, 1.0, 5.0)),
    ((256, 200, 240), (1.5, 1.5, 1.5)),
)
"""Voxels and mm (i, j, k) of the phantoms, in turn: thin, medium, thick slices."""


def phantom_rows(
    cases: int, first_seed: int, disease: float = 0.0, faults: float = 0.0, keep: Path | None = None
) -> pd.DataFrame:
    """Segment phantoms and return one row per true level that is whole in the field of view."""
    parts = []
    for case in range(cases):
        kept = keep / f"phantom-{first_seed + case}.csv" if keep else None
        if kept and kept.is_file():
            parts.append(pd.read_csv(kept))
            continue
        part = phantom_case(case, first_seed, disease, faults)
        parts.append(part)
        if kept:
            with staged_file(kept) as staged:
                part.to_csv(staged, index=False)
    return pd.concat(parts, ignore_index=True)


def kept_in(folder: Path) -> Path:
    """Return where the rows made with the networks of today are kept: below a folder, by the networks' hashes."""
    return folder / hashlib.sha256(models_line().encode()).hexdigest()[:12]


def phantom_case(case: int, first_seed: int, disease: float, faults: float) -> pd.DataFrame:
    """Segment one phantom and return the rows of its levels."""
    size, spacing = GRIDS[case % len(GRIDS)]
    phantom = make_phantom(first_seed + case, size, spacing, disease=disease, faults=faults)
    started = time.monotonic()
    try:
        labels = segment(phantom.volume, device="cpu").labels.voxels
    except OsteoScreenError as error:
        print(f"phantom {case}: {error}")
        labels = np.zeros_like(phantom.labels.voxels)
    seconds = time.monotonic() - started
    rows = pd.DataFrame(level_rows(phantom.volume, labels, phantom.labels.voxels))
    dice = ", ".join(f"{row.level} {row.body_dice:.3f}" for row in rows.itertuples())
    found = ", ".join(finding.kind for finding in phantom.scene.findings)
    print(f"phantom {case}, {spacing[2]:g} mm slices, {seconds:.0f} s: {dice} {found}", flush=True)
    return rows.assign(case=case, slice_mm=spacing[2], seconds=seconds)


def level_rows(volume: Volume, found: np.ndarray, truth: np.ndarray) -> list[dict[str, object]]:
    """Compare two label maps level by level; a level counts as right where its body meets the true one most."""
    rows = []
    for level in SCREENED:
        true_body = body_mask(truth, level)
        if not true_body.any():
            continue
        under = found[true_body & (found > 0)] // 10
        right = bool(under.size) and levels_in(np.array([np.bincount(under).argmax() * 10])) == [level]
        body = overlap(body_mask(found, level), true_body, volume.spacing)
        trabecular = overlap(trabecular_mask(found, level), trabecular_mask(truth, level), volume.spacing)
        rows.append(
            {
                "level": level,
                "level_right": right,
                "body_dice": body.dice,
                "trabecular_dice": trabecular.dice,
                "body_assd_mm": body.assd,
                "body_hd95_mm": body.hd95,
                "hu_bias": _mean(volume, trabecular_mask(found, level)) - _mean(volume, trabecular_mask(truth, level)),
            }
        )
    return rows


def real_rows(data: Path) -> pd.DataFrame:
    """Segment the TotalSegmentator test CT and compare its bodies with that model's own (not a person's).

    The reference for the trabecular HU is the body eroded by one voxel.
    """
    from scipy.ndimage import binary_erosion

    case = totalsegmentator_case(data)
    volume = case.volume
    started = time.monotonic()
    found = segment(volume, device="cpu").labels.voxels
    print(f"ct_totalsegmentator: {time.monotonic() - started:.0f} s")
    rows = []
    for level in SCREENED:
        reference = body_mask(case.labels.voxels, level)
        body = overlap(body_mask(found, level), reference, volume.spacing)
        inner = _mean(volume, binary_erosion(reference))
        mine = _mean(volume, trabecular_mask(found, level))
        rows.append({"level": level, "body_dice": body.dice, "body_assd_mm": body.assd, "body_hd95_mm": body.hd95,
                     "reference_hu": inner, "trabecular_hu": mine, "hu_difference": mine - inner})  # fmt: skip
    return pd.DataFrame(rows)


def vertebra_row(data: Path) -> pd.DataFrame:
    """Outline the one real vertebra with a person's compartments, from its centre: the CT is too small to count in."""
    case = tptbox_case(data)
    truth = case.labels.voxels
    centre = case.volume.to_ras(np.argwhere(body_mask(truth, "L3")).mean(0)[::-1])
    _, network = load_network("refine")
    (body,) = outline(case.volume, [centre], network, "cpu")
    found = paint(case.volume, {"L3": body} if body else {})
    rows = pd.DataFrame(level_rows(case.volume, found, truth))
    return rows[["level", "body_dice", "trabecular_dice", "body_assd_mm", "body_hd95_mm", "hu_bias"]]


def _mean(volume: Volume, mask: np.ndarray) -> float:
    return float(volume.voxels[mask].mean()) if mask.any() else float("nan")


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the figures of all phantoms and of each slice thickness."""
    groups = [("all", rows), *((f"{mm:g} mm slices", part) for mm, part in rows.groupby("slice_mm"))]
    return pd.DataFrame(
        {
            "phantoms": name,
            "cases with all levels right": f"{part.groupby('case').level_right.all().sum()} of {part.case.nunique()}",
            "vertebrae": len(part),
            "body Dice, median (5 %, worst)": _spread(part.body_dice),
            "trabecular Dice, median (5 %, worst)": _spread(part.trabecular_dice),
            "body ASSD, mm": f"{part.body_assd_mm.mean():.2f}",
            "HD95, mm": f"{part.body_hd95_mm.mean():.2f}",
            "HU bias, mean ± SD": f"{part.hu_bias.mean():+.1f} ± {part.hu_bias.std():.1f}",
            "seconds a case": f"{part.groupby('case').seconds.first().mean():.1f}",
        }
        for name, part in groups
    )


def _spread(values: pd.Series) -> str:
    return f"{values.median():.3f} ({values.quantile(0.05):.3f}, {values.min():.3f})"


def main() -> None:
    """Run the benchmark, print the tables and keep them."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--cases", type=int, default=20)
    options.add_argument("--hard", type=int, default=20, help="phantoms with disease and scanner faults")
    options.add_argument("--hard-seed", type=int, default=FIRST_HARD_SEED, help="the first of them, to draw others")
    options.add_argument("--keep", type=Path, help="a folder for the rows of each phantom, by the networks' hashes")
    options.add_argument("--write", type=Path, help="a Markdown file for the tables")
    wanted = options.parse_args()
    text = [models_line()]
    keep = kept_in(wanted.keep) if wanted.keep else None
    if wanted.cases:
        rows = phantom_rows(wanted.cases, FIRST_SEED, keep=keep)
        text += [f"{wanted.cases} phantoms, seeds from {FIRST_SEED}, none drawn in training.", markdown(summary(rows))]
    if wanted.hard:
        rows = phantom_rows(wanted.hard, wanted.hard_seed, DISEASE, FAULTS, keep)
        what = f"disease {DISEASE}, scanner faults {FAULTS}, seeds from {wanted.hard_seed}, none drawn in training."
        text += [f"{wanted.hard} hard phantoms: {what}", markdown(summary(rows))]
    data = data_folder()
    if data.is_dir():
        text += ["Real CT (`ct_totalsegmentator`; the reference is another model's output).", markdown(real_rows(data))]
        text += [
            "Real CT (`vertebra_l3_tptbox`, a person's compartments; its shape was among the training shapes).",
            markdown(vertebra_row(data)),
        ]
    page = "\n\n".join(text) + "\n"
    print(page)
    if wanted.write:
        wanted.write.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
