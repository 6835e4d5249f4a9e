"""Signing a review, which freezes it, and amending what is signed."""

from __future__ import annotations

from dataclasses import replace

from .decisions import one_line, time_now
from .errors import ReviewError
from .record import content_sha256
from .review import Review
from .signing import Signature, chained


def signed(review: Review, author: str) -> Review:
    """The review, frozen. ReviewError without a name, while a decision is missing, or when it is signed already."""
    review.must_be_open()
    name = _name(author, "report")
    if not review.reviewed or review.waiting:
        left = review.waiting or len(review.sentences)
        raise ReviewError(f"Accept, edit or reject every sentence before signing; drafts left: {left}.")
    return replace(review, signature=Signature(name, time_now(), content_sha256(review)))


def amended(review: Review, author: str, text: str, sentence: int | None = None) -> Review:
    """The signed review with words added below. ReviewError before signing, without a name or words, or for no sentence."""
    if review.signature is None:
        raise ReviewError("Only a signed report is amended; edit the sentence instead.")
    if sentence is not None and not 0 <= sentence < len(review.sentences):
        raise ReviewError("There is no such sentence to amend.")
    previous = review.amendments[-1].sha256 if review.amendments else review.signature.sha256
    added = chained(previous, _name(author, "amendment"), time_now(), one_line(text), sentence)
    return replace(review, amendments=(*review.amendments, added))


def _name(author: str, what: str) -> str:
    if not author.strip():
        raise ReviewError(f"Enter your name first; it stands under the {what}.")
    return one_line(author)
