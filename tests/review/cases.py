"""Small reviews for the tests of this folder."""

from __future__ import annotations

from asap.client.protocol import GroundAnswer, ground_answer
from asap.review import Drafted, Review, ReviewedAnswer, new_review
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


def drafted() -> Review:
    """Three sentences a model wrote: one it stands by, one it held back, one the classifier contradicts."""
    said = (
        Drafted("supported", "Lungs", 0.93, label="Lung nodule", label_probability=0.9),
        Drafted("held back", "Pleura", 0.31, "31% is less than the 50% a sentence needs."),
        Drafted("contradicted", "Heart", 0.7, "The classifier says the opposite: Cardiomegaly 12%.", "Cardiomegaly", 0.12),
    )
    return new_review("FINDINGS:\nthe draft", answer(TEXTS[:3]), input_sha256="cd" * 32, drafted=said)
