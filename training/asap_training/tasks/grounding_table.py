"""Rows of a grounding score -> the table a person reads: per finding, the pool, the organs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from asap_training.grounding_score import HIT_MM, Row
from asap_training.tasks.statistics import bootstrap_by_case, expected_calibration_error

HEADER = (
    f"{'':22} {'n':>4} {'strict':>22} {'hit':>5} {'touch':>5} {'median mm':>9} {'earned':>6}"
    f" {'n':>4} {'prior':>5} {'gain':>22} {'AUROC':>5}"
)
NOT_SCORABLE_PRIOR = 0.9


def table(rows: Sequence[Row]) -> str:
    """One line per kind, then the pool of image-dependent lesions and the organs, then the calibration error."""
    kinds = sorted({row.kind for row in rows})
    lines = [HEADER, *(line(kind, [row for row in rows if row.kind == kind]) for kind in kinds)]
    lines.append(line("pool (lesions)", [row for row in rows if row.pooled]))
    lines.append(line("organs", [row for row in rows if row.organ]))
    stated = calibration_error(rows)
    if stated is not None:
        error, low, high = stated
        lines.append(f"ECE of the confidence, finding and twin together: {error:.3f} [{low:.3f}, {high:.3f}]")
    return "\n".join(lines)


def line(name: str, rows: Sequence[Row]) -> str:
    """One line; intervals are 95 % by case bootstrap."""
    if not rows:
        return f"{name:22}    0"
    cases = [row.case for row in rows]
    strict = np.array([row.strict for row in rows])
    low, high = bootstrap_by_case(cases, lambda index: float(strict[index].mean()))
    distances = np.array([row.distance_mm for row in rows])
    touch = np.mean([row.touches for row in rows])
    text = (
        f"{name:22} {len(rows):4d} {strict.mean():8.3f} [{low:.3f}, {high:.3f}] {np.mean(distances <= HIT_MM):5.2f} {touch:5.2f}"
    )
    earned = [row.earned for row in rows if row.earned is not None]
    share = f"{np.mean(earned):6.2f}" if earned else f"{'-':>6}"
    return f"{text} {np.median(distances):9.1f} {share} {_prior_and_gain(rows)} {_auroc(rows)}"


def gain_of(strict: NDArray[np.bool_], prior: NDArray[np.float64], index: NDArray[np.int64]) -> float:
    """(strict - prior) / (1 - prior) over some rows."""
    s, p = strict[index].mean(), prior[index].mean()
    return float((s - p) / max(1e-6, 1.0 - p))


def _prior_and_gain(rows: Sequence[Row]) -> str:
    known = [row for row in rows if row.prior is not None]
    if not known:
        return f"{0:4d} {'-':>5} {'-':>22}"
    strict = np.array([row.strict for row in known])
    prior = np.array([float(row.prior or 0.0) for row in known])
    if prior.mean() > NOT_SCORABLE_PRIOR:
        return f"{len(known):4d} {prior.mean():5.2f} {'not scorable':>22}"
    low, high = bootstrap_by_case([row.case for row in known], lambda index: gain_of(strict, prior, index))
    gain = gain_of(strict, prior, np.arange(len(known)))
    return f"{len(known):4d} {prior.mean():5.2f} {gain:6.3f} [{low:.3f}, {high:.3f}]"


def _auroc(rows: Sequence[Row]) -> str:
    twins = [(row.score, row.twin_score) for row in rows if row.score is not None and row.twin_score is not None]
    if not twins:
        return f"{'-':>5}"
    with_finding, without = zip(*twins, strict=True)
    labels = [1] * len(with_finding) + [0] * len(without)
    return f"{roc_auc_score(labels, [*with_finding, *without]):5.2f}"


def calibration_error(rows: Sequence[Row]) -> tuple[float, float, float] | None:
    """ECE of P(stated finding present and peak strict) over equal numbers of scans with and without the finding.

    Beside it the 95 % interval by case bootstrap; resampled cases repeat, so its middle lies a little above the ECE.
    """
    paired = [row for row in rows if row.score is not None and row.twin_score is not None]
    if not paired:
        return None
    stated = np.array([float(row.score or 0.0) for row in paired] + [float(row.twin_score or 0.0) for row in paired])
    correct = np.array([row.strict for row in paired] + [False] * len(paired))
    cases = [row.case for row in paired] * 2
    low, high = bootstrap_by_case(cases, lambda index: expected_calibration_error(stated[index], correct[index]))
    return expected_calibration_error(stated, correct), low, high
