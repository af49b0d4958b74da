"""The paper's whole radiomics chain on a cohort of synthetic patients: features, signatures, predictors compared.

``python -m Testing.benchmarks.phantom_cohort -o out/cohort [--patients 93] [--spacing 1.0]``

These are phantoms: how well scores tell them apart says that the chain runs end to end, and nothing about patients.
A patient's features are written as soon as they are made and found again by a later run, so it may be stopped.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

from OsteoScreenLib.errors import OsteoScreenError
from OsteoScreenLib.evaluation.study import study
from OsteoScreenLib.measurement.hounsfield import measure
from OsteoScreenLib.output import staged_file
from OsteoScreenLib.phantoms import make_phantom
from OsteoScreenLib.radiomics.extract import extract
from OsteoScreenLib.report.evaluation_page import write_evaluation
from OsteoScreenLib.signature import rad_score
from OsteoScreenLib.signature.labelled_features import join_labels, take_features
from OsteoScreenLib.signature.validation import scored
from OsteoScreenLib.splits import held_out

FIRST_SEED = 3_000_000
PATIENTS, VERTEBRAE = 93, 283
"""As many vertebrae as Liu et al. 2024 had: three levels of each patient, and a fourth of the first few."""

FIELD_MM = (230.0, 190.0, 190.0)
DENSITY_ERROR = 0.35
"""How far the densitometry that labels a patient is off, in standard deviations of the bone's density."""

LEVELS = ("L1", "L2", "L3", "L4")
FEATURES, FACTS = "features.csv", "facts.csv"


def make_patient(number: int, folder: Path, spacing: float) -> None:
    """Write the features and facts of one synthetic patient, unless they lie there already."""
    target = folder / f"patient-{number:04d}"
    if (target / FEATURES).is_file() and (target / FACTS).is_file():
        return
    started = time.monotonic()
    size = tuple(round(length / spacing) for length in FIELD_MM)
    phantom = make_phantom(FIRST_SEED + number, size, (spacing,) * 3, disease=0.3)
    rng = np.random.default_rng([FIRST_SEED, number])
    count = 4 if number < VERTEBRAE - 3 * PATIENTS else 3
    levels = sorted(rng.choice(LEVELS, size=count, replace=False).tolist())
    case = phantom.volume.name
    features = extract(phantom.volume, phantom.labels, case, levels)
    facts = measure(phantom.volume, phantom.labels, levels)[["level", "trabecular_mean_hu", "roi_mean_hu"]]
    bone = phantom.scene.bone
    trabecular = np.mean([bone.trabecular[level] for level in LEVELS])
    facts = facts.assign(case=case, true_hu=trabecular, cortex_mm=bone.cortex_mm, error=rng.normal())
    target.mkdir(parents=True, exist_ok=True)
    for name, table in ((FACTS, facts), (FEATURES, features)):
        with staged_file(target / name) as staged:
            table.to_csv(staged, index=False)
    print(f"patient {number}: {', '.join(levels)}, {time.monotonic() - started:.0f} s", flush=True)


def read_cohort(folder: Path, patients: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the features of all patients, and of each vertebra its label and Hounsfield units.

    Osteoporotic are the patients whose true bone, measured with an error, is among the lowest 45 %.
    """
    folders = [folder / f"patient-{number:04d}" for number in range(patients)]
    features = pd.concat([pd.read_csv(one / FEATURES) for one in folders], ignore_index=True)
    facts = pd.concat([pd.read_csv(one / FACTS) for one in folders], ignore_index=True)
    bone = facts.drop_duplicates("case").set_index("case")
    inside, cortex = ((bone[name] - bone[name].mean()) / bone[name].std() for name in ("true_hu", "cortex_mm"))
    density = 0.8 * inside + 0.4 * cortex + DENSITY_ERROR * bone["error"]
    osteoporotic = density <= density.quantile(0.45)
    labels = facts[["case", "level", "trabecular_mean_hu", "roi_mean_hu"]]
    return features, labels.assign(osteoporosis=labels["case"].map(osteoporotic).astype(int))


def evaluate(features: pd.DataFrame, labels: pd.DataFrame, folder: Path, settings: rad_score.Settings) -> None:
    """Fit both signatures on training patients, and write the report of all predictors on both sides of the split."""
    models, scores, sets = {}, labels.copy(), None
    for roi in ("body", "trabecular"):
        rows = join_labels(features[features["roi"] == roi].reset_index(drop=True), labels)
        taken = take_features(rows, "osteoporosis", group="case")
        test, _ = held_out("patient", taken.data.y, taken.data.groups, 0.3, settings.seed)
        models[roi] = rad_score.fit(taken.data.rows(~test), settings, label="osteoporosis", roi=roi)
        rad_score.write(models[roi], folder / f"{roi}.json")
        found = rows[["case", "level"]].assign(**{f"{roi} rad-score": scored(models[roi], taken.data)})
        scores = scores.merge(found, on=["case", "level"])
        sets = rows[["case", "level"]].assign(set=np.where(test, "test", "train")) if sets is None else sets
    scores = scores.merge(sets, on=["case", "level"])
    scores.to_csv(folder / "scores.csv", index=False)
    names = {"body rad-score": "body rad-score", "trabecular rad-score": "trabecular rad-score"}
    names |= {"trabecular_mean_hu": "mask HU", "roi_mean_hu": "ROI HU"}
    values = {shown: scores[column].to_numpy(float) for column, shown in names.items()}
    parts = study(scores["osteoporosis"].to_numpy(bool), values, scores["set"].to_numpy())
    write_evaluation(parts, folder / "report", "synthetic phantoms, not patients", models)
    for part in parts:
        for name, curve in part.predictors.curves.items():
            low, high = curve.interval()
            print(f"{part.name}: {name} AUC {curve.auc:.3f} ({low:.3f} to {high:.3f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--patients", type=int, default=PATIENTS)
    parser.add_argument("--spacing", type=float, default=1.0, help="of the synthetic CT, in mm")
    given = parser.parse_args()
    for number in range(given.patients):
        make_patient(number, given.output, given.spacing)
    try:
        evaluate(*read_cohort(given.output, given.patients), given.output, rad_score.Settings())
    except OsteoScreenError as error:
        raise SystemExit(f"The features are made, but {error}") from error


if __name__ == "__main__":
    main()
