"""The table of drafts and answers: every figure with n and a 95 % interval by case, beside what it takes to know nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from asap_training.tasks import answer_scores as scores
from asap_training.tasks.answer_scores import PlaceRow
from asap_training.tasks.crg import crg
from asap_training.tasks.statistics import bootstrap_by_case, expected_calibration_error
from asap_training.tasks.vqa_scores import vqa_scores
from tests.benchmarks.answers_rows import CaseRows

Statistic = Callable[[NDArray[np.int64]], float]
WIDTH = 58
EVEN = 0.5  # what a constant answer reaches where yes and no are equally often right


def lines(rows: Sequence[CaseRows]) -> list[str]:
    """The whole table."""
    return [*_drafts(rows), *_presence(rows), *_places(rows), *_painted(rows), *_by_type(rows), *_by_concept(rows)]


def _line(name: str, n: int, cases: Sequence[int], statistic: Statistic, digits: int = 3) -> str:
    if not n:
        return f"{name:{WIDTH}} n    0"
    value = statistic(np.arange(len(cases)))
    low, high = bootstrap_by_case(cases, statistic)
    return f"{name:{WIDTH}} n {n:4d}  {value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def _drafts(rows: Sequence[CaseRows]) -> list[str]:
    truths = [set(row.true) for row in rows]
    constant = scores.best_constant(truths)
    cases = [row.number for row in rows]

    def f1_of(drafted: Callable[[CaseRows], set[scores.Told]]) -> Statistic:
        counts = np.array([(len(drafted(r) & set(r.true)), len(drafted(r)) + len(r.true)) for r in rows], dtype=float)
        return lambda index: float(2 * counts[index, 0].sum() / max(1.0, counts[index, 1].sum()))

    own, blind, wrong = f1_of(lambda r: set(r.drafted)), f1_of(lambda _: constant), f1_of(lambda r: set(r.elsewhere))

    def crg_at(index: NDArray[np.int64]) -> float:
        return crg([rows[n].true_labels for n in index], [rows[n].drafted_labels for n in index])

    count = len(rows)
    return [
        _line("finding F1 of drafts, assertion and side right", count, cases, own),
        _line("the best constant report, which never looks", count, cases, blind),
        _line("another patient's draft, minus the constant report", count, cases, lambda i: wrong(i) - blind(i)),
        _line("CRG of drafts, 18 findings (claiming nothing: .333)", count, cases, crg_at),
    ]


def _presence(rows: Sequence[CaseRows]) -> list[str]:
    asked = [row for case in rows for row in case.asked]
    strangers = [row for case in rows for row in case.strangers]
    known = [row for row in asked if row.probability is not None]
    confidence = np.array([row.probability for row in known], dtype=float)
    there = np.array([row.there for row in known])
    misled = _share([row.right for row in strangers])
    unsure = sum(row.verdict == "cannot tell" for row in asked)
    return [
        _line("presence on case and twin", len(asked), [r.case for r in asked], _share([r.right for r in asked])),
        f"{'  of these answered with cannot tell':{WIDTH}} n {unsure:4d}",
        _line(
            "the same questions to other patients, minus .5",
            len(strangers),
            [r.case for r in strangers],
            lambda index: misled(index) - EVEN,
        ),
        _line(
            "ECE of presence on case and twin",
            len(known),
            [r.case for r in known],
            lambda index: expected_calibration_error(confidence[index], there[index]),
        ),
    ]


def _share(right: Sequence[bool]) -> Statistic:
    values = np.array(right, dtype=float)
    return lambda index: float(values[index].mean())


def _places(rows: Sequence[CaseRows]) -> list[str]:
    places = [row for case in rows for row in case.places]
    cases, right = [row.case for row in places], [row.right for row in places]
    table = [_line("location (side, and lobe in the lungs), where found", len(places), cases, _share(right))]
    kinds = sorted({row.concept for row in places if row.size_error_mm is not None})
    table.append(_sizes("size, mean absolute error in mm, where measured", places))
    table.append(_sizes("  of these with the right side and lobe", [row for row in places if row.right]))
    return table + [_sizes(f"    {kind}", [row for row in places if row.right and row.concept == kind]) for kind in kinds]


def _sizes(name: str, places: Sequence[PlaceRow]) -> str:
    sized = [(row.case, row.size_error_mm) for row in places if row.size_error_mm is not None]
    gaps = np.array([gap for _, gap in sized], dtype=float)
    told = _line(name, len(sized), [case for case, _ in sized], lambda index: float(np.abs(gaps[index]).mean()), 1)
    return told + (f", median {np.median(np.abs(gaps)):.1f}, bias {gaps.mean():+.1f}" if sized else "")


def _painted(rows: Sequence[CaseRows]) -> list[str]:
    tried = [(row.number, pair) for row in rows for pair in row.painted]
    cases = [number for number, _ in tried]
    return [
        _line("painted out: flips or falls by .2", len(tried), cases, _share([both[0] for _, both in tried])),
        _line("a patch elsewhere in that lung does so", len(tried), cases, _share([both[1] for _, both in tried])),
    ]


def _by_type(rows: Sequence[CaseRows]) -> list[str]:
    found = vqa_scores([answer for case in rows for answer in case.answered])
    table = ["answers by question type, as published:"]
    if found.presence is not None:
        table.append(f"  presence      accuracy {found.presence:.3f}")
    if found.size is not None:
        size = found.size
        table.append(
            f"  size          n {size.n:4d}, not answered {size.unanswered}, L1 {size.l1_mm:.1f} mm, RMSE {size.rmse_mm:.1f} mm"
        )
    for kind, told in found.written.items():
        bleu = ", ".join(f"{value:.3f}" for value in told.texts.bleu)
        table.append(f"  {kind:13} n {told.n:4d}, BLEU 1-4 {bleu}, ROUGE-L {told.texts.rouge_l:.3f}, hit {told.hit:.3f}")
    return table


def _by_concept(rows: Sequence[CaseRows]) -> list[str]:
    right: dict[str, list[bool]] = defaultdict(list)
    drafts: dict[str, list[scores.DraftRow]] = defaultdict(list)
    for case in rows:
        for row in case.asked:
            right[row.concept].append(row.right)
        for told in sorted({*case.true, *case.drafted}, key=str):
            drafts[told[0]].append(scores.DraftRow(case.number, told in case.drafted, told in case.true))
    return ["by finding: presence on case and twin; F1 of drafts, how often there:"] + [
        f"  {concept:24} n {len(right[concept]):4d}  {np.mean(right[concept] or [np.nan]):.2f}"
        f"    F1 {scores.f1(told):.2f}, there {sum(row.true for row in told)}, drafted {sum(row.drafted for row in told)}"
        for concept, told in sorted(drafts.items())
    ]
