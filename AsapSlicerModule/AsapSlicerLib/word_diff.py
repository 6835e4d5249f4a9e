"""An edited sentence against its draft: shared with the documents of a review."""

from asap.review.word_diff import as_html, word_changes

__all__ = ["as_html", "word_changes"]
