"""Results -> the table a person reads, as Markdown. Intervals are 95 % by bootstrap over cases; seeds of a row count together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from asap_training.ablation.measures import PROBE_SHARES, RECALLS, macro_auroc
from asap_training.ablation.result import Result
from asap_training.ablation.rows import ROWS
from asap_training.grounding_score import Row
from asap_training.scoring_cases import LESION_KINDS
from asap_training.tasks.grounding_table import gain_of
from asap_training.tasks.statistics import bootstrap_by_case

Index = NDArray[np.int64]
Told = tuple[NDArray[np.float64], NDArray[np.bool_]]  # scores and truth, [R, F]
HEADER = (
    *("row", "seeds", "samples", "strict [95 %]", "gain [95 %]"),
    *(f"AUROC {kind}" for kind in sorted(LESION_KINDS)),
    "stated AUROC [95 %]",
    "of lesions [95 %]",
    "zero-shot AUROC [95 %]",
    *(f"R@{k}" for k in RECALLS),
    "organ error",
    *(f"probe {share:.0%}" for share in PROBE_SHARES),
)
STUDY_HEADER = "study AUROC [95 %]"


def markdown(found: Sequence[Result]) -> str:
    """One line per row in the order of `ROWS`; rows that have not been trained are left out.

    The column of the heads for whole studies is there where a row has been measured with them.
    """
    studies = any(result.study is not None for result in found)
    header = [*HEADER, STUDY_HEADER] if studies else HEADER
    lines = [_line(header), _line(["---"] * len(header))]
    for name in ROWS:
        of_row = [result for result in found if result.row == name]
        if of_row:
            lines.append(_line([*_cells(name, of_row), _studies(of_row)] if studies else _cells(name, of_row)))
    return "\n".join(lines)


def difference(found: Sequence[Result], name: str, other: str) -> str | None:
    """A row less another in gain and AUROC, the same cases drawn for both; None where one has not been trained."""
    ours, theirs = ([result for result in found if result.row == row] for row in (name, other))
    if not ours or not theirs:
        return None
    known, others = _scorable(ours), _scorable(theirs)
    (strict, prior), first = _hits([*known, *others]), len(known)

    def gain(index: Index) -> float:
        return gain_of(strict, prior, index[index < first]) - gain_of(strict, prior, index[index >= first])

    gained = _with_interval([row.case for row in (*known, *others)], gain)
    stated, lesions, zero_shot = (_lead(ours, theirs, of) for of in (_stated, _stated_lesions, _zero_shot))
    return f"{name} less {other}: gain {gained}, stated AUROC {stated}, of lesions {lesions}, zero-shot AUROC {zero_shot}."


def _cells(name: str, seeds: Sequence[Result]) -> list[str]:
    grounding = [row for result in seeds for row in result.grounding]
    pooled = [row for row in grounding if row.pooled]
    samples = "/".join(sorted({str(r.steps * r.batch) for r in seeds}))
    kinds = [_twins([row for row in pooled if row.kind == kind]) for kind in sorted(LESION_KINDS)]
    recalls = [f"{np.mean([np.mean(r.ranks < k) for r in seeds]):.2f}" for k in RECALLS]
    organs = f"{np.mean([r.organ_error for r in seeds]):.4f}"
    probes = [_probe(seeds, f"{share:g}") for share in PROBE_SHARES]
    head = [name, str(len(seeds)), samples, _strict(pooled), _gain(seeds)]
    told = [_auroc(seeds, of) for of in (_stated, _stated_lesions, _zero_shot)]
    return [*head, *kinds, *told, *recalls, organs, *probes]


def _strict(rows: Sequence[Row]) -> str:
    strict = np.array([row.strict for row in rows])
    return _with_interval([row.case for row in rows], lambda index: float(strict[index].mean()))


def _gain(seeds: Sequence[Result]) -> str:
    known = _scorable(seeds)
    strict, prior = _hits(known)
    return _with_interval([row.case for row in known], lambda index: gain_of(strict, prior, index))


def _scorable(seeds: Sequence[Result]) -> list[Row]:
    """Sentences about lesions of the pool that could be asked of enough other boxes."""
    return [row for result in seeds for row in result.grounding if row.pooled and row.prior is not None]


def _hits(rows: Sequence[Row]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Strict hits, and those of the same sentences on other boxes."""
    return np.array([row.strict for row in rows]), np.array([row.prior or 0.0 for row in rows])


def _twins(rows: Sequence[Row]) -> str:
    pairs = [(row.score, row.twin_score) for row in rows if row.score is not None and row.twin_score is not None]
    if not pairs:
        return "-"
    scores = [score for pair in pairs for score in pair]
    return f"{roc_auc_score([1, 0] * len(pairs), scores):.2f}"


def _zero_shot(result: Result) -> Told:
    return result.zero_shot, result.found


def _studies(seeds: Sequence[Result]) -> str:
    measured = [result for result in seeds if result.study is not None]
    return _auroc(measured, lambda r: (np.asarray(r.study), r.found)) if measured else "-"


def _stated(result: Result) -> Told:
    return result.stated.astype(np.float64), result.found


def _stated_lesions(result: Result) -> Told:
    of_pool = np.isin(result.findings, list(LESION_KINDS))
    return result.stated[:, of_pool].astype(np.float64), result.found[:, of_pool]


def _auroc(seeds: Sequence[Result], of: Callable[[Result], Told]) -> str:
    return _with_interval(seeds[0].cases, lambda index: _mean_auroc(seeds, of, index))


def _lead(ours: Sequence[Result], theirs: Sequence[Result], of: Callable[[Result], Told]) -> str:
    return _with_interval(ours[0].cases, lambda index: _mean_auroc(ours, of, index) - _mean_auroc(theirs, of, index))


def _mean_auroc(seeds: Sequence[Result], of: Callable[[Result], Told], boxes: Index) -> float:
    """Boxes are drawn alike for all seeds: the mean over seeds of each draw."""
    return float(np.mean([macro_auroc(*of(r), boxes) for r in seeds]))


def _probe(seeds: Sequence[Result], share: str) -> str:
    everyone = np.arange(len(seeds[0].found))
    return f"{np.mean([macro_auroc(draw, r.found, everyone) for r in seeds for draw in r.probes[share]]):.2f}"


def _with_interval(cases: Sequence[int], statistic: Callable[[Index], float]) -> str:
    if not cases:
        return "-"
    low, high = bootstrap_by_case(cases, statistic)
    return f"{statistic(np.arange(len(cases))):.2f} [{low:.2f}, {high:.2f}]"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
