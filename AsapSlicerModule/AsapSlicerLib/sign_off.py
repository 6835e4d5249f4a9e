"""Signing the report under review, which ends every change but amendments. No window."""

from __future__ import annotations

from collections.abc import Callable

from asap.review import Review, amended, signed

from .events import Event
from .logic import AsapLogic


def can_sign(logic: AsapLogic) -> bool:
    """Whether every sentence is decided, a reader is named and nobody has signed."""
    review = logic.review
    decided = review is not None and bool(review.sentences) and review.reviewed == len(review.sentences)
    return decided and review is not None and review.signature is None and bool(logic.parameters.reader)


def sign(logic: AsapLogic) -> None:
    """Sign in the reader's name; ends in the event "report", or "error" that says what is missing."""
    _changed(logic, lambda review: signed(review, logic.parameters.reader))


def amend(logic: AsapLogic, text: str) -> None:
    """Add words below a signed report; the same events."""
    _changed(logic, lambda review: amended(review, logic.parameters.reader, text))


def _changed(logic: AsapLogic, change: Callable[[Review], Review]) -> None:
    if logic.review is None:
        return
    try:
        logic.keep(change(logic.review))
    except ValueError as error:
        logic.fail(error)
        return
    logic.tell(Event("report"))
