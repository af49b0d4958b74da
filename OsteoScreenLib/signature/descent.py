"""The inner loops of the LASSO: cyclic coordinate descent on quadratic approximations of the binomial likelihood.

Friedman, Hastie and Tibshirani, J Stat Softw 2010; 33(1), with the strong rules of Tibshirani et al., J R Stat Soc B
2012; 74: 245. The order of updates and the tests of convergence are those of glmnet: at its threshold of 1e-7 a path
stops a little short of the optimum, and to agree with it to the fifth digit one must stop at the same place.
"""

from math import copysign, exp, inf, log

import numpy as np
from numba import njit

SMALLEST_PROBABILITY = 1e-9
FARTHEST = log(1.0 / SMALLEST_PROBABILITY - 1.0)
LEAST_VARIANCE = (1.0 + SMALLEST_PROBABILITY) * SMALLEST_PROBABILITY * (1.0 - SMALLEST_PROBABILITY)
LEAST_LAMBDAS, LEAST_GAIN, ENOUGH_DEVIANCE = 5, 1e-5, 0.999
"""A path ends, after so many lambdas at least, where a step explains too little more or all is explained."""


# Plain loops, and memory from the caller: numba compiles them in a third of the time that array expressions take.
# Sums may be taken in any order (fastmath), which lets the processor take several terms at once.
@njit(cache=True, fastmath=True)
def _dot(a, b):
    total = 0.0
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@njit(cache=True, fastmath=True)
def _weighted_square(weights, a):
    total = 0.0
    for i in range(len(a)):
        total += weights[i] * a[i] * a[i]
    return total


@njit(cache=True, fastmath=True)
def _move(residual, change, weights, a):
    for i in range(len(a)):
        residual[i] -= change * weights[i] * a[i]


@njit(cache=True)
def _pass(xt, chosen, n_chosen, penalty, beta, curvature, v, residual, is_active):
    """Update the chosen coefficients once, in their order; return the largest change, in units of deviance."""
    largest = 0.0
    for a in range(n_chosen):
        j = chosen[a]
        old = beta[j]
        pull = _dot(xt[j], residual) + old * curvature[j]
        size = abs(pull) - penalty
        new = copysign(size, pull) / curvature[j] if size > 0.0 else 0.0
        if new == old:
            continue
        beta[j] = new
        is_active[j] = True
        change = new - old
        largest = max(largest, curvature[j] * change * change)
        _move(residual, change, v, xt[j])
    return largest


@njit(cache=True)
def descend(xt, y, penalties, thresh, most_passes, gradient, intercepts, coefficients, explained, work):
    """Fit the path of `penalties` and return how many of them were fitted.

    `xt` are the features, standardised with 1/n variance, shape (features, rows); a constant one is all 0. `y` holds
    0 and 1, `gradient` (features,) its absolute slopes at the empty model. Written are `intercepts` (penalties,),
    `coefficients` (penalties, features) and `explained` (penalties,), the share of deviance. Fewer are fitted where
    the path ends early or `most_passes` are spent. `work` is (4, rows) and 0.
    """
    features, rows = xt.shape
    probability, v, residual, predictor = work[0], work[1], work[2], work[3]
    beta, before, curvature = np.zeros(features), np.zeros(features), np.zeros(features)
    strong, is_active = np.zeros(features, np.bool_), np.zeros(features, np.bool_)
    listed, is_listed = np.zeros(features, np.int64), np.zeros(features, np.bool_)
    chosen, n_listed, passes = np.zeros(features, np.int64), 0, 0

    prevalence = 0.0
    for i in range(rows):
        prevalence += y[i] / rows
    null_deviance = -(prevalence * log(prevalence) + (1.0 - prevalence) * log(1.0 - prevalence))
    limit = thresh * null_deviance
    intercept, v_sum = log(prevalence / (1.0 - prevalence)), prevalence * (1.0 - prevalence)
    for i in range(rows):
        v[i], residual[i] = v_sum / rows, (y[i] - prevalence) / rows

    for m in range(len(penalties)):
        # The first fit has an infinite penalty, and the second takes the largest lambda for its predecessor's.
        penalty = penalties[m] if m else inf
        threshold = 2.0 * penalty - penalties[m - 1] if m else inf
        for j in range(features):
            if gradient[j] > threshold:
                strong[j] = True
        while True:
            intercept_before = intercept
            n_chosen = 0
            for j in range(features):
                before[j] = beta[j]
                if strong[j]:
                    chosen[n_chosen] = j
                    n_chosen += 1
                    curvature[j] = _weighted_square(v, xt[j])
            over_all = True
            while True:
                passes += 1
                if over_all:
                    change = _pass(xt, chosen, n_chosen, penalty, beta, curvature, v, residual, is_active)
                    for a in range(n_chosen):
                        j = chosen[a]
                        if is_active[j] and not is_listed[j]:
                            listed[n_listed], is_listed[j] = j, True
                            n_listed += 1
                else:
                    change = _pass(xt, listed, n_listed, penalty, beta, curvature, v, residual, is_active)
                shift = 0.0
                for i in range(rows):
                    shift += residual[i] / v_sum
                intercept += shift
                change = max(change, v_sum * shift * shift)
                for i in range(rows):
                    residual[i] -= shift * v[i]
                converged = change < limit
                if converged and over_all:
                    break
                if not converged and passes > most_passes:
                    return m
                over_all = converged

            for i in range(rows):
                predictor[i] = intercept
            for a in range(n_listed):
                j = listed[a]
                for i in range(rows):
                    predictor[i] += beta[j] * xt[j, i]
            v_sum, deviance = 0.0, 0.0
            for i in range(rows):
                eta = predictor[i]
                p = 0.0 if eta < -FARTHEST else 1.0 if eta > FARTHEST else 1.0 / (1.0 + exp(-eta))
                probability[i], v[i] = p, p * (1.0 - p) / rows
                v_sum += v[i]
                p = min(max(SMALLEST_PROBABILITY, p), 1.0 - SMALLEST_PROBABILITY)
                deviance -= (y[i] * log(p) + (1.0 - y[i]) * log(1.0 - p)) / rows
            if v_sum <= LEAST_VARIANCE:
                break
            for i in range(rows):
                residual[i] = (y[i] - probability[i]) / rows
            settled = v_sum * (intercept - intercept_before) ** 2 <= limit
            for a in range(n_listed):
                j = listed[a]
                settled = settled and curvature[j] * (beta[j] - before[j]) ** 2 <= limit
            if not settled:
                continue
            missed = False
            for j in range(features):
                if not strong[j]:
                    gradient[j] = abs(_dot(xt[j], residual))
                    if gradient[j] > penalty:
                        strong[j] = True
                        missed = True
            if not missed:
                break

        intercepts[m] = intercept
        for j in range(features):
            coefficients[m, j] = beta[j]
        explained[m] = 1.0 - deviance / null_deviance
        if m + 1 >= LEAST_LAMBDAS and (
            explained[m] - explained[m - 1] < LEAST_GAIN or explained[m] > ENOUGH_DEVIANCE or v_sum <= LEAST_VARIANCE
        ):
            return m + 1
    return len(penalties)
