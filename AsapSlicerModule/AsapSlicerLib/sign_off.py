"""Signing the report under review, which ends every change but amendments. No window."""

from __future__ import annotations

from asap.review import amended, signed

from .logic import AsapLogic


def can_sign(logic: AsapLogic) -> bool:
    """Whether every sentence is decided, a reader is named and nobody has signed."""
    review = logic.review
    if review is None or review.signature is not None:
        return False
    return review.reviewed > 0 and review.waiting == 0 and bool(logic.parameters.reader)


def sign(logic: AsapLogic) -> None:
    """Sign in the reader's name; ends in the event "report", or "error" that says what is missing."""
    logic.change(lambda review: signed(review, logic.parameters.reader))


def amend(logic: AsapLogic, text: str) -> None:
    """Add words below a signed report; the same events."""
    logic.change(lambda review: amended(review, logic.parameters.reader, text))
