"""Heights, grades and angles: phantoms of known shape, planted losses, a real collapsed body, another tool's heights.

``python -m Testing.benchmarks.morphometry`` writes ``docs/morphometry-figures.md``; ``--spines N`` (2 by default).
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage
from scipy.spatial.transform import Rotation

from OsteoScreenLib.levels import BY_CODE, TRABECULAR, label
from OsteoScreenLib.measurement.heights import FINE_MM, PLACES, all_heights
from OsteoScreenLib.measurement.morphometry import GRADES, angles, shapes
from OsteoScreenLib.volume import Volume
from Testing.benchmarks.reference import data_folder, totalsegmentator_case
from Testing.benchmarks.table import markdown
from Testing.measurement.spines import label_map, plain_spine, planted, scanned, true_heights

FIGURES = Path(__file__).parents[2] / "docs" / "morphometry-figures.md"
MEASURED = ("L1", "L2", "L3", "L4")
TURN = Rotation.from_euler("x", 15, degrees=True).as_matrix(), Rotation.from_euler("y", 15, degrees=True).as_matrix()
LOSSES = (0.15, 0.22, 0.33, 0.45)
PLANTED = (*(("wedge", loss) for loss in LOSSES), ("biconcave", 0.33), ("crush", 0.33))
PEDICLE_MM = 6.0
WITH_CT = ", with the CT"


def grids(spines: int) -> pd.DataFrame:
    """Return, per grid, how far heights are from the truth and from those on the straight 1 mm grid."""
    poses = {
        "1 mm": (1.0, None), "1 mm, bent forward by 15°": (1.0, TURN[0]), "1 mm, bent aside by 15°": (1.0, TURN[1]),
        "2 mm": (2.0, None), "3 mm": (3.0, None), "3 mm, bent forward by 15°": (3.0, TURN[0]),
        "3 mm, bent aside by 15°": (3.0, TURN[1]),
    }  # fmt: skip
    coarse = [name for name, (mm, _) in poses.items() if mm > FINE_MM]
    errors = {name: [] for name in (*poses, *(name + WITH_CT for name in coarse))}
    for seed in range(1, spines + 1):
        scene = plain_spine(seed)
        truth = [true_heights(scene.vertebrae[level]) for level in MEASURED]
        for name, (mm, turn) in poses.items():
            volume, labels = scanned(scene, mm, turn)
            for kind, ct in [("", None), *([(WITH_CT, volume)] if name in coarse else [])]:
                found = all_heights(labels, MEASURED, ct)
                rows = zip(MEASURED, truth, strict=True)
                off = [[getattr(found[level], one) - true[one] for one in PLACES] for level, true in rows]
                errors[name + kind].append(off)
    rows = []
    for name, values in errors.items():
        off, moved = np.array(values), np.array(values) - np.array(errors["1 mm"])
        rows.append({
            "grid": name, "mean error": off.mean(), "SD": off.std(), "95 % within": np.quantile(np.abs(off), 0.95),
            "largest": np.abs(off).max(), "largest change from 1 mm": np.abs(moved).max(),
        })  # fmt: skip
    return pd.DataFrame(rows)


def losses(spines: int) -> pd.DataFrame:
    """Return the grade of L2 with a share of a height taken away: bodies all the same, and bodies as they are drawn."""
    rows = []
    for bodies, seed in [("alike", 1), *(("as drawn", seed) for seed in range(1, spines + 1))]:
        whole = plain_spine(seed, alike=bodies == "alike")
        for kind, loss in PLANTED:
            scene = planted(whole, "L2", kind, loss)
            found = shapes(all_heights(label_map(scene, ends=("L1", "L3")), ("L1", "L2", "L3")))["L2"]
            rows.append({
                "bodies": f"{bodies}, spine {seed}", "kind": kind, "planted": f"{loss:.0%}", "grade due": _due(loss),
                "found": f"{found.loss:.0%} ± {found.loss_sd:.0%}", "suggested": str(found.grade),
                "possible": f"{found.lowest} to {found.highest}", "as": found.kind if found.grade else "-",
                "unlike its neighbours before": f"{1 - (1 - found.loss) / (1 - loss):+.0%}",
            })  # fmt: skip
    return pd.DataFrame(rows)


def bodies_of_vertebrae(path: Path) -> Volume:
    """Return the bodies of a map of whole vertebrae (VerSe's codes): what a disc of 6 mm fits into, axially."""
    import SimpleITK as sitk

    image = sitk.DICOMOrient(sitk.ReadImage(str(path)), "LPS")
    whole = Volume.from_sitk(image)
    across = [round(PEDICLE_MM / mm) for mm in whole.spacing[1::-1]]
    j, i = np.mgrid[-across[0] : across[0] + 1, -across[1] : across[1] + 1]
    disc = ((j / across[0]) ** 2 + (i / across[1]) ** 2 <= 1)[None]
    labels = np.zeros(whole.voxels.shape, np.uint16)
    for code in np.unique(whole.voxels[whole.voxels > 0]).astype(int).tolist():
        opened = ndimage.binary_opening(whole.voxels == code, disc)
        pieces, count = ndimage.label(opened)
        if count and code in BY_CODE:
            largest = 1 + np.bincount(pieces.ravel())[1:].argmax()
            labels[pieces == largest] = label(BY_CODE[code].name, TRABECULAR)
    return whole.with_voxels(labels)


def shape_rows(labels: Volume) -> pd.DataFrame:
    """Return heights, ratios and suggestion of each body of a label map."""
    heights = all_heights(labels)
    found = shapes(heights)
    return pd.DataFrame([
        {
            "level": level, **{f"{name} (mm)": f"{getattr(one, name):.1f}" for name in PLACES},
            "wedge": f"{found[level].wedge_ratio:.2f}", "biconcavity": f"{found[level].biconcavity_ratio:.2f}",
            "crush": f"{found[level].crush_ratio:.2f}", "lost": f"{found[level].loss:.0%}",
            "suggested": found[level].text,
        }
        for level, one in heights.items() if level in found
    ])  # fmt: skip


def beside_report(data: Path) -> pd.DataFrame:
    """Return our heights of another tool's bodies beside that tool's own."""
    case = totalsegmentator_case(data)
    said = json.loads((data / "ct_totalsegmentator" / "spine_report.json").read_text(encoding="utf-8"))["results"]
    ours = all_heights(case.labels, volume=case.volume)
    return pd.DataFrame([
        {"level": level} | {
            f"{place} (ours, theirs)": f"{getattr(one, place):.1f}, {said[f'vertebrae_{level}_height_{place}_mm']:.1f}"
            for place in PLACES
        }
        for level, one in ours.items()
    ])  # fmt: skip


def main() -> None:
    """Write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spines", type=int, default=2)
    parser.add_argument("--planted", type=int, default=2)
    asked = parser.parse_args()
    found = losses(asked.planted)
    alike = found["bodies"].str.startswith("alike")
    right = found["suggested"] == found["grade due"]
    sections = [
        "<!-- Written by python -m Testing.benchmarks.morphometry -->",
        "### Heights against the truth",
        f"{asked.spines} spines of formulas, L1 to L4, three heights each; mm. Truth is read from the signed distances "
        "that the masks are made of, at the same places.",
        markdown(grids(asked.spines)),
        "### Planted losses at L2",
        f"{right[alike].sum()} of {alike.sum()} have the grade due where the bodies of a spine are all the same, "
        f"{right[~alike].sum()} of {(~alike).sum()} where they differ as they are drawn: what a body was before its "
        "fracture can only be guessed from its neighbours. The last column is what that guess is off by: found against "
        "planted loss. 1 mm, L1 to L3 in the mask.",
        markdown(found),
    ]
    data = data_folder()
    verse = data / "labels_verse004" / "sub-verse004_seg-vert_msk.nii.gz"
    if verse.is_file():
        bodies = bodies_of_vertebrae(verse)
        bend = angles(all_heights(bodies))
        sections += [
            "### A real spine with a collapsed L1 (VerSe 004)",
            "Masks of whole vertebrae by VerSe; the bodies are what a disc of 6 mm fits into on axial slices. "
            f"{bend.first} to {bend.last}: lordosis {bend.lordosis:.0f}°.",
            markdown(shape_rows(bodies)),
        ]
    if (data / "ct_totalsegmentator").is_dir():
        sections += [
            "### Heights of TotalSegmentator's bodies, ours beside its own report",
            "Masks at 3 mm, by that model; its heights come in steps of 1.5 mm.",
            markdown(beside_report(data)),
        ]
    FIGURES.write_text("\n\n".join(sections) + "\n", encoding="utf-8")


def _due(loss: float) -> str:
    return str(max(n for n, (line, _) in enumerate(GRADES) if loss >= line))


if __name__ == "__main__":
    main()
