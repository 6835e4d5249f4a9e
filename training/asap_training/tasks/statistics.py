"""Intervals, calibration error and areas under the ROC."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

BOOTSTRAP_ROUNDS = 1000


def bootstrap_by_case(
    cases: Sequence[int], statistic: Callable[[NDArray[np.int64]], float], *, seed: int = 0
) -> tuple[float, float]:
    """95 % percentile interval of `statistic(row numbers)` when whole cases are drawn with replacement."""
    rng = np.random.default_rng(seed)
    keys, inverse = np.unique(np.asarray(cases), return_inverse=True)
    rows = [np.flatnonzero(inverse == key) for key in range(len(keys))]
    draws = [statistic(np.concatenate([rows[k] for k in rng.integers(0, len(rows), len(rows))])) for _ in range(BOOTSTRAP_ROUNDS)]
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    return float(low), float(high)


def expected_calibration_error(confidence: NDArray[np.float64], correct: NDArray[np.bool_], bins: int = 10) -> float:
    """ECE over bins of equal count: mean gap between stated and observed probability, weighted by the bin's share."""
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    gaps = [abs(confidence[part].mean() - correct[part].mean()) * len(part) for part in parts]
    return float(sum(gaps) / len(order))


def auroc(there: NDArray[np.float64], absent: NDArray[np.float64]) -> float:
    """Area under the ROC of what is there against what is not; NaN when one is empty."""
    if not len(there) or not len(absent):
        return float("nan")
    y = np.arange(len(there) + len(absent)) < len(there)
    return float(roc_auc_score(y, np.concatenate([there, absent])))
