"""How far a signature can be believed: nested cross-validation and the bootstrap, both of the whole chain."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from OsteoScreenLib.evaluation.roc import auc
from OsteoScreenLib.progress import IsCancelled, Progress, never, silent, stop_if
from OsteoScreenLib.signature.labelled_features import LabelledFeatures
from OsteoScreenLib.signature.rad_score import RadScore, Settings, fit
from OsteoScreenLib.splits import draw_folds

INTERVAL_DRAWS = 1000
OUTER = 7_919
"""Added to a seed for the outer folds, which are to be other than the LASSO's inner ones."""


@dataclass(frozen=True, eq=False)
class NestedResult:
    """What the chain does on patients it has not seen.

    `scores` and `fold_ids` have shape (repeats, rows): each row scored by a signature that was fitted without its
    patient, and in which fold. `auc` counts pairs within folds, for scores of different signatures do not compare; its
    interval is that of patients drawn anew, so that vertebrae of one patient count together. `chosen` says in how many
    of the `fits` signatures a feature was.
    """

    scores: np.ndarray
    fold_ids: np.ndarray
    auc: float
    low: float
    high: float
    chosen: dict[str, int]
    fits: int


@dataclass(frozen=True)
class Optimism:
    """How much better the chain looks on its own rows than it is.

    `apparent` is the AUC on the rows it was fitted to, `optimism` by how much that flatters, `corrected` the
    difference, and `low` to `high` its 95 % interval.
    """

    apparent: float
    optimism: float
    corrected: float
    low: float
    high: float
    resamples: int


def nested_cross_validation(
    data: LabelledFeatures,
    settings: Settings,
    folds: int = 5,
    repeats: int = 1,
    *,
    progress: Progress = silent,
    cancelled: IsCancelled = never,
) -> NestedResult:
    """Fit the whole chain without each fold of patients in turn, `repeats` times with other folds, and score the fold.

    Raises `InputError` as `fit` and `draw_folds` do, and `Cancelled`.
    """
    scores, fold_ids = np.empty((repeats, len(data))), np.empty((repeats, len(data)), dtype=int)
    chosen: Counter[str] = Counter()
    for repeat in range(repeats):
        fold_ids[repeat] = draw_folds(data.y, folds, data.groups, settings.seed + OUTER + repeat)
        for fold in range(folds):
            stop_if(cancelled)
            done = repeat * folds + fold
            progress(done / (repeats * folds), f"Fit {done + 1} of {repeats * folds}")
            out = fold_ids[repeat] == fold
            model = fit(data.rows(~out), settings)
            chosen.update(model.features)
            scores[repeat, out] = scored(model, data.rows(out))
    found = _within_folds(data.y, scores, fold_ids)
    rng = np.random.default_rng(settings.seed)
    draws = []
    for _ in range(INTERVAL_DRAWS):
        rows = _patients_drawn(data, rng)
        draws.append(_within_folds(data.y[rows], scores[:, rows], fold_ids[:, rows]))
    low, high = np.nanquantile(draws, (0.025, 0.975))
    return NestedResult(scores, fold_ids, found, float(low), float(high), dict(chosen.most_common()), repeats * folds)


def bootstrap_optimism(
    data: LabelledFeatures,
    settings: Settings,
    resamples: int = 50,
    *,
    progress: Progress = silent,
    cancelled: IsCancelled = never,
) -> Optimism:
    """Fit the whole chain to patients drawn with replacement, and compare its AUC on them with that on all rows.

    Harrell et al., Stat Med 1996; 15: 361; the interval is the bootstrap's own, moved by the optimism (Noma et al.,
    Stat Med 2021; 40: 5691). A patient drawn twice stays in one inner fold. Raises as `nested_cross_validation`.
    """
    apparent = auc(data.y, scored(fit(data, settings), data))
    rng = np.random.default_rng(settings.seed)
    on_drawn, on_all = [], []
    for resample in range(resamples):
        stop_if(cancelled)
        progress(resample / resamples, f"Resample {resample + 1} of {resamples}")
        drawn = data.rows(_patients_drawn(data, rng))
        model = fit(drawn, settings)
        on_drawn.append(auc(drawn.y, scored(model, drawn)))
        on_all.append(auc(data.y, scored(model, data)))
    optimism = float(np.mean(on_drawn) - np.mean(on_all))
    low, high = np.clip(np.quantile(on_drawn, (0.025, 0.975)) - optimism, 0, 1)
    return Optimism(apparent, optimism, apparent - optimism, float(low), float(high), resamples)


def scored(model: RadScore, data: LabelledFeatures) -> np.ndarray:
    """Return the model's log odds (rows,) of labelled features that hold its features."""
    place = {name: index for index, name in enumerate(data.names)}
    return model.score(data.X[:, [place[name] for name in model.features]], data.batches)


def _within_folds(y: np.ndarray, scores: np.ndarray, fold_ids: np.ndarray) -> float:
    """Return the share of pairs ranked rightly, of a case and a control in one fold of one repeat."""
    wins, pairs = 0.0, 0
    for of_repeat, folds in zip(scores, fold_ids, strict=True):
        for fold in np.unique(folds):
            rows = folds == fold
            count = int(y[rows].sum()) * int((~y[rows]).sum())
            if count:
                wins += count * auc(y[rows], of_repeat[rows])
                pairs += count
    return wins / pairs if pairs else np.nan


def _patients_drawn(data: LabelledFeatures, rng: np.random.Generator) -> np.ndarray:
    """Return the rows of as many patients as there are, drawn with replacement."""
    if data.groups is None:
        return rng.integers(0, len(data), len(data))
    _, patient = np.unique(data.groups, return_inverse=True)
    rows_of = np.split(np.argsort(patient, kind="stable"), np.cumsum(np.bincount(patient))[:-1])
    return np.concatenate([rows_of[one] for one in rng.integers(0, len(rows_of), len(rows_of))])
