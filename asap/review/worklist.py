"""A worklist: answers about many cases, in an order that tells nothing. It is a `Review` of answers only.

Cases come in random order and stay together; within a case so do questions; the answers to one question stand in random order.
Models are not named. What was judged is in the journal, so a stopped list goes on where it was.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from .answer_lists import ListedAnswer
from .documents import NOTICE
from .review import Review, ReviewedAnswer

T = TypeVar("T")

# One of each kind of question that chest CT models are asked: presence, abnormality, location, size, disorder.
QUESTIONS = (
    "Is there a pleural effusion?",
    "What abnormality is seen in the lungs?",
    "Where is the largest lesion?",
    "How large is the largest nodule, in millimetres?",
    "Which disease do these findings suggest?",
)


@dataclass(frozen=True)
class Progress:
    """How far a list is: answers judged of all, cases finished of all, and the median seconds an answer took, or None."""

    judged: int
    answers: int
    cases_done: int
    cases: int
    median_seconds: float | None


def blind_order(listed: Sequence[ListedAnswer], seed: int) -> list[int]:
    """Row numbers in the order one reader sees them; the same seed gives the same order."""
    chance = random.Random(seed)
    rows: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for number, row in enumerate(listed):
        rows[row.case][row.question].append(number)
    order = []
    for case in _shuffled(sorted(rows), chance):
        for question in _shuffled(sorted(rows[case]), chance):
            order += _shuffled(sorted(rows[case][question], key=lambda n: listed[n].model), chance)
    return order


def blind_list(listed: Sequence[ListedAnswer], order: Sequence[int]) -> Review:
    """The worklist of one reader: rows in this order, without the names of models."""
    answers = tuple(ReviewedAnswer(listed[n].question, listed[n].answer, "", "", case=listed[n].case) for n in order)
    return Review("", "", NOTICE, (), answers)


def progress(review: Review) -> Progress:
    """How far the list is."""
    left = {answer.case for answer in review.answers if answer.verdict is None}
    cases = {answer.case for answer in review.answers}
    times = sorted(seconds_of(answer) for answer in review.answers if answer.verdict is not None)
    middle = None if not times else (times[(len(times) - 1) // 2] + times[len(times) // 2]) / 2
    judged = sum(answer.verdict is not None for answer in review.answers)
    return Progress(judged, len(review.answers), len(cases - left), len(cases), middle)


def seconds_of(answer: ReviewedAnswer) -> float:
    """Seconds a reader spent on an answer, all visits that ended in a verdict together."""
    return sum(step.seconds or 0.0 for step in answer.decisions)


def to_do(review: Review, start: int = 0) -> int | None:
    """The first answer without a verdict from `start` on, round the end to the beginning; None when all are judged."""
    count = len(review.answers)
    return next((at % count for at in range(start, start + count) if review.answers[at % count].verdict is None), None)


def next_case(review: Review, index: int, by: int) -> int:
    """The first answer of the case after (by=1) or before (by=-1) that of `index`; stays where there is none."""
    starts = [n for n, answer in enumerate(review.answers) if n == 0 or answer.case != review.answers[n - 1].case]
    here = max(n for n, start in enumerate(starts) if start <= index)
    return starts[min(max(here + by, 0), len(starts) - 1)]


def history(review: Review, case: str) -> list[int]:
    """The answers about one case, in the order of the list."""
    return [n for n, answer in enumerate(review.answers) if answer.case == case]


def rivals(review: Review, index: int) -> list[int]:
    """Other answers to the same question about the same case: what an answer can be compared with."""
    here = review.answers[index]
    return [n for n in history(review, here.case) if n != index and review.answers[n].question == here.question]


def suggestions(review: Review, case: str) -> list[str]:
    """Questions not asked of this case yet: those asked of other cases, most frequent first, then one of each common kind."""
    asked = {review.answers[n].question for n in history(review, case)}
    elsewhere = Counter(answer.question for answer in review.answers if answer.case != case)
    ranked = [question for question, _count in sorted(elsewhere.items(), key=lambda pair: (-pair[1], pair[0]))]
    return [question for question in dict.fromkeys((*ranked, *QUESTIONS)) if question not in asked]


def _shuffled(items: list[T], chance: random.Random) -> list[T]:
    chance.shuffle(items)
    return items
