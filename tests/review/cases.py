"""Small reviews for the tests of this folder."""

from __future__ import annotations

from asap.client.protocol import GroundAnswer, ground_answer
from asap.review import Review, ReviewedAnswer, new_review
from tests.client.scripted import ground_result

TEXTS = ["A nodule in the right lung.", "No effusion.", "The heart is large.", "The aorta is wide."]


def answer(texts: list[str] | None = None) -> GroundAnswer:
    """What a server says of some sentences."""
    return ground_answer(ground_result(texts or TEXTS))


def fresh() -> Review:
    """Four drafts and two answered questions."""
    review = new_review("the report", answer(), input_sha256="cd" * 32)
    evidence = answer().sentences[0]
    review = review.asked(ReviewedAnswer("Is there a nodule?", "Yes.", "asap-mini", "ab" * 32, 0.8, evidence))
    return review.asked(ReviewedAnswer("Where?", "Right lung.", "asap-mini", "ab" * 32))


def accepted() -> Review:
    """All four sentences accepted."""
    review = fresh()
    for index in range(len(review.sentences)):
        review = review.decided(index, "accepted", "Dr A")
    return review
