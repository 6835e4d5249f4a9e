"""What a reader can do wrong, or find damaged, in a review: one sentence that says what to do, and no words of the report."""

from __future__ import annotations


class ReviewError(ValueError):
    """The step cannot be taken, or the file cannot be used; nothing was changed."""


class DamagedReview(ReviewError):
    """A review, its journal or its audit trail does not hold together."""
