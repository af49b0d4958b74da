"""LASSO logistic regression along a path of penalties, and its cross-validation, numerically as glmnet's."""

from dataclasses import dataclass

import numpy as np

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.labelled_table import check_classes

N_LAMBDAS, MOST_PASSES = 100, 100_000
LEAST_PROBABILITY = 1e-5
"""Held-out probabilities are clipped here before their deviance is taken, as cv.glmnet does."""


@dataclass(frozen=True, eq=False)
class LassoPath:
    """Fits along falling penalties.

    `lambdas`, `intercepts` and `deviance_ratio` (the share of deviance explained) have shape (lambdas,), and
    `coefs`, on the original scale of the features, (lambdas, features).
    """

    lambdas: np.ndarray
    intercepts: np.ndarray
    coefs: np.ndarray
    deviance_ratio: np.ndarray

    def coefficients(self, lambda_: float) -> tuple[float, np.ndarray]:
        """Return intercept and coefficients (features,) at a lambda; between two of the path, a mixture of both."""
        intercepts, coefs = self._at(np.array([lambda_], dtype=float))
        return float(intercepts[0]), coefs[0]

    def linear_predictor(self, X: np.ndarray, lambdas: np.ndarray) -> np.ndarray:
        """Return log odds, shape (rows, lambdas)."""
        intercepts, coefs = self._at(np.asarray(lambdas, dtype=float))
        return intercepts + X @ coefs.T

    def _at(self, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        places = np.interp(-wanted, -self.lambdas, np.arange(len(self.lambdas)))
        left, right = np.floor(places).astype(int), np.ceil(places).astype(int)
        share = (places - left)[:, None]
        intercepts = self.intercepts[left] * (1 - share[:, 0]) + self.intercepts[right] * share[:, 0]
        return intercepts, self.coefs[left] * (1 - share) + self.coefs[right] * share


@dataclass(frozen=True, eq=False)
class CrossValidatedLasso:
    """A path over all rows, and how its lambdas do on rows held out.

    `mean_deviance` and `se_deviance` have shape (lambdas,); `lambda_min` has the smallest mean deviance, and
    `lambda_1se` is the largest lambda within one standard error of it. `fold_ids` (rows,) are the folds used.
    """

    path: LassoPath
    mean_deviance: np.ndarray
    se_deviance: np.ndarray
    lambda_min: float
    lambda_1se: float
    fold_ids: np.ndarray

    @property
    def lambdas(self) -> np.ndarray:
        """The penalties of the path, falling, shape (lambdas,)."""
        return self.path.lambdas

    def coefficients(self, lambda_: float) -> tuple[float, np.ndarray]:
        """Return intercept and coefficients (features,) at a lambda, on the original scale of the features."""
        return self.path.coefficients(lambda_)


def fit_path(X: np.ndarray, y: np.ndarray, n_lambdas: int = N_LAMBDAS, thresh: float = 1e-7) -> LassoPath:
    """Fit logistic regressions with an L1 penalty on features (rows, features) for labels (rows) of 0 and 1.

    Features are standardised inside with 1/n variance; constant ones get no coefficient. Lambdas fall from the
    smallest that leaves no feature to 1e-4 of it (1e-2 with fewer rows than features), and the path may end early.
    `thresh` is glmnet's; 1e-7, its default, stops within a few 1e-4 of the optimum. Raises `InputError` for
    missing values, fewer than two rows of a class, or features that are all constant.
    """
    from OsteoScreenLib.signature.descent import descend

    X, y = _checked(X, y)
    rows, features = X.shape
    varies = X.min(0) < X.max(0)
    if not varies.any():
        raise InputError("All features are constant; there is nothing to learn from.")
    means, scales = X.mean(0), np.where(varies, X.std(0), 1.0)
    xt = np.ascontiguousarray(np.where(varies, (X - means) / scales, 0.0).T)
    slopes = np.abs(xt @ (y - y.mean())) / rows
    least = 1e-2 if rows < features else 1e-4
    lambdas = slopes.max() * least ** (np.arange(n_lambdas) / (n_lambdas - 1))
    intercepts, coefs, explained = np.zeros(n_lambdas), np.zeros((n_lambdas, features)), np.zeros(n_lambdas)
    fitted = descend(
        xt, y.astype(float), lambdas, thresh, MOST_PASSES, slopes, intercepts, coefs, explained, np.zeros((4, rows))
    )
    if not fitted:
        raise InputError("The LASSO did not converge; remove features with extreme values.")
    coefs = coefs[:fitted] / scales
    return LassoPath(lambdas[:fitted], intercepts[:fitted] - coefs @ means, coefs, explained[:fitted])


def cross_validate(
    X: np.ndarray,
    y: np.ndarray,
    fold_ids: np.ndarray | None = None,
    *,
    folds: int = 10,
    groups: np.ndarray | None = None,
    seed: int = 0,
    n_lambdas: int = N_LAMBDAS,
    thresh: float = 1e-7,
) -> CrossValidatedLasso:
    """Fit the path and choose its lambda by the deviance on held-out rows, as cv.glmnet does.

    `fold_ids` (rows,) may be any labels; without them `folds` are drawn, stratified and with each of `groups` (rows,)
    in one of them. Each fold's training part finds its own path, read at the whole path's lambdas. Raises
    `InputError` as `fit_path` does, for fewer than three folds, and for a fold that leaves too little to learn from.
    """
    from OsteoScreenLib.splits import draw_folds

    X, y = _checked(X, y)
    if fold_ids is None:
        fold_ids = draw_folds(y, folds, groups, seed)
    names, fold_of = np.unique(np.asarray(fold_ids), return_inverse=True)
    if len(fold_of) != len(y):
        raise InputError(f"There are {len(fold_of)} fold numbers for {len(y)} rows.")
    if len(names) < 3:
        raise InputError(f"Cross-validation needs at least three folds; there are {len(names)}.")
    path = fit_path(X, y, n_lambdas, thresh)
    deviance = np.empty((len(y), len(path.lambdas)))
    for fold, name in enumerate(names):
        out = fold_of == fold
        check_classes(y[~out], f"What fold {name} leaves to learn from", least=2)
        odds = fit_path(X[~out], y[~out], n_lambdas, thresh).linear_predictor(X[out], path.lambdas)
        deviance[out] = _deviance(y[out], odds)
    mean, error = _over_folds(deviance, fold_of)
    best = int(np.argmin(mean))
    within = int(np.argmax(mean <= mean[best] + error[best]))
    return CrossValidatedLasso(
        path, mean, error, float(path.lambdas[best]), float(path.lambdas[within]), np.asarray(fold_ids)
    )


def _checked(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    X, y = np.asarray(X, dtype=float), np.asarray(y)
    if X.ndim != 2 or y.shape != (len(X),):
        raise InputError(f"Features of shape {X.shape} and labels of shape {y.shape} do not go together.")
    if not np.isfinite(X).all():
        raise InputError(f"{int((~np.isfinite(X)).any(0).sum())} features have missing or infinite values.")
    if not np.isin(y, (0, 1)).all():
        raise InputError("Labels must be 0 or 1.")
    y = y.astype(bool)
    check_classes(y, "The label", least=2)
    return X, y


def _deviance(y: np.ndarray, odds: np.ndarray) -> np.ndarray:
    """Return the binomial deviance of log odds (rows, lambdas) for labels (rows)."""
    from scipy.special import expit

    probability = np.clip(expit(odds), LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    return -2 * np.log(np.where(y[:, None], probability, 1 - probability))


def _over_folds(deviance: np.ndarray, fold_of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean over folds and its standard error; over rows where folds have fewer than three of them."""
    sizes = np.bincount(fold_of)
    if len(fold_of) / len(sizes) < 3:
        values, weights = deviance, np.ones(len(fold_of))
    else:
        values = np.stack([deviance[fold_of == fold].mean(0) for fold in range(len(sizes))])
        weights = sizes
    mean = np.average(values, axis=0, weights=weights)
    variance = np.average((values - mean) ** 2, axis=0, weights=weights)
    return mean, np.sqrt(variance / (len(values) - 1))
