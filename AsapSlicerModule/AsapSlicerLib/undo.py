"""Undo of decisions. History stays honest: an undone decision is followed by one that goes back; none leaves the record."""

from __future__ import annotations

from dataclasses import replace

from .review import Decision, Review, ReviewedSentence, time_now


class Undo:
    """The sentences as they were before each decision, newest last."""

    def __init__(self) -> None:
        self._before: list[tuple[int, ReviewedSentence]] = []

    def __bool__(self) -> bool:
        return bool(self._before)

    def remember(self, index: int, sentence: ReviewedSentence) -> None:
        """A decision about this sentence comes next."""
        self._before.append((index, sentence))

    def forget(self) -> None:
        """Another review begins."""
        self._before.clear()

    def undone(self, review: Review, author: str) -> tuple[Review, int] | None:
        """The review with the last decision taken back, and whose it was; None when there is nothing to take back."""
        if not self._before:
            return None
        index, before = self._before.pop()
        if index >= len(review.sentences) or review.sentences[index].draft != before.draft:
            return None
        back = Decision(before.state, author, time_now(), before.text)
        now = review.sentences[index]
        restored = replace(now, decisions=(*now.decisions, back), answer=before.answer, weights_sha256=before.weights_sha256)
        sentences = (*review.sentences[:index], restored, *review.sentences[index + 1 :])
        return replace(review, sentences=sentences), index
