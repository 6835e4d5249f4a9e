"""One step of a review: who decided what about a sentence or an answer, when, and in which words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, get_args

from .errors import ReviewError

State = Literal["draft", "accepted", "edited", "rejected"]
Verdict = Literal["agree", "disagree", "unsure"]
STATES: tuple[State, ...] = get_args(State)
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


@dataclass(frozen=True)
class Decision:
    """time_utc: ISO 8601. text: the wording from then on. number: counts every decision of the review, from 1.

    verdict: what the reader said of an answer, None for a sentence. undoes: the number of the decision taken back by this one.
    seconds: from the moment the answer was shown to the verdict, where that was measured.
    """

    state: State
    author: str
    time_utc: str
    text: str
    number: int
    verdict: Verdict | None = None
    undoes: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Preference:
    """Which of two answers to one question is the better one; None when neither is. first, second, better: indices of answers."""

    author: str
    time_utc: str
    first: int
    second: int
    better: int | None


def state_of(verdict: Verdict, correction: str) -> State:
    """The state a verdict on an answer leads to: what is unsure stays a draft, a disagreement with a correction is an edit."""
    if verdict == "unsure":
        return "draft"
    if verdict == "agree":
        return "accepted"
    return "edited" if correction else "rejected"


def one_line(text: str) -> str:
    """Words with single spaces between them. ReviewError when there are none."""
    words = " ".join(text.split())
    if not words:
        raise ReviewError("Write at least one word.")
    return words


def time_now() -> str:
    """Now in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
