"""How long the statistics take: ``python -m Testing.benchmarks.statistics``.

Times are the best of three, once numba has compiled (its first run ever takes some seconds more): by the clock, and
what the processor spent, which says more on a machine with other work.
"""

import os
import time
from collections.abc import Callable
from itertools import combinations

import numpy as np

from OsteoScreenLib.evaluation.roc import delong_test, roc
from OsteoScreenLib.signature.lasso import cross_validate
from OsteoScreenLib.signature.select import correlated, most_important


def features(rows: int, count: int, shared: int) -> tuple[np.ndarray, np.ndarray]:
    """Return correlated features (rows, count) and labels (rows,) that three of them tell, noisily."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, count)) + rng.normal(size=(rows, shared))[:, np.arange(count) % shared]
    return X, X[:, 0] - X[:, 1] + X[:, 2] + 2 * rng.normal(size=rows) > 0


def lasso(count: int) -> Callable[[], object]:
    """Return the cross-validation of 204 rows in ten given folds."""
    X, y = features(204, count, 40)
    return lambda: cross_validate(X, y, np.arange(204) % 10)


def delong() -> None:
    """Compare four scores of 100,000 rows, each with each."""
    rng = np.random.default_rng(0)
    labels = rng.random(100_000) < 0.3
    curves = [roc(labels, scores) for scores in rng.normal(size=(4, labels.size)) + labels]
    for first, second in combinations(curves, 2):
        delong_test(first, second)


def main() -> None:
    X, y = features(204, 1767, 300)
    names = [str(number) for number in range(1767)]
    jobs = {
        "LASSO path, 204 x 30, 10 folds": (lasso(30), 0.3),
        "LASSO path, 204 x 520, 10 folds": (lasso(520), 3.0),
        "DeLong, 100,000 rows, 4 scores": (delong, 2.0),
        "findCorrelation, 204 x 1767": (lambda: correlated(X, names), None),
        "random forest, 204 x 520, 500 trees": (lambda: most_important(X[:, :520], y, names[:520], 30, 500, 0), None),
    }
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    lasso(30)()
    for name, (job, wanted) in jobs.items():
        clock, processor = [], []
        for _ in range(3):
            started, spent = time.perf_counter(), time.process_time()
            job()
            clock.append(time.perf_counter() - started)
            processor.append(time.process_time() - spent)
        against = "" if wanted is None else f" (wanted: below {wanted:g} s)"
        print(f"{name:40s} {min(clock):7.3f} s, processor {min(processor):7.3f} s{against}")


if __name__ == "__main__":
    main()
