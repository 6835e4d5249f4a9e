"""Which unlabelled case to label next: the one the model is least sure of, the one least like those labelled, or both.

Sources: entropy sampling (Settles 2009); the core-set choice of the farthest point (Sener and Savarese 2018).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Strategy = Literal["random", "uncertainty", "diversity", "combined"]
STRATEGIES: tuple[Strategy, ...] = ("random", "uncertainty", "diversity", "combined")


@dataclass(frozen=True)
class CaseScore:
    """uncertainty: 0 to 1, of the head about the case. feature: what the case looks like to the trunk."""

    uncertainty: float
    feature: tuple[float, ...]


def next_case(
    strategy: Strategy,
    scores: Mapping[str, CaseScore],
    labelled: Sequence[str],
    unlabelled: Sequence[str],
    rng: np.random.Generator,
) -> str | None:
    """The case to label next; None when all are labelled. Cases nobody has scored yet are drawn at random where all are such."""
    if not unlabelled:
        return None
    candidates = [case for case in unlabelled if case in scores]
    if strategy == "random" or not candidates:
        return unlabelled[int(rng.integers(len(unlabelled)))]
    unsure = np.array([scores[case].uncertainty for case in candidates])
    apart = _distances(scores, candidates, [case for case in labelled if case in scores])
    worth: NDArray[np.float64] = {"uncertainty": unsure, "diversity": apart, "combined": _rank(unsure) * _rank(apart)}[strategy]
    return candidates[int(worth.argmax())]


def _distances(scores: Mapping[str, CaseScore], candidates: Sequence[str], labelled: Sequence[str]) -> NDArray[np.float64]:
    """Distance of each candidate to the nearest labelled case, in features scaled by their spread over all of them.

    Without a labelled case: nearness to the middle, since the most usual case is the best first one.
    """
    features = np.array([scores[case].feature for case in (*candidates, *labelled)], dtype=np.float64)
    features = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-9)
    ours, theirs = features[: len(candidates)], features[len(candidates) :]
    if not len(theirs):
        return np.asarray(-np.linalg.norm(ours, axis=1))
    return np.asarray(np.linalg.norm(ours[:, None] - theirs[None], axis=-1).min(axis=1))


def _rank(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 for the lowest to their number for the highest."""
    return np.asarray(values.argsort().argsort() + 1.0)
