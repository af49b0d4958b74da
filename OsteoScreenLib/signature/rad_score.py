"""The rad-score of Liu et al. (BMC Med Imaging 2024; 24: 62): fitted, applied, and kept as one JSON file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from OsteoScreenLib import __version__
from OsteoScreenLib.errors import InputError, ModelError, first_fault
from OsteoScreenLib.evaluation.roc import roc
from OsteoScreenLib.output import staged_file
from OsteoScreenLib.signature import select
from OsteoScreenLib.signature.doubt import RESAMPLES, Doubt, doubt_columns, learn_doubt
from OsteoScreenLib.signature.harmonise import Harmonisation, fit_combat
from OsteoScreenLib.signature.labelled_features import LabelledFeatures
from OsteoScreenLib.signature.lasso import cross_validate
from OsteoScreenLib.splits import draw_folds

if TYPE_CHECKING:
    import pandas as pd

STRICT = ConfigDict(
    frozen=True,
    extra="forbid",
    allow_inf_nan=False,
    validate_by_name=True,
    validate_by_alias=True,
    serialize_by_alias=True,
)


class Settings(BaseModel):
    """How a signature is made; the defaults are the paper's, where it says them.

    `redundancy` is caret's findCorrelation or the representative of each cluster, both beyond `correlation`; `exact`
    is findCorrelation's (None: below 100 features). `keep` features of the forest enter the LASSO, all where it is 0.
    """

    model_config = STRICT

    correlation: Annotated[float, Field(gt=0, le=1)] = 0.9
    redundancy: Literal["findCorrelation", "representative"] = "findCorrelation"
    exact: bool | None = None
    trees: Annotated[int, Field(ge=1)] = 500
    keep: Annotated[int, Field(ge=0)] = 30
    folds: Annotated[int, Field(ge=3)] = 10
    lambda_rule: Literal["min", "1se"] = "min"
    seed: int = 0


class RadScore(BaseModel):
    """A fitted signature: everything that applying it takes, and what it was made from.

    The score is ``intercept + sum(coefficients * x)`` on the features' own scale, the log odds of the label;
    ``coefficients * scales`` are weights that compare. `cutoff` is Youden's in training, None where no feature was
    kept. With harmonisation, `batches` are the scanners and `slopes` and `offsets` what is done to a feature of each.
    `doubt` is None in signatures that were saved without it.
    """

    model_config = STRICT

    kind: Literal["osteoscreen rad-score"] = "osteoscreen rad-score"
    software_version: str = __version__
    label: str
    roi: str | None = None
    features: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    coefficients: tuple[float, ...]
    intercept: float
    lambda_: Annotated[float, Field(alias="lambda")]
    cutoff: float | None
    batch: str | None = None
    batches: tuple[str, ...] = ()
    slopes: tuple[tuple[float, ...], ...] = ()
    offsets: tuple[tuple[float, ...], ...] = ()
    settings: Settings
    training: dict[str, Any]
    doubt: Doubt | None = None

    @model_validator(mode="after")
    def _lengths(self) -> "RadScore":
        if self.doubt and {
            len(self.doubt.lows),
            len(self.doubt.highs),
            *(len(one) - 1 for one in self.doubt.draws),
        } != {len(self.features)}:
            raise ValueError("ranges and draws are not of the features' length")
        if {len(self.means), len(self.scales), len(self.coefficients)} != {len(self.features)}:
            raise ValueError("features, means, scales and coefficients are not of one length")
        widths = {len(row) for row in (*self.slopes, *self.offsets)}
        if not len(self.batches) == len(self.slopes) == len(self.offsets) or widths - {len(self.features)}:
            raise ValueError("batches, slopes and offsets do not fit the features")
        return self

    @property
    def weights(self) -> dict[str, float]:
        """The change of the score for a standard deviation of each feature, the largest first."""
        pairs = zip(self.features, self.coefficients, self.scales, strict=True)
        return dict(sorted(((name, c * s) for name, c, s in pairs), key=lambda pair: -abs(pair[1])))

    def score(self, X: np.ndarray, batches: np.ndarray | None = None) -> np.ndarray:
        """Return log odds (rows,) for the columns `features` (rows, features), of scanners (rows,) if harmonised.

        Raises `InputError` as `harmonised` does.
        """
        return self.intercept + self.harmonised(X, batches) @ np.array(self.coefficients)

    def harmonised(self, X: np.ndarray, batches: np.ndarray | None = None) -> np.ndarray:
        """Return the columns `features` (rows, features) as the score takes them: of one scanner, as it were.

        Raises `InputError` for missing values, and for scanners missing or unknown.
        """
        if not np.isfinite(X).all():
            name = self.features[int((~np.isfinite(X)).any(0).argmax())]
            raise InputError(f"Feature '{name}' is missing or infinite in some row; the score needs it.")
        if self.batches:
            if batches is None:
                raise InputError(f"This signature is harmonised: the table needs the column '{self.batch}'.")
            X = Harmonisation(self.batches, np.array(self.slopes), np.array(self.offsets)).apply(X, batches)
        return X


def fit(
    data: LabelledFeatures,
    settings: Settings | None = None,
    *,
    label: str = "label",
    roi: str | None = None,
    batch: str | None = None,
) -> RadScore:
    """Fit the whole chain to labelled features; `label`, `roi` and the column `batch` are kept for who applies it.

    In turn: harmonise (where `data` has scanners), drop constant and redundant features, keep those the forest finds
    important, and fit the LASSO, whose folds hold each patient whole. Everything is learned from these rows: give
    training rows alone. Raises `InputError` for one class alone, missing values, or nothing to learn from.
    """
    settings = settings or Settings()
    X, y, names, batches = data.X, data.y, data.names, data.batches
    fold_ids = draw_folds(y, settings.folds, data.groups, settings.seed)
    parts = [np.ones(len(y), dtype=bool)] if batches is None else [batches == name for name in set(batches)]
    dropped = {name for part in parts for name in select.constant(X[part], list(names))}
    kept = [name for name in names if name not in dropped]
    counts = {"features": len(names), "not_constant": len(kept)}
    if not kept:
        raise InputError("All features are constant; there is nothing to learn from.")
    X = X[:, _places(names, kept)]
    harmonisation = None if batches is None else fit_combat(X, batches)
    if harmonisation:
        X = harmonisation.apply(X, batches)

    chosen = _without_copies(X, kept, settings)
    counts["not_redundant"] = len(chosen)
    if 0 < settings.keep < len(chosen):
        important = select.most_important(
            X[:, _places(kept, chosen)], y, chosen, settings.keep, settings.trees, settings.seed
        )
        chosen = [name for name in chosen if name in set(important)]
    counts["into_lasso"] = len(chosen)
    Z = X[:, _places(kept, chosen)]
    lasso = cross_validate(Z, y, fold_ids)
    lambda_ = lasso.lambda_min if settings.lambda_rule == "min" else lasso.lambda_1se
    intercept, coefficients = lasso.coefficients(lambda_)
    used = np.flatnonzero(coefficients)
    counts["in_signature"] = len(used)

    score = intercept + Z @ coefficients
    curve = roc(y, score, "<") if len(used) else None
    places = [kept.index(chosen[index]) for index in used]
    at = int(np.argmin(np.abs(lasso.lambdas - lambda_)))
    return RadScore(
        label=label,
        roi=roi,
        features=tuple(chosen[index] for index in used),
        means=tuple(Z[:, used].mean(0).tolist()),
        scales=tuple(Z[:, used].std(0).tolist()),
        coefficients=tuple(coefficients[used].tolist()),
        intercept=intercept,
        lambda_=lambda_,
        cutoff=curve.youden().threshold if curve else None,
        batch=batch,
        batches=harmonisation.batches if harmonisation else (),
        slopes=_rows(harmonisation.slopes[:, places]) if harmonisation else (),
        offsets=_rows(harmonisation.offsets[:, places]) if harmonisation else (),
        settings=settings,
        training={
            "rows": len(y),
            "cases": int(y.sum()),
            "patients": None if data.groups is None else len(np.unique(data.groups)),
            "counts": counts,
            "mean_deviance": float(lasso.mean_deviance[at]),
            "lambda_min": lasso.lambda_min,
            "lambda_1se": lasso.lambda_1se,
            "apparent_auc": curve.auc if curve else 0.5,
        },
    )


def with_doubt(model: RadScore, data: LabelledFeatures, resamples: int = RESAMPLES) -> RadScore:
    """Return a signature that also knows how sure it is, from the rows that it was fitted to (`learn_doubt`)."""
    X = model.harmonised(data.X[:, _places(data.names, list(model.features))], data.batches)
    y = np.asarray(data.y, dtype=bool)
    return model.model_copy(
        update={
            "doubt": learn_doubt(X, y, data.groups, model.lambda_, model.settings.folds, resamples, model.settings.seed)
        }
    )


def scores(
    model: RadScore, X: np.ndarray, batches: np.ndarray | None, others: "pd.DataFrame", prefix: str = ""
) -> "pd.DataFrame":
    """Return the columns `others` with ``rad_score``, ``probability``, and ``positive``: 1 from the cut-off on, else 0.

    After these come the columns of `doubt.doubt_columns`: intervals, calibrated probability and ``training_range``.
    `X` holds the model's features (rows, features); `prefix` goes before all names.
    """
    from scipy.special import expit

    X = model.harmonised(X, batches)
    score = model.intercept + X @ np.array(model.coefficients)
    table = others.assign(**{f"{prefix}rad_score": score, f"{prefix}probability": expit(score)})
    if model.cutoff is not None:
        table[f"{prefix}positive"] = (score >= model.cutoff).astype(int)
    columns = doubt_columns(model.doubt, model.features, model.scales, X, score)
    return table.assign(**{f"{prefix}{name}": values for name, values in columns.items()})


def write(model: RadScore, path: Path) -> None:
    """Write a signature as one JSON file. Raises `OutputError` where that cannot be."""
    with staged_file(path) as staged:
        staged.write_text(model.model_dump_json(indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> RadScore:
    """Read a signature. Raises `ModelError` where it is missing or not one."""
    try:
        return RadScore.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ModelError(f"Cannot read {path}: {error.strerror or error}.") from error
    except ValidationError as error:
        raise ModelError(f"{path.name} is not a rad-score of this software: {first_fault(error)}.") from error


def _without_copies(X: np.ndarray, names: list[str], settings: Settings) -> list[str]:
    if settings.redundancy == "representative":
        dropped = set(select.not_representative(X, names, settings.correlation))
    else:
        dropped = set(select.correlated(X, names, settings.correlation, settings.exact))
    return [name for name in names if name not in dropped]


def _places(names: tuple[str, ...] | list[str], wanted: list[str]) -> list[int]:
    place = {name: index for index, name in enumerate(names)}
    return [place[name] for name in wanted]


def _rows(values: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(map(tuple, values.tolist()))
