"""Scores of answers by question type, as the published benchmark gives them for RadGenome-ChestCT (ASAP, VQA task).

presence: accuracy. size: L1 and RMSE in mm. abnormality, location, disorder: BLEU, ROUGE-L and the hit score, which is the
overlap of the "/"-separated parts of an anatomy ("lung/left lung/left lung lower lobe") over the longer of the two.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from asap.questions import QuestionKind
from asap.text.sizes import find_sizes
from asap_training.tasks.nlg import TextScores, text_scores, words_of

WRITTEN: tuple[QuestionKind, ...] = ("abnormality", "location", "disorder")


@dataclass(frozen=True)
class Answered:
    """One question's true answer and the answer given, as texts."""

    kind: QuestionKind
    reference: str
    answer: str


@dataclass(frozen=True)
class SizeScores:
    """l1_mm, rmse_mm over the questions that were answered with a size; nan where none was. unanswered: the others."""

    n: int
    l1_mm: float
    rmse_mm: float
    unanswered: int


@dataclass(frozen=True)
class WrittenScores:
    """Scores of the answers of one type. hit: mean hit score."""

    n: int
    texts: TextScores
    hit: float


@dataclass(frozen=True)
class VqaScores:
    """Everything the benchmark prints; None for a type no question was of. presence: accuracy."""

    presence: float | None
    size: SizeScores | None
    written: dict[QuestionKind, WrittenScores]


def vqa_scores(answered: Sequence[Answered]) -> VqaScores:
    """Scores of all types."""
    presence = [row for row in answered if row.kind == "presence"]
    sizes = [row for row in answered if row.kind == "size"]
    written = {kind: [row for row in answered if row.kind == kind] for kind in WRITTEN}
    return VqaScores(
        sum(says_so(row) for row in presence) / len(presence) if presence else None,
        size_scores(sizes) if sizes else None,
        {kind: written_scores(rows) for kind, rows in written.items() if rows},
    )


def says_so(row: Answered) -> bool:
    """Whether a yes or no is the true one; "cannot tell" is not."""
    first, true = (words_of(text.replace(".", " ").replace(",", " "))[:1] for text in (row.answer, row.reference))
    return first == true and first in (["yes"], ["no"])


def size_scores(rows: Sequence[Answered]) -> SizeScores:
    """Largest extent told in each answer against that in its reference. Raises ValueError for a reference without a size."""
    gaps_mm = []
    for row in rows:
        true, told = longest_mm(row.reference), longest_mm(row.answer)
        if true is None:
            raise ValueError("a size question needs a size for its answer")
        if told is not None:
            gaps_mm.append(told - true)
    l1 = sum(map(abs, gaps_mm)) / len(gaps_mm) if gaps_mm else math.nan
    rmse = math.sqrt(sum(gap * gap for gap in gaps_mm) / len(gaps_mm)) if gaps_mm else math.nan
    return SizeScores(len(rows), l1, rmse, len(rows) - len(gaps_mm))


def longest_mm(text: str) -> float | None:
    """The largest extent a text tells, in mm; None where it tells none."""
    return max((size.largest_mm for size in find_sizes(text)), default=None)


def written_scores(rows: Sequence[Answered]) -> WrittenScores:
    """Text scores of the answers of one type, words split at blanks."""
    references = [words_of(row.reference) for row in rows]
    answers = [words_of(row.answer) for row in rows]
    hit = sum(hit_score(row.reference, row.answer) for row in rows) / len(rows)
    return WrittenScores(len(rows), text_scores(references, answers), hit)


def hit_score(reference: str, answer: str) -> float:
    """Parts two anatomies share, each as often as both name it, over the number of parts of the longer one."""
    true, told = ([part.strip().lower() for part in text.rstrip(". ").split("/") if part.strip()] for text in (reference, answer))
    longer = max(len(true), len(told))
    return (Counter(true) & Counter(told)).total() / longer if longer else 0.0
