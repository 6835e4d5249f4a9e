"""One reader at a worklist: the place in it, verdicts that are on the disk before the next answer is shown, seconds of each.

Terminal, Slicer and browser are faces over this.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from . import kept_review
from .decisions import Verdict
from .errors import ReviewError
from .review import Review, ReviewedAnswer
from .worklist import Progress, history, next_case, progress, rivals, suggestions, to_do


class Reading:
    """A list of `study.begin` and where its reader is.

    name: beside the verdicts; "" takes the one the list was made for. Raises ReviewError where there is no list.
    """

    def __init__(self, folder: Path, name: str = "", clock_s: Callable[[], float] = time.monotonic) -> None:
        self._kept = kept_review.opened(folder)
        if self._kept.review is None or not self._kept.review.answers:
            raise ReviewError("There is no list of answers in this folder.")
        self.name = name or self._kept.author
        self._clock_s = clock_s
        self.at = to_do(self.review) or 0
        self._shown_s = clock_s()

    @property
    def review(self) -> Review:
        """The list as it stands."""
        assert self._kept.review is not None
        return self._kept.review

    @property
    def answer(self) -> ReviewedAnswer:
        """What is before the reader."""
        return self.review.answers[self.at]

    @property
    def progress(self) -> Progress:
        """How far the list is."""
        return progress(self.review)

    @property
    def history(self) -> list[ReviewedAnswer]:
        """All answers about the case before the reader."""
        return [self.review.answers[n] for n in history(self.review, self.answer.case)]

    @property
    def suggestions(self) -> list[str]:
        """Questions that could be asked of this case too."""
        return suggestions(self.review, self.answer.case)

    @property
    def rival(self) -> int | None:
        """Another answer to the question before the reader, or None."""
        return next(iter(rivals(self.review, self.at)), None)

    def judge(self, verdict: Verdict, correction: str = "") -> bool:
        """A verdict on the answer; then the next without one. False when that was the last."""
        seconds = round(self._clock_s() - self._shown_s, 2)
        self._kept.keep(self.review.judged(self.at, verdict, self.name, correction, seconds), self.name)
        following = to_do(self.review, self.at)
        if following is not None:
            self.go(following)
        return following is not None

    def undo(self) -> bool:
        """Take the last verdict back and go there. False when there is none."""
        last, undone = self.review.last_decision, self.review.undone(self.name)
        if last is None or undone is None:
            return False
        self._kept.keep(undone, self.name)
        self.go(last[1])
        return True

    def prefer(self, better: int | None) -> None:
        """Say which of the answer and its rival is the better one, by index; None when neither is."""
        if self.rival is None:
            raise ReviewError("There is no second answer to this question.")
        self._kept.keep(self.review.preferred(self.at, self.rival, better, self.name), self.name)

    def step(self, by: int) -> None:
        """The next answer (1) or the one before (-1)."""
        self.go(min(max(self.at + by, 0), len(self.review.answers) - 1))

    def step_case(self, by: int) -> None:
        """The first answer about the next case (1) or the one before (-1)."""
        self.go(next_case(self.review, self.at, by))

    def go(self, index: int) -> None:
        """Show an answer; its time counts from now."""
        self.at, self._shown_s = index, self._clock_s()
