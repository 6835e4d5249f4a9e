"""A review that is on the disk before the reader sees it decided: every change goes through the journal of its folder."""

from __future__ import annotations

from pathlib import Path

from asap.client import ProtocolError

from . import journal
from .changes import applied, change, kind_of
from .decisions import time_now
from .errors import DamagedReview
from .journal import Journal, Note
from .record import check_signature
from .review import Review


class KeptReview:
    """The newest review of one folder, and its journal."""

    def __init__(self, kept: Journal, review: Review | None) -> None:
        self.journal = kept
        self.review = review

    @property
    def author(self) -> str:
        """Who began it."""
        return self.journal.author

    def keep(self, review: Review, author: str) -> None:
        """Write what changed; when this returns, it stays. ReviewError when it could not be written: then nothing was added."""
        record = change(self.review, review)
        if record:
            kind, item, state = kind_of(record)
            note = Note(time_now(), author, kind, item, state, _model_sha256(review, item), review.input_sha256)
            self.journal.append(record, note)
        self.review = review


def create(folder: Path) -> KeptReview:
    """A folder without a review yet. ReviewError when there is one, or the folder cannot be made."""
    return KeptReview(journal.create(folder), None)


def opened(folder: Path) -> KeptReview:
    """The review of a folder as it was left, by whatever end. ReviewError for none, DamagedReview where nothing holds."""
    kept = journal.opened(folder)
    review: Review | None = None
    try:
        for event in kept.events:
            review = applied(review, event)
    except (ValueError, KeyError, TypeError, IndexError, RecursionError, ProtocolError) as error:
        raise DamagedReview("A step of this review cannot be read; use a copy from before that.") from error
    if review is not None:
        check_signature(review)
    return KeptReview(kept, review)


def _model_sha256(review: Review, item: str) -> str:
    """The digest of the model behind an item, else of the first sentence's."""
    of, _, index = item.partition(" ")
    rows = review.answers if of.startswith("answer") else review.sentences
    at = int(index) if index.isdecimal() else 0
    return rows[at].weights_sha256 if at < len(rows) else ""
