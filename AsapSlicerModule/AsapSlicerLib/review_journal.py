"""The review of the chosen CT kept in a folder as well, step by step: nothing decided is lost with the scene. No window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from asap.review import KeptReview, Review, ReviewError, kept_review

from .events import Event
from .logic import AsapLogic


class ReviewJournal:
    """Begun by the reader, for one CT: its words lie in that folder, which should be the reader's own."""

    def __init__(self, logic: AsapLogic) -> None:
        self._logic = logic
        self._kept: KeptReview | None = None
        self._volume: Any = None
        logic.kept_by = self._keep

    @property
    def folder(self) -> Path | None:
        """Where the chosen CT's review is kept, or None."""
        return self._kept.journal.folder if self._kept is not None and self._volume is self._logic.volume else None

    @property
    def audit_sha256(self) -> str:
        """Head of the audit trail of the chosen CT's review, "" without one."""
        return self._kept.journal.head_sha256 if self._kept is not None and self.folder is not None else ""

    def keep_in(self, folder: Path) -> None:
        """Keep the review in a folder from now on; a review that is there goes on where the scene has none.

        Ends in the event "report", or "error" that says why not.
        """
        logic = self._logic
        try:
            if logic.volume is None:
                raise ReviewError("Choose a CT first; a journal belongs to its review.")
            kept = kept_review.opened(folder) if (folder / "journal.jsonl").exists() else kept_review.create(folder)
            if logic.review is not None:
                kept.keep(logic.review, logic.parameters.reader)
        except ReviewError as error:
            logic.fail(error)
            return
        self._kept, self._volume = kept, logic.volume
        if logic.review is None and kept.review is not None:
            logic.keep(kept.review)
        logic.tell(Event("report"))

    def _keep(self, review: Review) -> None:
        """The next step; what cannot be written now is written with the step after."""
        if self._kept is None or self.folder is None:
            return
        try:
            self._kept.keep(review, self._logic.parameters.reader)
        except ReviewError as error:
            self._logic.fail(error)
